"""One name, one content: nothing twice, nothing overwritten unasked."""

from __future__ import annotations

from typing import Any

import pytest

from atdata.atmosphere import (
    AtmosphereClient,
    AtUri,
    DatasetLoader,
    DatasetPublisher,
)
from atdata.errors import (
    EntryConflict,
    EntryError,
    RecordError,
)
from atdata.shards.manifest import ShardInfo, content_cid

from .conftest import URLS, infos

pytestmark = pytest.mark.xdist_group("pds")


def test_shards_that_are_known(
    publisher: DatasetPublisher, loader: DatasetLoader, schema: AtUri
) -> None:
    uri = publisher.publish_with_urls(URLS, schema, name="known", shards=infos(6))
    record = loader.get_record(uri)
    assert record.schema_cid is not None
    assert record.content_cid == content_cid(record.schema_cid, infos(6))
    assert (record.size, record.samples) == (60_015, 24)


def test_publishing_again_changes_nothing(
    publisher: DatasetPublisher, schema: AtUri, client: AtmosphereClient
) -> None:
    details: dict[str, Any] = {"description": "d", "metadata": {"b": 1, "a": 2}}
    uri = publisher.publish_with_urls(URLS, schema, name="x", **details)
    before = client.find_record(uri)
    assert publisher.publish_with_urls(URLS, schema, name="x", **details) == uri
    assert publisher.publish_with_urls(URLS, schema, name="x") == uri
    assert client.find_record(uri) == before


def test_the_same_data_is_brought_up_to_date(
    publisher: DatasetPublisher, loader: DatasetLoader, schema: AtUri
) -> None:
    uri = publisher.publish_with_urls(URLS, schema, name="x", description="d", tags=["t"])
    first = loader.get_record(uri)
    # Digests become known, and the description another.
    publisher.publish_with_urls(URLS, schema, name="x", shards=infos(6), description="better")
    second = loader.get_record(uri)
    assert (second.description, second.tags) == ("better", ["t"])
    assert second.content_cid is not None
    assert second.created_at == first.created_at
    # Known digests stay when nobody looks at the shards.
    publisher.publish_with_urls(URLS, schema, name="x")
    assert loader.get_record(uri) == second
    # The same shards move elsewhere.
    publisher.publish_with_urls(["s3://new/{0..5}.tar"], schema, name="x", shards=infos(6))
    third = loader.get_record(uri)
    assert loader.get_urls(uri) == ["s3://new/{0..5}.tar"]
    assert third.content_cid == second.content_cid
    # The same URLs, written differently.
    publisher.publish_with_urls([f"s3://new/{n}.tar" for n in range(6)], schema, name="x")
    assert len(loader.get_urls(uri)) == 6
    assert loader.get_record(uri).content_cid == second.content_cid


def test_other_data_is_a_conflict(
    publisher: DatasetPublisher, loader: DatasetLoader, schema: AtUri
) -> None:
    uri = publisher.publish_with_urls(URLS, schema, name="x", shards=infos(6), description="d")
    first = loader.get_record(uri)
    others: list[tuple[list[str], list[ShardInfo] | None]] = [
        (URLS, infos(7)[1:]),
        (["s3://other/a.tar"], None),
    ]
    for urls, known in others:
        with pytest.raises(EntryConflict, match="stands for other data"):
            publisher.publish_with_urls(urls, schema, name="x", shards=known)
        assert loader.get_record(uri) == first
    publisher.publish_with_urls(["s3://other/a.tar"], schema, name="x", replace=True)
    replaced = loader.get_record(uri)
    assert (replaced.content_cid, replaced.description) == (None, None)
    assert replaced.created_at == first.created_at


def test_fields_of_other_tools_stay(
    publisher: DatasetPublisher, client: AtmosphereClient, schema: AtUri
) -> None:
    uri = publisher.publish_with_urls(URLS, schema, name="x")
    client.put_record(
        uri.collection, uri.rkey, {**client.get_record(uri), "com.example.note": {"a": 1}}
    )
    publisher.publish_with_urls(URLS, schema, name="x", description="new")
    value = client.get_record(uri)
    assert (value["description"], value["com.example.note"]) == ("new", {"a": 1})


@pytest.mark.parametrize(
    "details",
    [
        {"description": "x" * 40_000},
        {"tags": ["t"] * 65},
        {"metadata": {"a": float("nan")}},
        {"metadata": {"a": object()}},
    ],
)
def test_details_that_can_not_be_published(
    publisher: DatasetPublisher, client: AtmosphereClient, schema: AtUri, details: dict[str, Any]
) -> None:
    with pytest.raises((RecordError, EntryError)):
        publisher.publish_with_urls(URLS, schema, name="x", **details)
    assert client.list_datasets() == []
