"""An ingest that follows for a test, and the embedded database that it writes to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from atdata.appview.database.opening import open_database
from atdata.appview.database.protocol import Database
from atdata.appview.database.reading import Reading, Search
from atdata.appview.ingest.follow import Ingest
from atdata.appview.ingest.network import Network
from atdata.appview.ingest.sources import Source


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite database."""
    opened = open_database(tmp_path / "appview.db")
    yield opened
    opened.close()


@contextmanager
def following(database: Database, *sources: Source) -> Iterator[Ingest]:
    """An ingest that runs until the end of the block."""
    network = Network(source.url for source in sources if source.kind == "pds")
    ingest = Ingest(database, network, sources)
    ingest.start()
    try:
        yield ingest
    finally:
        ingest.stop()


def names(database: Database, did: str) -> set[str]:
    """Names of the datasets that are shown of a repository."""
    page = Reading(database).datasets(Search(author=did), 1000)
    return {row["name"] for row in page.rows}
