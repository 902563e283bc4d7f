"""The ways to publish a dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

import atdata
from atdata.atmosphere import (
    AtmosphereClient,
    AtUri,
    DatasetLoader,
    DatasetPublisher,
)
from atdata.errors import (
    EntryError,
    SchemaConflict,
    SchemaNotFound,
    ShardError,
)
from atdata.samples.schema import schema_cid, schema_document
from atdata.shards.manifest import content_cid, inspect_shard
from atdata_records import cid as cids
from readings import Reading, labels, write_readings

from .conftest import URLS

pytestmark = pytest.mark.xdist_group("pds")


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
