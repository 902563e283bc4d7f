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
    SchemaPublisher,
)
from atdata.errors import (
    EntryError,
    SchemaConflict,
    SchemaNotFound,
    ShardError,
    StorageError,
)
from atdata.local import S3DataStore
from atdata.samples.schema import schema_cid, schema_document
from atdata.shards.info import content_cid, inspect_shard
from atdata.stores import advice
from atdata.stores.advice import SizeWarning
from atdata_records import cid as cids
from readings import Reading, labels, write_readings
from recorded import RecordedProgress
from servers.atproto_pds import Pds

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
    record = loader.read(uri)
    assert record.schema_ref.endswith("/Reading:1.0.0")
    assert record.schema_cid is not None
    known = [inspect_shard(path) for path in paths]
    assert record.content_cid == content_cid(record.schema_cid, known)
    assert labels(loader.to_dataset(uri)) == list(range(10))


def test_progress(
    publisher: DatasetPublisher, tmp_path: Path, s3_credentials: dict[str, str], s3_bucket: str
) -> None:
    paths = write_readings(tmp_path, 10)
    dataset, blobs, objects = atdata.Dataset[Reading](paths), RecordedProgress(), RecordedProgress()
    publisher.publish(dataset, name="x", progress=blobs)
    assert blobs.done == [(inspect_shard(path).size, 1) for path in paths]
    store = S3DataStore(s3_credentials, bucket=s3_bucket)
    publisher.publish(dataset, name="y", data_store=store, progress=objects)
    assert objects.begun == [(sum(size for size, _ in blobs.done), 3)]
    assert objects.done == blobs.done
    cut = RecordedProgress()
    publisher.publish(dataset, name="z", data_store=store, progress=cut, maxcount=10)
    assert cut.begun == [(None, None)]
    assert len(cut.done) == 1


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


# -- the plan of seed 002, line by line


def test_the_url_of_a_dataset_is_used_directly(
    publisher: DatasetPublisher, loader: DatasetLoader, pds: Pds
) -> None:
    """No upload is needed, brace notation stays, and loading opens nothing."""
    url = "s3://nowhere/cifar10-train-{000000..000049}.tar"
    with pds.requests() as made:
        uri = publisher.publish_dataset(
            atdata.Dataset[Reading](url),
            name="My Dataset",
            description="Training data for my model",
        )
        dataset = loader.load_dataset(str(uri))
    assert "uploadBlob" not in made
    value = loader.get(uri)
    assert value["storage"] == {
        "$type": "ac.foundation.dataset.record#urlStorage",
        "urls": [url],
    }
    assert (value["name"], value["description"]) == ("My Dataset", "Training data for my model")
    assert isinstance(dataset, atdata.Dataset)
    assert len(dataset.list_shards()) == 50


def test_a_dataset_that_was_added_to_ipfs(
    publisher: DatasetPublisher, loader: DatasetLoader, tmp_path: Path
) -> None:
    dataset = atdata.Dataset[Reading](write_readings(tmp_path, 4))
    url = f"ipfs://{cids.of_bytes(Path(dataset.list_shards()[0]).read_bytes())}"
    uri = publisher.publish_dataset(dataset, name="My Dataset", urls=[url])
    assert loader.get_urls(uri) == [url]
    assert loader.get_storage_type(uri) == "external"


def test_urls_of_a_store_bring_their_digests(
    publisher: DatasetPublisher,
    loader: DatasetLoader,
    tmp_path: Path,
    s3_credentials: dict[str, str],
    s3_bucket: str,
) -> None:
    dataset = atdata.Dataset[Reading](write_readings(tmp_path, 10))
    urls = S3DataStore(s3_credentials, bucket=s3_bucket).write_shards(dataset, prefix="p")
    uri = publisher.publish_dataset(dataset, name="x", urls=urls)
    assert loader.get_shards(uri) == urls.shards
    assert labels(loader.load_dataset(uri)) == list(range(10))


def test_blobs_above_100_mb_draw_advice(
    publisher: DatasetPublisher,
    client: AtmosphereClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The lines of the table, drawn lower here so that nobody uploads gigabytes."""
    dataset = atdata.Dataset[Reading](write_readings(tmp_path, 10))
    monkeypatch.setattr(advice, "FINE", 3000)
    with pytest.warns(SizeWarning, match="prefer URLs"):
        publisher.publish(dataset, name="x")
    monkeypatch.setattr(advice, "MOST", 4000)
    with pytest.raises(StorageError, match=r"too much for blobs.*\n.*always publish URLs"):
        publisher.publish(dataset, name="y")
    assert [value["name"] for value in client.list_datasets()] == ["x"]


def test_a_dataset_under_a_key_of_ones_own(
    publisher: DatasetPublisher, loader: DatasetLoader, client: AtmosphereClient, tmp_path: Path
) -> None:
    ds = atdata.Dataset[Reading](write_readings(tmp_path, 4))
    uri = publisher.publish(ds, name="x", rkey="3jzfcijpj2z2a")
    assert uri.rkey == "3jzfcijpj2z2a"
    assert loader.find(f"@{client.did}/x").uri == uri
    assert publisher.publish(ds, name="x", rkey="3jzfcijpj2z2a", description="d") == uri
    assert client.list_datasets().names() == ["x"]


def test_a_schema_is_published_only_if_it_may_be(
    publisher: DatasetPublisher, client: AtmosphereClient, tmp_path: Path
) -> None:
    ds = atdata.Dataset[Reading](write_readings(tmp_path, 4))
    with pytest.raises(EntryError, match="without its schema"):
        publisher.publish(ds, name="x", auto_publish_schema=False)
    assert client.list_schemas() == []
    schema = SchemaPublisher(client).publish(Reading)
    publisher.publish(ds, name="x", auto_publish_schema=False, schema_uri=schema)
    assert client.list_datasets().names() == ["x"]
