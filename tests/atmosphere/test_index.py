"""The network behind the protocol of all indexes."""

from __future__ import annotations

from pathlib import Path

import pytest

import atdata
from atdata._protocols import AbstractIndex, IndexEntry
from atdata.atmosphere import (
    AtmosphereClient,
    AtmosphereIndex,
    DatasetLoader,
    SchemaLoader,
)
from atdata.errors import AuthError, EntryConflict, EntryNotFound, SchemaNotFound
from atdata.local import LocalDiskStore, LocalIndex, S3DataStore
from readings import Reading, labels, readings, write_readings
from servers.atproto_pds import Pds

pytestmark = pytest.mark.xdist_group("pds")


@pytest.fixture
def index(client: AtmosphereClient) -> AtmosphereIndex:
    return AtmosphereIndex(client)


@pytest.fixture
def ds(tmp_path: Path) -> atdata.Dataset[Reading]:
    return atdata.Dataset[Reading](write_readings(tmp_path / "made", 10))


def test_it_is_an_index(index: AtmosphereIndex, ds: atdata.Dataset[Reading]) -> None:
    assert isinstance(index, AbstractIndex)
    assert isinstance(index.insert_dataset(ds, name="x"), IndexEntry)


def test_datasets(
    index: AtmosphereIndex, client: AtmosphereClient, ds: atdata.Dataset[Reading]
) -> None:
    assert list(index.list_datasets()) == []
    entry = index.insert_dataset(ds, name="x", description="d", metadata={"a": 1.5})
    assert (entry.name, entry.metadata, entry.record.description) == ("x", {"a": 1.5}, "d")
    for ref in ("x", entry.uri, f"@{client.handle}/x"):
        assert index.get_dataset(ref) == entry
    assert list(index.datasets) == list(index.list_datasets()) == [entry]
    reader = AtmosphereIndex(AtmosphereClient())
    assert list(reader.list_datasets(client.handle)) == [entry]
    assert labels(atdata.Dataset[Reading](entry.data_urls)) == list(range(10))
    with pytest.raises(EntryNotFound):
        index.get_dataset("nothing")


def test_inserting_again(index: AtmosphereIndex, ds: atdata.Dataset[Reading]) -> None:
    entry = index.insert_dataset(ds, name="x")
    assert index.insert_dataset(ds, name="x") == entry
    other = atdata.Dataset[Reading](ds.list_shards()[:1])
    with pytest.raises(EntryConflict):
        index.insert_dataset(other, name="x")
    assert index.insert_dataset(other, name="x", replace=True).content_cid != entry.content_cid


def test_schemas(index: AtmosphereIndex, client: AtmosphereClient) -> None:
    ref = index.publish_schema(Reading, version="2.0.0", description="From the field.")
    schema = AtmosphereIndex(AtmosphereClient()).get_schema(ref)
    assert (schema["name"], schema["version"]) == ("Reading", "2.0.0")
    assert schema["description"] == "From the field."
    assert list(index.list_schemas()) == list(index.schemas) == [schema]
    decoded = index.decode_schema(ref)
    assert decoded.from_bytes(readings(1)[0].packed).label == 0
    with pytest.raises(SchemaNotFound):
        index.get_schema(f"{ref}1")
    assert index.publish_schema(Reading) == ref


def test_shards_go_to_the_store(
    client: AtmosphereClient,
    ds: atdata.Dataset[Reading],
    s3_credentials: dict[str, str],
    s3_bucket: str,
) -> None:
    index = AtmosphereIndex(client, data_store=S3DataStore(s3_credentials, bucket=s3_bucket))
    entry = index.insert_dataset(ds, name="x", prefix="here", maxcount=3)
    assert len(entry.data_urls) == 4
    assert all(url.startswith(f"s3://{s3_bucket}/here/") for url in entry.data_urls)
    assert labels(atdata.Dataset[Reading](entry.data_urls)) == list(range(10))


def test_urls_stay(index: AtmosphereIndex) -> None:
    ds = atdata.Dataset[Reading]("s3://bucket/train-{000..009}.tar")
    entry = index.insert_dataset(ds, name="x", schema_ref=index.publish_schema(Reading))
    assert entry.data_urls == ["s3://bucket/train-{000..009}.tar"]
    assert (entry.shards, entry.content_cid) == (None, None)
    assert entry.schema_cid is not None


