"""The two backends, each on a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atdata.local import LocalIndex
from atdata.local.backend import Backend
from atdata.local.redis import RedisBackend, redis_client
from atdata.local.sqlite import SqliteBackend
from atdata.shards.writer import cut_shards


@pytest.fixture(params=["sqlite", "redis"])
def backend_kind(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on."""
    return str(request.param)


@pytest.fixture
def place(backend_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Where the database is: a file's path, or the URL of an empty server."""
    if backend_kind == "sqlite":
        return str(tmp_path / "index" / "index.db")
    request.getfixturevalue("redis_client")  # empties the server
    return str(request.getfixturevalue("redis_url"))


def open_backend(place: str) -> Backend:
    """A backend of its own connections; also for child processes."""
    if place.startswith("redis://"):
        return RedisBackend(redis_client(place))
    return SqliteBackend(Path(place))


@pytest.fixture
def backends(place: str) -> Iterator[Callable[[], Backend]]:
    """Makes backends on the same database."""
    opened: list[Backend] = []

    def make() -> Backend:
        opened.append(open_backend(place))
        return opened[-1]

    yield make
    for backend in opened:
        backend.close()


@pytest.fixture
def backend(backends: Callable[[], Backend]) -> Backend:
    """An empty backend."""
    return backends()


def open_index(place: str, **options: Any) -> LocalIndex:
    """An index on a database; also for child processes."""
    if place.startswith("redis://"):
        return LocalIndex(redis=place, check_places=False, **options)
    return LocalIndex(path=place, **options)


@pytest.fixture
def index(place: str) -> Iterator[LocalIndex]:
    """An empty index without a data store."""
    with open_index(place) as opened:
        yield opened


@pytest.fixture
def make_shards(tmp_path: Path) -> Callable[..., list[Path]]:
    """Writes samples as shards of two."""

    def make(samples: list[Any], folder: str = "shards") -> list[Path]:
        (tmp_path / folder).mkdir()
        return [path for path, _ in cut_shards(samples, tmp_path / folder, maxcount=2)]

    return make
