"""Shard lists that are long, or lie."""

from __future__ import annotations

import pytest

from atdata.atmosphere import (
    AtmosphereClient,
    AtUri,
    DatasetLoader,
    DatasetPublisher,
)
from atdata.errors import (
    EntryError,
)
from atdata.shards.info import content_cid

from .conftest import infos

pytestmark = pytest.mark.xdist_group("pds")


def test_a_long_shard_list_goes_into_a_manifest(
    publisher: DatasetPublisher, loader: DatasetLoader, schema: AtUri, client: AtmosphereClient
) -> None:
    url, known = ["s3://bucket/{00000..04999}.tar"], infos(5000)
    uri = publisher.publish_with_urls(url, schema, name="long", shards=known)
    record = loader.read(uri)
    assert record.shards is None
    assert record.manifest is not None
    assert record.schema_cid is not None
    assert record.content_cid == content_cid(record.schema_cid, known)
    assert record.samples == 20_000
    assert loader.get_shards(uri) == tuple(known)
    assert len(loader.to_dataset(uri).list_shards()) == 5000
    before = client.find_record(uri)
    publisher.publish_with_urls(url, schema, name="long", shards=known)
    assert client.find_record(uri) == before


def test_a_record_that_is_too_large(publisher: DatasetPublisher, schema: AtUri) -> None:
    urls = [f"s3://bucket/{'x' * 300}/{n}.tar" for n in range(4000)]
    with pytest.raises(EntryError, match=r"about a million.*\n.*brace notation"):
        publisher.publish_with_urls(urls, schema, name="x", shards=infos(4000))
    with pytest.raises(EntryError, match="4096 URLs"):
        publisher.publish_with_urls([*urls, *urls], schema, name="x")
    with pytest.raises(EntryError, match="without data URLs"):
        publisher.publish_with_urls([], schema, name="x")