class Generated:
    """A source of one shard that is nowhere on disk, with the names of the seed's example."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.shard_list = ["only"]

    def shards(self) -> object:
        yield "only", self.open_shard("only")

    def open_shard(self, shard_id: str) -> object:
        return open(self.path, "rb")


def test_a_source_of_ones_own_becomes_blobs(
    index: AtmosphereIndex, ds: atdata.Dataset[Reading]
) -> None:
    source = Generated(ds.list_shards()[0])
    entry = index.insert_dataset(atdata.Dataset[Reading](source), name="x")
    assert labels(atdata.Dataset[Reading](entry.data_urls)) == list(range(4))


def test_without_a_login_writing_and_listing_raise(
    pds_env: object, ds: atdata.Dataset[Reading]
) -> None:
    index = AtmosphereIndex(AtmosphereClient())
    with pytest.raises(AuthError):
        index.insert_dataset(ds, name="x")
    with pytest.raises(AuthError):
        list(index.list_datasets())


@pytest.fixture(params=["sqlite", "redis"])
def local(request: pytest.FixtureRequest, tmp_path: Path) -> LocalIndex:
    store = LocalDiskStore(tmp_path / "store")
    if request.param == "redis":
        return LocalIndex(
            redis=request.getfixturevalue("redis_client"), data_store=store, check_places=False
        )
    return LocalIndex(path=tmp_path / "index.db", data_store=store)


def migrate_dataset(name: str, source: AbstractIndex, target: AbstractIndex) -> None:
    """As the protocols' reference has it."""
    entry = source.get_dataset(name)
    sample_type = source.decode_schema(entry.schema_ref)
    schema_ref = target.publish_schema(sample_type)
    ds = atdata.Dataset[sample_type](entry.data_urls[0])  # type: ignore[valid-type]
    target.insert_dataset(ds, name=name, schema_ref=schema_ref)


def test_a_dataset_goes_there_and_back(
    index: AtmosphereIndex, local: LocalIndex, ds: atdata.Dataset[Reading], tmp_path: Path
) -> None:
    # The reference reads the first URL alone, so there is one shard.
    before = local.insert_dataset(ds, name="x", maxcount=10)
    migrate_dataset("x", local, index)
    there = index.get_dataset("x")
    assert (there.schema_cid, there.content_cid) == (before.schema_cid, before.content_cid)
    migrate_dataset("x", local, index)
    assert index.get_dataset("x") == there
    back = LocalIndex(path=tmp_path / "back.db", data_store=LocalDiskStore(tmp_path / "back"))
    migrate_dataset("x", index, back)
    after = back.get_dataset("x")
    assert (after.schema_cid, after.content_cid) == (before.schema_cid, before.content_cid)
    assert labels(atdata.Dataset[Reading](after.data_urls)) == list(range(10))


def test_lists_are_views_that_can_be_used_again(
    index: AtmosphereIndex, client: AtmosphereClient, ds: atdata.Dataset[Reading], pds: Pds
) -> None:
    for name in ("a1", "a2", "b"):
        index.insert_dataset(ds, name=name)
    loader = DatasetLoader(AtmosphereClient())
    with pds.requests() as made:
        listed = [index.list_datasets(), index.datasets, client.list_datasets()]
        listed += [loader.list_all(client.did), loader.list_all(client.did, limit=9)]
        schemas = [index.list_schemas(), index.schemas, client.list_schemas()]
        schemas += [SchemaLoader(loader._client).list_all(client.did)]
    assert made == []  # nothing is read before a view is used
    for view in listed:
        assert len(view) == len(list(view)) == 3
        assert sorted(view.names()) == ["a1", "a2", "b"]
        assert sorted(view.named("a*").names()) == ["a1", "a2"]
    for view in schemas:
        assert view.names() == ["Reading"]
        assert bool(view)
    assert len(client.list_datasets(limit=2)) == len(loader.list_all(client.did, limit=2)) == 2


def test_a_published_schema_is_returned_as_an_at_uri(index: AtmosphereIndex) -> None:
    uri = index.publish_schema(Reading, version="2.0.0")
    assert (uri.rkey, uri) == ("Reading:2.0.0", str(uri))
    assert index.get_schema(uri)["version"] == "2.0.0"
