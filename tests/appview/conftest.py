from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from atdata.appview.database.opening import open_database
from atdata.appview.database.protocol import Database

from .hostile_pds import HostilePDS, hostile_server
from .postgres import new_database, postgres_server
from .running import AppView, in_thread


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    where: str | Path = tmp_path / "appview.db"
    if request.param == "postgresql":
        where = new_database(request.getfixturevalue("postgres_url"))
    opened = open_database(where)
    yield opened
    opened.close()


@pytest.fixture
def appview(tmp_path: Path) -> Iterator[AppView]:
    with in_thread(tmp_path / "appview") as service:
        yield service


@pytest.fixture
def hostile_pds(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostilePDS]:
    """A hostile server; of this machine's addresses it is the only one that may be reached."""
    with hostile_server() as server:
        monkeypatch.setenv("ATDATA_PDS_URL", server.url)
        yield server
