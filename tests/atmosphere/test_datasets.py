"""Datasets in repositories: published once, brought up to date, loaded verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import atdata
from atdata.atmosphere import (
    AtmosphereClient,
    AtUri,
    DatasetLoader,
    DatasetPublisher,
    SchemaPublisher,
)
from atdata.errors import (
    EntryConflict,
    EntryError,
    EntryNotFound,
    RecordError,
    SchemaConflict,
    SchemaNotFound,
    ShardError,
    UrlError,
)
from atdata.local import S3DataStore
from atdata.samples.schema import schema_cid, schema_document
from atdata.shards.manifest import ShardInfo, content_cid, inspect_shard
from atdata_records import cid as cids
from atdata_records.ac.foundation.dataset.record import Record
from readings import Reading, labels, write_readings
from servers.atproto_pds import Pds

pytestmark = pytest.mark.xdist_group("pds")

URLS = ["s3://bucket/train-{000000..000004}.tar", "https://example.com/more.tar"]


@pytest.fixture
def publisher(client: AtmosphereClient) -> DatasetPublisher:
    return DatasetPublisher(client)


@pytest.fixture
def loader(pds_env: Pds) -> DatasetLoader:
    """Of somebody who is not logged in."""
    return DatasetLoader(AtmosphereClient())


@pytest.fixture
def schema(client: AtmosphereClient) -> AtUri:
    return SchemaPublisher(client).publish(Reading, version="1.0.0")


def infos(count: int) -> list[ShardInfo]:
    return [ShardInfo(cids.of_bytes(b"%d" % n), 10_000 + n, 4) for n in range(count)]


def test_urls_as_published(
    publisher: DatasetPublisher, loader: DatasetLoader, schema: AtUri, client: AtmosphereClient
) -> None:
    uri = publisher.publish_with_urls(
        URLS,
        str(schema),
        name="many readings",
        description="What sensors say.",
        tags=["a", "b"],
        license="CC0-1.0",
        metadata={"rate": 0.5, "unit": "V"},
    )
    assert str(uri) == f"at://{client.did}/ac.foundation.dataset.record/many~20readings"
    value = loader.get(uri)
    assert value["storage"]["urls"] == URLS
    assert value["schemaRef"] == str(schema)
    assert value["schemaCid"] == schema_cid("Reading", "1.0.0", schema_document(Reading))
    assert (value["description"], value["tags"], value["license"]) == (
        "What sensors say.",
        ["a", "b"],
        "CC0-1.0",
    )
    assert "contentCid" not in value
    assert loader.get_storage_type(uri) == "external"
    assert loader.get_urls(uri) == URLS
    assert loader.get_metadata(uri) == {"rate": 0.5, "unit": "V"}
    with pytest.raises(EntryError, match="not blobs"):
        loader.get_blobs(uri)
    with pytest.raises(EntryError, match="not blobs"):
        loader.get_blob_urls(uri)


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
        (URLS, infos(7)),
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


def test_blobs_as_published(
    publisher: DatasetPublisher, loader: DatasetLoader, schema: AtUri, tmp_path: Path
) -> None:
    paths = write_readings(tmp_path, 10)
    blobs = [Path(path).read_bytes() for path in paths]
    uri = publisher.publish_with_blobs(blobs, schema, name="as blobs")
    assert loader.get_storage_type(uri) == "blobs"
    assert [blob["ref"]["$link"] for blob in loader.get_blobs(uri)] == [
        cids.of_bytes(blob) for blob in blobs
    ]
    with pytest.raises(EntryError, match="not at URLs"):
        loader.get_urls(uri)
    assert labels(atdata.Dataset[Reading](loader.get_blob_urls(uri))) == list(range(10))
    assert labels(loader.to_dataset(uri, Reading)) == list(range(10))
    assert labels(loader.load_dataset(str(uri))) == list(range(10))
    assert loader.get_metadata(uri) is None


def test_bytes_that_are_no_shard(publisher: DatasetPublisher, schema: AtUri) -> None:
    with pytest.raises(ShardError):
        publisher.publish_with_blobs([b"x" * 2048], schema, name="x")


def test_a_dataset_of_local_files_becomes_blobs(
    publisher: DatasetPublisher, loader: DatasetLoader, tmp_path: Path
) -> None:
    paths = write_readings(tmp_path, 10)
    uri = publisher.publish_dataset(
        atdata.Dataset[Reading](paths), name="local", description="From files."
    )
    record = loader.get_record(uri)
    assert record.schema_ref.endswith("/Reading:1.0.0")
    assert record.schema_cid is not None
    known = [inspect_shard(path) for path in paths]
    assert record.content_cid == content_cid(record.schema_cid, known)
    assert labels(loader.to_dataset(uri)) == list(range(10))


def test_urls_in_place_of_the_datasets_own(
    publisher: DatasetPublisher, loader: DatasetLoader, tmp_path: Path
) -> None:
    ds = atdata.Dataset[Reading](write_readings(tmp_path, 4))
    uri = publisher.publish_dataset(ds, name="x", urls=["ipfs://bafkreia/x.tar"])
    assert loader.get_urls(uri) == ["ipfs://bafkreia/x.tar"]


def test_a_store_gets_a_copy(
    publisher: DatasetPublisher,
    loader: DatasetLoader,
    tmp_path: Path,
    s3_credentials: dict[str, str],
    s3_bucket: str,
) -> None:
    ds = atdata.Dataset[Reading](write_readings(tmp_path, 10))
    store = S3DataStore(s3_credentials, bucket=s3_bucket)
    uri = publisher.publish(ds, name="x", data_store=store, prefix="p", maxcount=5)
    urls = loader.get_urls(uri)
    assert len(urls) == 2
    assert all(url.startswith(f"s3://{s3_bucket}/p/00000") for url in urls)
    assert labels(loader.to_dataset(uri)) == list(range(10))


def test_a_schema_that_describes_other_samples(
    publisher: DatasetPublisher, schema: AtUri, client: AtmosphereClient, tmp_path: Path
) -> None:
    @atdata.packable
    class Other:
        x: int

    with pytest.raises(SchemaConflict, match="does not describe Other"):
        publisher.publish(atdata.Dataset[Other](URLS), name="x", schema_uri=schema)
    with pytest.raises(SchemaNotFound):
        publisher.publish_with_urls(URLS, f"{schema}1", name="x")
    assert client.list_datasets() == []


@pytest.mark.parametrize(
    "url",
    [
        "/etc/passwd",
        "relative.tar",
        "file:///etc/passwd",
        "pipe:cat /etc/passwd",
        "https://",
        "https://host",
        "https://user:secret@host/a.tar",
        "ftp://host/a.tar",
        "s3:///key",
    ],
)
def test_urls_that_others_can_not_use(
    publisher: DatasetPublisher, schema: AtUri, client: AtmosphereClient, url: str
) -> None:
    with pytest.raises(UrlError) as caught:
        publisher.publish_with_urls([url], schema, name="x")
    assert "secret" not in str(caught.value)
    assert client.list_datasets() == []


def test_signatures_are_not_published(
    publisher: DatasetPublisher, loader: DatasetLoader, schema: AtUri
) -> None:
    urls = [
        "https://b.s3.amazonaws.com/a.tar?X-Amz-Signature=secret&X-Amz-Expires=3600",
        "https://h.blob.core.windows.net/a.tar?sv=1&sig=secret",
        "https://host/a.tar?version=2",
    ]
    uri = publisher.publish_with_urls(urls, schema, name="x")
    assert loader.get_urls(uri) == [
        "https://b.s3.amazonaws.com/a.tar",
        "https://h.blob.core.windows.net/a.tar",
        "https://host/a.tar?version=2",
    ]


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


def test_a_long_shard_list_goes_into_a_manifest(
    publisher: DatasetPublisher, loader: DatasetLoader, schema: AtUri, client: AtmosphereClient
) -> None:
    url, known = ["s3://bucket/{00000..04999}.tar"], infos(5000)
    uri = publisher.publish_with_urls(url, schema, name="long", shards=known)
    record = loader.get_record(uri)
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


def test_ways_to_name_a_dataset(
    publisher: DatasetPublisher, loader: DatasetLoader, client: AtmosphereClient, schema: AtUri
) -> None:
    uri = publisher.publish_with_urls(URLS, schema, name="team/a b")
    for ref in (
        uri,
        str(uri),
        f"@{client.handle}/team/a b",
        f"@{client.did}/team/a b",
        str(uri).replace(client.did, client.handle),
    ):
        assert loader.find(ref).uri == uri
    assert DatasetLoader(client).find("team/a b").uri == uri
    for ref in (f"@{client.handle}/nothing", f"{uri}x"):
        with pytest.raises(EntryNotFound):
            loader.find(ref)


def test_a_record_under_a_key_of_another_tool(
    loader: DatasetLoader, client: AtmosphereClient, schema: AtUri
) -> None:
    uri = client.create_record(
        Record.NSID,
        {
            "name": "theirs",
            "schemaRef": str(schema),
            "storage": {"$type": f"{Record.NSID}#urlStorage", "urls": URLS},
            "createdAt": "2026-01-01T00:00:00Z",
        },
    )
    assert loader.find(f"@{client.handle}/theirs").uri == uri
    assert [value["name"] for value in loader.list_all(client.did)] == ["theirs"]
    assert loader.list_all(client.did, limit=0) == []


def test_storage_that_is_not_known_yet(
    loader: DatasetLoader, client: AtmosphereClient, schema: AtUri
) -> None:
    uri = client.create_record(
        Record.NSID,
        {
            "name": "future",
            "schemaRef": str(schema),
            "storage": {"$type": "com.example.tape", "reel": 7},
            "createdAt": "2026-01-01T00:00:00Z",
        },
    )
    assert loader.get(uri)["storage"] == {"$type": "com.example.tape", "reel": 7}
    for read in (loader.get_storage_type, loader.to_dataset):
        with pytest.raises(RecordError, match="not known here"):
            read(uri)
