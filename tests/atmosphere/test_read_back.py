"""What was published, read again: from where the record says, and from nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import atdata
from atdata.atmosphere import AtmosphereClient, AtUri, DatasetLoader, DatasetPublisher
from atdata.atmosphere.read_back import read_back
from atdata.errors import (
    DigestMismatch,
    EntryNotFound,
    NetworkError,
    RecordError,
    SchemaNotFound,
    ShardError,
)
from atdata.shards.info import ShardInfo, inspect_shard
from readings import Reading, write_readings
from servers.atproto_pds import Pds

from .web import Web

pytestmark = pytest.mark.xdist_group("pds")


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Two shards."""
    return [Path(path) for path in write_readings(tmp_path / "in", 8)]


@pytest.fixture
def published(web: Web, publisher: DatasetPublisher, schema: AtUri, paths: list[Path]) -> AtUri:
    """They, on a web server, in a record that tells their digests."""
    urls = serve(web, paths)
    return publisher.publish_with_urls(
        urls, schema, name="x", shards=[inspect_shard(path) for path in paths]
    )


def serve(web: Web, paths: list[Path]) -> list[str]:
    web.routes |= {f"/{path.name}": path.read_bytes() for path in paths}
    return [f"{web.url}/{path.name}" for path in paths]


def test_every_shard_is_read_from_where_the_record_says(
    client: AtmosphereClient, loader: DatasetLoader, published: AtUri, web: Web
) -> None:
    assert read_back(client, published) == loader.read(published)
    assert [path for path in web.asked if path.endswith(".tar")] == ["/000000.tar", "/000001.tar"]
    # Every time anew: no copy of this machine stands in for them.
    web.routes["/000001.tar"] = b"x" * 5000
    with pytest.raises(DigestMismatch, match=r"000001\.tar.*\n.*is published, but.*publish again"):
        read_back(client, published)
    web.routes["/000001.tar"] = 404
    with pytest.raises((NetworkError, OSError), match=r"000001\.tar"):
        read_back(client, published)


def test_blobs_are_read_from_the_server(
    client: AtmosphereClient, publisher: DatasetPublisher, paths: list[Path], pds: Pds
) -> None:
    ds = atdata.Dataset[Reading](list(map(str, paths)))
    uri = publisher.publish(ds, name="x")
    with pds.requests() as made:
        read_back(client, uri)
    assert made.count("getBlob") == 2


def test_a_count_that_is_wrong(
    client: AtmosphereClient,
    publisher: DatasetPublisher,
    schema: AtUri,
    web: Web,
    paths: list[Path],
) -> None:
    true = [inspect_shard(path) for path in paths]
    lies = [true[0], ShardInfo(true[1].cid, true[1].size, 5)]
    uri = publisher.publish_with_urls(serve(web, paths), schema, name="x", shards=lies)
    with pytest.raises(DigestMismatch, match="4 samples, not 5"):
        read_back(client, uri)


def test_shards_without_digests_have_to_be_sound(
    client: AtmosphereClient,
    publisher: DatasetPublisher,
    schema: AtUri,
    web: Web,
    paths: list[Path],
) -> None:
    uri = publisher.publish_with_urls(serve(web, paths), schema, name="x")
    assert read_back(client, uri).shards is None
    web.routes["/000001.tar"] = paths[1].read_bytes()[:-700]
    with pytest.raises(ShardError, match=r"000001\.tar.*\n.*is published, but"):
        read_back(client, uri)


def test_another_record_than_was_written(
    client: AtmosphereClient, loader: DatasetLoader, published: AtUri
) -> None:
    written = loader.read(published)
    read_back(client, published, written)
    value: dict[str, Any] = {**client.get_record(published), "description": "theirs"}
    client.put_record(published.collection, published.rkey, value)
    with pytest.raises(RecordError, match=r"not the one that was written.*\n.*publish yours again"):
        read_back(client, published, written)
    client.delete_record(value["schemaRef"])
    with pytest.raises(SchemaNotFound):
        read_back(client, published)
    client.delete_record(published)
    with pytest.raises(EntryNotFound, match=r"not there.*\n.*Publish it again"):
        read_back(client, published)
