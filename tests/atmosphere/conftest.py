"""Publishing, reading, and strangers of the network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from atdata.atmosphere import (
    AtmosphereClient,
    AtUri,
    DatasetLoader,
    DatasetPublisher,
    SchemaPublisher,
)
from atdata.shards.info import ShardInfo
from atdata_records import cid as cids
from readings import Reading
from servers.atproto_pds import Pds
from stores.conftest import make_dataset as make_dataset

from .web import Web, web_server

URLS = ["s3://bucket/train-{000000..000004}.tar", "https://example.com/more.tar"]
"""Six shards that nobody opens."""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server of another party, which connections are allowed to."""
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    with web_server() as server:
        yield server


@pytest.fixture
def publisher(client: AtmosphereClient) -> DatasetPublisher:
    """Of a fresh account."""
    return DatasetPublisher(client)


@pytest.fixture
def loader(pds_env: Pds) -> DatasetLoader:
    """Of somebody who is not logged in."""
    return DatasetLoader(AtmosphereClient())


@pytest.fixture
def schema(client: AtmosphereClient) -> AtUri:
    """The published schema of readings."""
    return SchemaPublisher(client).publish(Reading, version="1.0.0")


def infos(count: int) -> list[ShardInfo]:
    """Infos of that many shards of four samples, which do not exist."""
    return [ShardInfo(cids.of_bytes(b"%d" % n), 10_000 + n, 4) for n in range(count)]
