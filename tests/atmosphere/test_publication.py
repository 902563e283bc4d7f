"""One name, one content: nothing twice, nothing overwritten unasked."""

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
    SchemaLoader,
)
from atdata.atmosphere.keys import dataset_uri
from atdata.atmosphere.placing import place_urls
from atdata.atmosphere.publication import Publication, identities
from atdata.errors import (
    EntryConflict,
    EntryError,
    RecordError,
)
from atdata.local import S3DataStore
from atdata.samples.schema import record_cid
from atdata.shards.info import ShardInfo, content_cid, inspect_shard
from atdata_records.ac.foundation.dataset.record import Derivation
from readings import Reading, labels, write_readings
from servers.atproto_pds import Pds
from servers.s3 import S3Server

from .conftest import URLS, infos

pytestmark = pytest.mark.xdist_group("pds")


def test_known_shards_give_the_record_identity_size_and_count(
    publisher: DatasetPublisher, loader: DatasetLoader, schema: AtUri
) -> None:
    uri = publisher.publish_with_urls(URLS, schema, name="known", shards=infos(6))
    record = loader.read(uri)
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
    first = loader.read(uri)
    # Digests become known, and the description another.
    publisher.publish_with_urls(URLS, schema, name="x", shards=infos(6), description="better")
    second = loader.read(uri)
    assert (second.description, second.tags) == ("better", ["t"])
    assert second.content_cid is not None
    assert second.created_at == first.created_at
    # Known digests stay when nobody looks at the shards.
    publisher.publish_with_urls(URLS, schema, name="x")
    assert loader.read(uri) == second
    # The same shards move elsewhere.
    publisher.publish_with_urls(["s3://new/{0..5}.tar"], schema, name="x", shards=infos(6))
    third = loader.read(uri)
    assert loader.get_urls(uri) == ["s3://new/{0..5}.tar"]
    assert third.content_cid == second.content_cid
    # The same URLs, written differently.
    publisher.publish_with_urls([f"s3://new/{n}.tar" for n in range(6)], schema, name="x")
    assert len(loader.get_urls(uri)) == 6
    assert loader.read(uri).content_cid == second.content_cid


def test_other_data_is_a_conflict(
    publisher: DatasetPublisher, loader: DatasetLoader, schema: AtUri
) -> None:
    uri = publisher.publish_with_urls(URLS, schema, name="x", shards=infos(6), description="d")
    first = loader.read(uri)
    others: list[tuple[list[str], list[ShardInfo] | None]] = [
        (URLS, infos(7)[1:]),
        (["s3://other/a.tar"], None),
    ]
    for urls, known in others:
        with pytest.raises(EntryConflict, match="stands for other data"):
            publisher.publish_with_urls(urls, schema, name="x", shards=known)
        assert loader.read(uri) == first
    publisher.publish_with_urls(["s3://other/a.tar"], schema, name="x", replace=True)
    replaced = loader.read(uri)
    assert (replaced.content_cid, replaced.description) == (None, "d")
    assert replaced.created_at == first.created_at


@pytest.mark.parametrize("to", ["blobs", "s3"])
def test_a_conflict_is_found_before_anything_is_copied(
    publisher: DatasetPublisher,
    client: AtmosphereClient,
    pds: Pds,
    tmp_path: Path,
    s3_credentials: dict[str, str],
    s3_server: S3Server,
    to: str,
) -> None:
    bucket = s3_server.new_bucket()
    store = S3DataStore(s3_credentials, bucket=bucket) if to == "s3" else None
    first = atdata.Dataset[Reading](write_readings(tmp_path / "a", 4))
    other = atdata.Dataset[Reading](write_readings(tmp_path / "b", 4, start=50))
    uri = publisher.publish(first, name="x", data_store=store)
    record = client.get_record(uri)
    with pds.requests() as made, pytest.raises(EntryConflict):
        publisher.publish(other, name="x", data_store=store)
    listed = s3_server.client().list_objects_v2(Bucket=bucket).get("Contents", [])
    assert len(listed) == (1 if to == "s3" else 0)
    assert not {"uploadBlob", "putRecord"} & set(made)
    assert publisher.publish(first, name="x", data_store=store) == uri
    assert client.get_record(uri) == record


def test_shards_that_were_cut_are_the_same_dataset(
    publisher: DatasetPublisher,
    loader: DatasetLoader,
    client: AtmosphereClient,
    schema: AtUri,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    paths = write_readings(tmp_path, 10)
    ds = atdata.Dataset[Reading](paths)
    monkeypatch.setattr(client, "blob_limit", lambda: 3072)
    uri = publisher.publish(ds, name="x", schema_uri=schema)
    cut = loader.read(uri)
    assert cut.schema_cid is not None
    origin = content_cid(cut.schema_cid, list(map(inspect_shard, paths)))
    assert cut.derived_from == Derivation(content_cid=origin)
    assert identities(cut) == {origin, cut.content_cid}
    assert publisher.publish(ds, name="x", schema_uri=schema) == uri
    assert loader.read(uri) == cut
    # Under another limit they are other shards, of the same origin.
    monkeypatch.setattr(client, "blob_limit", lambda: 4096)
    assert publisher.publish(ds, name="x", schema_uri=schema) == uri
    other = loader.read(uri)
    assert other.content_cid != cut.content_cid
    assert other.derived_from == cut.derived_from
    # And where nothing limits them, they are themselves.
    monkeypatch.setattr(client, "blob_limit", lambda: None)
    assert publisher.publish(ds, name="x", schema_uri=schema) == uri
    whole = loader.read(uri)
    assert (whole.content_cid, whole.derived_from) == (origin, None)
    assert labels(loader.to_dataset(uri)) == list(range(10))


def test_a_plan_is_what_is_published(
    client: AtmosphereClient, loader: DatasetLoader, schema: AtUri, pds: Pds
) -> None:
    publication = Publication(
        uri=dataset_uri(client.did, "x"),
        name="x",
        schema_uri=schema,
        schema_cid=record_cid(SchemaLoader(client).read(schema)),
        place=lambda dry_run: place_urls(URLS, infos(6)),
        details={"tags": ["a"]},
    )
    with pds.requests() as made:
        plan = publication.plan(client)
    assert made == ["getRecord"]
    assert plan.action == "create"
    assert publication.publish(client) == plan
    assert loader.read(plan.uri) == plan.record
    assert publication.plan(client).action == "nothing"


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
