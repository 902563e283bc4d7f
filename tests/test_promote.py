"""Promotion: from a local index to the network, once, whole, and with its identity."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import webdataset as wds

import atdata
from atdata.atmosphere import (
    AtmosphereClient,
    AtmosphereIndex,
    AtmosphereIndexEntry,
    DatasetLoader,
    SchemaPublisher,
)
from atdata.atmosphere.session import Session
from atdata.errors import (
    DigestMismatch,
    EntryConflict,
    EntryError,
    RecordError,
    SampleTooLarge,
    SchemaConflict,
    SchemaNotFound,
    UrlError,
    XrpcError,
)
from atdata.local import LocalDatasetEntry, LocalDiskStore, LocalIndex, S3DataStore
from atdata.promote import Promotion, _find_existing_schema, promote_to_atmosphere
from atdata.samples.schema import record_cid, to_record
from atdata.shards.info import ShardInfo, content_cid, inspect_shard
from atdata.shards.writer import ShardWriter
from atdata_records import cid as cids
from atdata_records.ac.foundation.dataset.record import Derivation
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema
from readings import Reading, labels, readings, write_readings
from recorded import RecordedProgress
from servers.atproto_pds import Pds

pytestmark = pytest.mark.xdist_group("pds")


@pytest.fixture(params=["sqlite", "redis"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> LocalIndex:
    """An index without a data store."""
    if request.param == "redis":
        return LocalIndex(redis=request.getfixturevalue("redis_client"), check_places=False)
    return LocalIndex(path=tmp_path / "index.db")


@pytest.fixture
def store(s3_credentials: dict[str, str], s3_bucket: str) -> S3DataStore:
    return S3DataStore(s3_credentials, bucket=s3_bucket)


@pytest.fixture
def entry(index: LocalIndex, store: S3DataStore, tmp_path: Path) -> LocalDatasetEntry:
    """Ten readings in three shards on S3."""
    index.data_store = store
    ds = atdata.Dataset[Reading](write_readings(tmp_path / "made", 10))
    return index.insert_dataset(ds, name="readings", maxcount=4, metadata={"rate": 0.5})


@pytest.fixture
def files(index: LocalIndex, tmp_path: Path) -> LocalDatasetEntry:
    """The same in files of this machine."""
    ds = atdata.Dataset[Reading](write_readings(tmp_path / "made", 10))
    return index.insert_dataset(ds, name="files")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The write requests that are made from here on."""
    made: list[str] = []
    real = Session.call

    def call(self: Session, method: str, *args: Any, **kwargs: Any) -> Any:
        made.append(method.rpartition(".")[2])
        return real(self, method, *args, **kwargs)

    monkeypatch.setattr(Session, "call", call)
    return made


def published(uri: str) -> AtmosphereIndexEntry:
    """As another account sees it."""
    return AtmosphereIndex(AtmosphereClient()).get_dataset(uri)


def commit(client: AtmosphereClient) -> str:
    """The revision of the repository."""
    url = f"{client.base_url}/xrpc/com.atproto.sync.getLatestCommit?did={client.did}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(json.load(answer)["rev"])


def test_the_record_says_what_the_entry_says(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient
) -> None:
    uri = promote_to_atmosphere(
        entry, index, client, description="d", tags=["a"], license="CC-BY-4.0"
    )
    assert uri == f"at://{client.did}/ac.foundation.dataset.record/readings"
    found = published(uri)
    assert (found.name, found.data_urls, found.metadata) == (
        "readings",
        entry.data_urls,
        {"rate": 0.5},
    )
    record = found.record
    assert (record.description, record.tags, record.license) == ("d", ["a"], "CC-BY-4.0")
    assert record.samples == 10
    assert record.size == sum(info.size for info in entry.shards or ())


def test_identity_is_the_same_everywhere(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, tmp_path: Path
) -> None:
    """In the local entry, in the record, and recomputed from the bytes that are read back."""
    found = published(promote_to_atmosphere(entry, index, client))
    schema = SampleSchema.from_dict(AtmosphereClient().get_record(found.schema_ref))
    infos = []
    for number, (_, stream) in enumerate(atdata.URLSource(found.data_urls).shards()):
        path = tmp_path / f"{number}.tar"
        path.write_bytes(stream.read())
        stream.close()
        infos.append(inspect_shard(path))
    assert entry.schema_cid == found.schema_cid == record_cid(schema)
    assert entry.content_cid == found.content_cid == content_cid(record_cid(schema), infos)
    assert entry.cid == found.content_cid


def test_a_shard_of_another_writer_is_promoted_byte_for_byte(
    index: LocalIndex, client: AtmosphereClient, tmp_path: Path
) -> None:
    path = tmp_path / "foreign.tar"
    with wds.writer.TarWriter(str(path)) as writer:
        for reading in readings(12):
            key = f"größe/{reading.label:06d}" if reading.label else "k" * 120
            writer.write({"__key__": key, "msgpack": reading.packed})
    foreign = index.insert_dataset(atdata.Dataset[Reading](str(path)), name="foreign")
    uri = promote_to_atmosphere(foreign, index, client, verify=True)
    assert published(uri).shards == (inspect_shard(path),)
    assert labels(atdata.load_dataset(uri, split="train")) == list(range(12))


def test_another_account_loads_it(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient
) -> None:
    promote_to_atmosphere(entry, index, client)
    ds = atdata.load_dataset(f"@{client.handle}/readings", split="train")
    assert labels(ds) == list(range(10))
    assert ds.sample_type is not Reading


def test_metadata_can_be_given_in_place_of_the_entrys(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient
) -> None:
    uri = promote_to_atmosphere(entry, index, client, metadata={"rate": 2})
    assert (published(uri).metadata, uri.rkey) == ({"rate": 2}, "readings")


def test_promoting_again_changes_nothing(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, calls: list[str]
) -> None:
    uri = promote_to_atmosphere(entry, index, client, description="d")
    assert calls == ["putRecord", "putRecord"]
    before = commit(client)
    assert promote_to_atmosphere(entry, index, client, description="d") == uri
    assert promote_to_atmosphere(entry, index, client) == uri
    assert calls == ["putRecord", "putRecord"]
    assert commit(client) == before


def test_requests(
    entry: LocalDatasetEntry,
    index: LocalIndex,
    client: AtmosphereClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A handful, whatever the size of the repository."""
    asked: list[str] = []
    real = client._query

    def query(pds: str, method: str, *args: Any) -> Any:
        asked.append(method.rpartition(".")[2])
        return real(pds, method, *args)

    monkeypatch.setattr(client, "_query", query)
    promote_to_atmosphere(entry, index, client)
    # The listing looks for the schema under keys of other tools.
    assert asked == ["getRecord", "listRecords", "getRecord"]
    asked.clear()
    promote_to_atmosphere(entry, index, client)
    assert asked == ["getRecord", "getRecord"]
    asked.clear()
    assert _find_existing_schema(client, "Reading", "1.0.0") is not None
    assert asked == ["getRecord"]


def test_new_words_and_urls_for_the_same_data(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient
) -> None:
    uri = promote_to_atmosphere(entry, index, client, description="d", tags=["t"])
    first = published(uri).record
    assert promote_to_atmosphere(entry, index, client, description="better") == uri
    second = published(uri).record
    assert second == replace(first, description="better")
    moved = replace(entry, data_urls=["https://example.com/readings-{0..2}.tar"])
    assert promote_to_atmosphere(moved, index, client) == uri
    third = published(uri)
    assert third.data_urls == ["https://example.com/readings-{0..2}.tar"]
    assert third.record == replace(second, storage=third.record.storage)


def test_other_data_under_the_name(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, tmp_path: Path
) -> None:
    uri = promote_to_atmosphere(entry, index, client, description="d")
    ds = atdata.Dataset[Reading](write_readings(tmp_path / "others", 4, start=50))
    other = index.insert_dataset(ds, name="others")
    with pytest.raises(EntryConflict, match="stands for other data"):
        promote_to_atmosphere(other, index, client, name="readings")
    assert published(uri).content_cid == entry.content_cid
    assert promote_to_atmosphere(other, index, client, name="readings", replace=True) == uri
    assert published(uri).content_cid == other.content_cid
    assert promote_to_atmosphere(other, index, client) != uri


def test_words_stay_when_the_name_stands_for_other_data(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, tmp_path: Path
) -> None:
    words = {"description": "d", "tags": ["a", "b"], "license": "CC-BY-4.0"}
    promote_to_atmosphere(entry, index, client, **words)
    ds = atdata.Dataset[Reading](write_readings(tmp_path / "others", 4, start=50))
    other = index.insert_dataset(ds, name="others", metadata={"rate": 2})
    uri = promote_to_atmosphere(other, index, client, name="readings", replace=True)
    record = published(uri).record
    assert {name: getattr(record, name) for name in words} == words
    assert published(uri).metadata == {"rate": 2}
    assert record.content_cid == other.content_cid
    promote_to_atmosphere(
        entry, index, client, name="readings", replace=True, license="MIT", tags=[]
    )
    record = published(uri).record
    assert (record.description, record.tags, record.license) == ("d", [], "MIT")


def test_words_that_records_do_not_carry_are_refused_before_anything_is_written(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, calls: list[str]
) -> None:
    with pytest.raises(RecordError, match="not a license that others can look up"):
        promote_to_atmosphere(entry, index, client, license="my own licence!")
    with pytest.raises(RecordError, match=r"tags=\['abc'\]"):
        promote_to_atmosphere(entry, index, client, tags="abc")
    assert calls == []


def test_what_is_missing_is_found_before_anything_is_written(
    entry: LocalDatasetEntry,
    index: LocalIndex,
    client: AtmosphereClient,
    calls: list[str],
    tmp_path: Path,
) -> None:
    unknown = "atdata://local/sampleSchema/Unknown@1.0.0"
    for broken, error in (
        (replace(entry, schema_ref=unknown), SchemaNotFound),
        (replace(entry, data_urls=[]), EntryError),
        (replace(entry, metadata={"a": object()}), EntryError),
    ):
        with pytest.raises(error):
            promote_to_atmosphere(broken, index, client)
    for source in (entry, replace(entry, data_urls=write_readings(tmp_path / "files", 10))):
        with pytest.raises(RecordError, match="tags"):
            promote_to_atmosphere(source, index, client, tags=[""])
    assert issubclass(SchemaNotFound, KeyError)
    assert issubclass(EntryError, ValueError)
    assert calls == []


# -- schemas


def test_entries_of_one_type_share_a_schema(
    entry: LocalDatasetEntry,
    index: LocalIndex,
    client: AtmosphereClient,
    tmp_path: Path,
    calls: list[str],
) -> None:
    assert _find_existing_schema(client, "Reading", "1.0.0") is None
    first = published(promote_to_atmosphere(entry, index, client))
    ds = atdata.Dataset[Reading](write_readings(tmp_path / "others", 4, start=50))
    other = index.insert_dataset(ds, name="others")
    second = published(promote_to_atmosphere(other, index, client))
    assert first.schema_ref == second.schema_ref
    assert first.schema_ref == _find_existing_schema(client, "Reading", "1.0.0")
    assert calls == ["putRecord", "putRecord", "putRecord"]
    assert len(client.list_schemas()) == 1


def test_a_schema_that_another_tool_published(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient
) -> None:
    theirs = client.create_record(
        SampleSchema.NSID, to_record(Reading, "1.0.0", created_at="2026-01-01T00:00:00Z").to_dict()
    )
    assert _find_existing_schema(client, "Reading", "1.0.0") == str(theirs)
    assert published(promote_to_atmosphere(entry, index, client)).schema_ref == str(theirs)
    assert len(client.list_schemas()) == 1


def test_an_entry_that_refers_to_a_published_schema(
    entry: LocalDatasetEntry,
    index: LocalIndex,
    client: AtmosphereClient,
    public: S3DataStore,
    calls: list[str],
) -> None:
    schema = SchemaPublisher(client).publish(Reading, version="7.0.0")
    calls.clear()
    refers = replace(entry, schema_ref=str(schema))
    for store in (None, public):
        found = published(promote_to_atmosphere(refers, index, client, data_store=store))
        assert found.schema_ref == str(schema)
        assert found.shards == entry.shards
    assert calls == ["putRecord", "putRecord"]
    with pytest.raises(SchemaNotFound):
        promote_to_atmosphere(replace(entry, schema_ref=f"{schema}1"), index, client)


def test_a_version_with_other_content(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, calls: list[str]
) -> None:
    other = atdata.packable(type("Reading", (), {"__annotations__": {"other": float}}))
    SchemaPublisher(client).publish(other, version="1.0.0")
    calls.clear()
    with pytest.raises(SchemaConflict, match=r'[+].*"values"'):
        promote_to_atmosphere(entry, index, client)
    assert calls == []


class ForeignIndex:
    """An index of somebody else's, whose schema records are no sampleSchema records."""

    def get_schema(self, ref: str) -> dict[str, Any]:
        return {"name": "Reading", "version": "3.0.0", "fields": ["values", "label"]}

    def decode_schema(self, ref: str) -> type:
        return Reading


def test_an_index_of_another_kind(entry: LocalDatasetEntry, client: AtmosphereClient) -> None:
    class Entry:
        name, schema_ref, data_urls, metadata = "theirs", "x:1", entry.data_urls, None

    index: Any = ForeignIndex()
    found = published(promote_to_atmosphere(Entry(), index, client))
    assert found.schema_ref.endswith("/Reading:3.0.0")
    assert (found.content_cid, found.shards) == (None, None)
    assert labels(atdata.load_dataset(found.uri, split="train")) == list(range(10))
    assert promote_to_atmosphere(Entry(), index, client) == found.uri


# -- where the shards go


def test_files_of_this_machine_become_blobs(
    files: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, calls: list[str]
) -> None:
    uri = promote_to_atmosphere(files, index, client)
    assert calls == ["uploadBlob"] * 3 + ["putRecord"] * 2
    found = published(uri)
    assert DatasetLoader(AtmosphereClient()).get_storage_type(uri) == "blobs"
    assert found.shards == files.shards
    assert found.content_cid == files.content_cid
    assert labels(atdata.load_dataset(uri, split="train")) == list(range(10))
    assert labels(atdata.Dataset[Reading](found.data_urls)) == list(range(10))
    # Again, they are known to be there.
    assert promote_to_atmosphere(files, index, client) == uri
    assert promote_to_atmosphere(files, index, client, description="new") == uri
    assert calls[5:] == ["putRecord"]


def test_a_conflict_is_found_before_an_upload(
    files: LocalDatasetEntry,
    index: LocalIndex,
    client: AtmosphereClient,
    tmp_path: Path,
    calls: list[str],
) -> None:
    promote_to_atmosphere(files, index, client)
    ds = atdata.Dataset[Reading](write_readings(tmp_path / "others", 4, start=50))
    other = index.insert_dataset(ds, name="others")
    calls.clear()
    with pytest.raises(EntryConflict):
        promote_to_atmosphere(other, index, client, name="files")
    assert calls == []


def test_a_file_that_has_changed(
    files: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, calls: list[str]
) -> None:
    write_readings(Path(files.data_urls[0]).parent, 10, start=1)
    with pytest.raises(DigestMismatch, match=r"000000\.tar"):
        promote_to_atmosphere(files, index, client)
    assert calls == []


@pytest.fixture
def public(s3_credentials: dict[str, str], s3_server: Any) -> S3DataStore:
    return S3DataStore(s3_credentials, bucket=s3_server.new_bucket())


@pytest.mark.parametrize("kind", ["entry", "files"])
def test_a_copy_is_the_same_bytes(
    kind: str,
    index: LocalIndex,
    client: AtmosphereClient,
    public: S3DataStore,
    request: pytest.FixtureRequest,
) -> None:
    source: LocalDatasetEntry = request.getfixturevalue(kind)
    found = published(promote_to_atmosphere(source, index, client, data_store=public))
    assert len(found.data_urls) == 3
    assert all(url.startswith(f"s3://{public.bucket}/") for url in found.data_urls)
    assert found.shards == source.shards
    assert found.content_cid == source.content_cid
    assert labels(atdata.load_dataset(found.uri, split="train")) == list(range(10))
    before = commit(client)
    promote_to_atmosphere(source, index, client, data_store=public)
    assert commit(client) == before


def test_a_copy_to_a_folder_can_not_be_published(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, tmp_path: Path
) -> None:
    folder = tmp_path / "disk"
    with pytest.raises(UrlError, match=r"others can reach.*\n.*data_store=S3DataStore"):
        promote_to_atmosphere(entry, index, client, data_store=LocalDiskStore(folder))
    assert client.list_datasets() == []
    assert not folder.exists()


def test_a_copy_that_is_damaged_on_its_way(
    entry: LocalDatasetEntry,
    index: LocalIndex,
    client: AtmosphereClient,
    store: S3DataStore,
    public: S3DataStore,
    s3_server: Any,
) -> None:
    bucket, _, key = entry.data_urls[1].removeprefix("s3://").partition("/")
    s3 = s3_server.client()
    data = bytearray(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    data[600] ^= 1
    s3.put_object(Bucket=bucket, Key=key, Body=bytes(data))
    with pytest.raises(ValueError, match="000001"):
        promote_to_atmosphere(entry, index, client, data_store=public)
    assert client.list_datasets() == []
    assert client.list_schemas() == []


class WriteOnly:
    """A store of somebody else's, which can write samples and nothing more."""

    def __init__(self, inner: S3DataStore) -> None:
        self.inner = inner

    def write_shards(self, ds: Any, *, prefix: str, **options: Any) -> list[str]:
        return [str(url) for url in self.inner.write_shards(ds, prefix=prefix)]

    def read_url(self, url: str) -> str:
        return url

    def supports_streaming(self) -> bool:
        return True


def test_a_store_of_another_kind(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, public: S3DataStore
) -> None:
    found = published(promote_to_atmosphere(entry, index, client, data_store=WriteOnly(public)))
    assert found.data_urls[0].startswith(f"s3://{public.bucket}/readings/")
    assert labels(atdata.load_dataset(found.uri, split="train")) == list(range(10))


def test_a_sample_that_is_too_large_for_a_blob(
    index: LocalIndex, client: AtmosphereClient, tmp_path: Path, calls: list[str]
) -> None:
    path = tmp_path / "large.tar"
    with ShardWriter(path) as writer:
        writer.write("a", replace(readings(1)[0], note="x" * 6_000_000).packed)
    large = index.insert_dataset(atdata.Dataset[Reading](str(path)), name="large")
    with pytest.raises(SampleTooLarge, match=r"5,242,880 bytes at most.*\n.*data_store="):
        promote_to_atmosphere(large, index, client)
    assert calls == []


@pytest.fixture
def large(index: LocalIndex, tmp_path: Path) -> LocalDatasetEntry:
    """Two files: one that fits into a blob of the PDS, and one that does not."""
    paths = write_readings(tmp_path / "large", 2)
    with ShardWriter(tmp_path / "large" / "more.tar") as writer:
        for reading in readings(6, start=2):
            writer.write(f"key-{reading.label}", replace(reading, note="x" * 10**6).packed)
    return index.insert_dataset(
        atdata.Dataset[Reading]([*paths, str(writer.path)]), name="large", metadata={"a": 1}
    )


def test_a_shard_that_is_too_large_for_a_blob_is_cut_and_the_record_says_so(
    large: LocalDatasetEntry,
    index: LocalIndex,
    client: AtmosphereClient,
    public: S3DataStore,
    calls: list[str],
) -> None:
    uri = promote_to_atmosphere(large, index, client, verify=True)
    found = published(uri)
    record = found.record
    assert found.shards is not None
    assert large.shards is not None
    assert record.derived_from == Derivation(content_cid=large.content_cid)
    assert record.content_cid == content_cid(str(record.schema_cid), found.shards)
    assert record.content_cid != large.content_cid
    assert (record.samples, record.size) == (8, sum(info.size for info in found.shards))
    assert [info.samples for info in found.shards] == [2, 5, 1]
    assert found.shards[0] == large.shards[0]
    assert labels(atdata.load_dataset(uri, split="train")) == list(range(8))
    assert index.get_dataset("large") == large
    # Again, it is known to be there …
    before = commit(client)
    assert promote_to_atmosphere(large, index, client) == uri
    assert commit(client) == before
    assert calls == ["uploadBlob"] * 3 + ["putRecord"] * 2
    # … and where shards may be larger it is what it was.
    assert promote_to_atmosphere(large, index, client, data_store=public) == uri
    whole = published(uri).record
    assert (whole.content_cid, whole.derived_from) == (large.content_cid, None)
    assert whole.created_at == record.created_at


# -- looked at first, and read back


def objects(s3_server: Any, bucket: str) -> dict[str, Any]:
    """When each object of a bucket was written."""
    listed = s3_server.client().list_objects_v2(Bucket=bucket).get("Contents", [])
    return {item["Key"]: item["LastModified"] for item in listed}


@pytest.mark.parametrize(
    ("kind", "copied", "copies"),
    [("entry", False, 0), ("files", False, 3), ("large", False, 3), ("files", True, 3)],
)
def test_a_dry_run_reports_what_a_real_run_does(
    kind: str,
    copied: bool,
    copies: int,
    index: LocalIndex,
    client: AtmosphereClient,
    public: S3DataStore,
    calls: list[str],
    s3_server: Any,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    source: LocalDatasetEntry = request.getfixturevalue(kind)
    store = public if copied else None
    before = commit(client)
    promotion = Promotion(source, index, client, data_store=store)
    plan = promotion.plan()
    uri = promote_to_atmosphere(source, index, client, data_store=store, dry_run=True)
    assert calls == []
    assert commit(client) == before
    assert objects(s3_server, public.bucket) == {}
    # A plan and what follows it are of one moment: the records are the same to the last byte …
    promotion.publish()
    record, schema = client.get_record(uri), client.get_record(plan.schema_uri)
    assert plan.schema is not None
    assert (plan.record.to_dict(), plan.schema.to_dict()) == (record, schema)
    assert len(plan.to_dict()["copies"]) == copies
    # … and what was printed a moment later is the same but for that.
    text = capsys.readouterr().out
    printed, rest = after(text, f"create: {uri}\n")
    assert {**printed, "createdAt": record["createdAt"]} == record
    assert after(rest, f"create: {plan.schema_uri}\n")[0] == schema
    assert text.count("copy, unless it is there: ") == copies
    assert ("cut anew" in text) == (kind == "large")
    assert text.endswith("blobs of a PDS are fine.\nNothing was written.\n")
    again = Promotion(source, index, client, data_store=store).plan()
    assert (again.action, again.schema) == ("nothing", None)


def after(text: str, line: str) -> tuple[Any, str]:
    """The JSON that follows a line, and what follows that."""
    value, end = json.JSONDecoder().raw_decode(text, text.index(line) + len(line))
    return value, text[end:]


def test_a_dry_run_finds_what_a_real_run_would_find(
    entry: LocalDatasetEntry, files: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient
) -> None:
    promote_to_atmosphere(entry, index, client)
    moved = replace(files, shards=entry.shards[:1] if entry.shards else None)
    with pytest.raises(EntryConflict):
        promote_to_atmosphere(moved, index, client, name="readings", dry_run=True)
    with pytest.raises(RecordError, match="tags"):
        promote_to_atmosphere(files, index, client, tags=[""], dry_run=True)


@pytest.mark.parametrize("kind", ["entry", "files"])
def test_what_was_published_is_read_back(
    kind: str,
    index: LocalIndex,
    client: AtmosphereClient,
    pds: Pds,
    request: pytest.FixtureRequest,
) -> None:
    source: LocalDatasetEntry = request.getfixturevalue(kind)
    with pds.requests() as made:
        promote_to_atmosphere(source, index, client, verify=True)
    assert made.count("getBlob") == (3 if kind == "files" else 0)


def test_what_can_not_be_read_back(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, s3_server: Any
) -> None:
    """The local files are sound, but that is not where the record says the data is."""
    bucket, _, key = entry.data_urls[1].removeprefix("s3://").partition("/")
    s3_server.client().put_object(Bucket=bucket, Key=key, Body=b"x" * 5000)
    with pytest.raises(DigestMismatch, match=r"000001-.*\n.*is published, but.*publish again"):
        promote_to_atmosphere(entry, index, client, verify=True)


def test_progress(
    files: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, public: S3DataStore
) -> None:
    steps = [(info.size, 1) for info in files.shards or ()]
    size = sum(info.size for info in files.shards or ())
    copied, both = RecordedProgress(), RecordedProgress()
    promote_to_atmosphere(files, index, client, data_store=public, progress=copied)
    assert (copied.begun, copied.done) == ([(size, 3)], steps)
    promote_to_atmosphere(files, index, client, name="b", verify=True, progress=both)
    assert (both.begun, both.done) == ([(size, None), (size, 3)], steps * 2)


# -- how much it asks of the server


def test_requests_do_not_grow_with_the_shards(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, pds: Pds
) -> None:
    made = {}
    for count in (10, 1000):
        infos = tuple(ShardInfo(cids.of_bytes(b"%d" % n), 10_000, 4) for n in range(count))
        urls = [f"s3://bucket/{count}/{n:06d}.tar" for n in range(count)]
        many = replace(entry, name=f"with {count}", data_urls=urls, shards=infos)
        with pds.requests() as made[count]:
            uri = promote_to_atmosphere(many, index, client)
        assert len(published(uri).shards or ()) == count
    assert made[1000] == ["getRecord", "getRecord", "putRecord"]
    # The first published the schema as well, and looked for it under keys of other tools.
    assert made[10] == ["getRecord", "listRecords", "getRecord", "putRecord", "putRecord"]
    with pds.requests() as again:
        promote_to_atmosphere(many, index, client)
    assert again == ["getRecord", "getRecord"]


@pytest.mark.parametrize("index", ["sqlite"], indirect=True)
def test_a_schema_among_ten_thousand(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, pds: Pds
) -> None:
    publish_schemas(client, 10_000)
    with pds.requests() as made:
        assert _find_existing_schema(client, "Filler", "1.0.9999") is not None
    assert made == ["getRecord"]
    with pds.requests() as made:
        assert _find_existing_schema(client, "Reading", "1.0.0") is None
    assert len(made) <= 2
    with pds.requests() as made:
        promote_to_atmosphere(entry, index, client)
    assert len(made) <= 6


def publish_schemas(client: AtmosphereClient, count: int) -> None:
    """Versions of a schema, written two hundred at a time, as many as a server takes."""
    schema = to_record(Reading, "1.0.0", created_at="2026-01-01T00:00:00Z")
    records = [replace(schema, name="Filler", version=f"1.0.{n}").to_dict() for n in range(count)]
    for start in range(0, count, 200):
        writes = [
            {
                "$type": "com.atproto.repo.applyWrites#create",
                "collection": SampleSchema.NSID,
                "rkey": f"Filler:{record['version']}",
                "value": record,
            }
            for record in records[start : start + 200]
        ]
        body = json.dumps({"repo": client.did, "writes": writes}).encode()
        client._active.call("com.atproto.repo.applyWrites", body)


# -- accidents


def test_two_at_once(entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient) -> None:
    uris, errors = [], []
    start = threading.Barrier(4)

    def promote() -> None:
        own = AtmosphereClient()
        own.login_with_session(client.export_session())
        start.wait()
        try:
            uris.append(promote_to_atmosphere(entry, index, own, description="d"))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=promote) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(set(uris)) == 1
    assert len(client.list_datasets()) == len(client.list_schemas()) == 1
    assert published(uris[0]).content_cid == entry.content_cid


_ONE_OF_SIX = """
import sys
from pathlib import Path
from atdata.atmosphere import AtmosphereClient
from atdata.local import LocalIndex
from atdata.promote import promote_to_atmosphere

path, session, word = sys.argv[1:]
index, client = LocalIndex(path=path), AtmosphereClient()
client.login_with_session(session)
print("ready", flush=True)
sys.stdin.readline()
print(promote_to_atmosphere(index.get_dataset("files"), index, client, description=word))
"""


def test_six_processes_at_once(client: AtmosphereClient, tmp_path: Path) -> None:
    index = LocalIndex(path=tmp_path / "index.db")
    ds = atdata.Dataset[Reading](write_readings(tmp_path / "made", 10))
    entry = index.insert_dataset(ds, name="files")
    session = client.export_session()
    command = [sys.executable, "-c", _ONE_OF_SIX, str(tmp_path / "index.db"), session]
    runs = [
        subprocess.Popen(
            [*command, f"run {n}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for n in range(6)
    ]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("go\n")
        run.stdin.flush()
    uris = {run.communicate(timeout=300)[0].strip() for run in runs}
    assert [run.returncode for run in runs] == [0] * 6
    (uri,) = uris
    assert len(client.list_datasets()) == len(client.list_schemas()) == 1
    assert published(uri).content_cid == entry.content_cid


_KILLED = """
import json, os, signal, sys
from atdata.atmosphere import AtmosphereClient
from atdata.atmosphere.session import Session
from atdata.local import LocalIndex, S3DataStore
from atdata.promote import promote_to_atmosphere
from atdata.atmosphere.uploads import Uploads

path, name, session, last, credentials, bucket = sys.argv[1:]
left = [int(last)]

def step():
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1

def before_each(owner, method):
    real = getattr(owner, method)
    def call(*args, **kwargs):
        step()
        return real(*args, **kwargs)
    setattr(owner, method, call)

before_each(Session, "call")
before_each(Uploads, "add")
before_each(S3DataStore, "put")
store = S3DataStore(json.loads(credentials), bucket=bucket) if bucket else None
index, client = LocalIndex(path=path), AtmosphereClient()
client.login_with_session(session)
promote_to_atmosphere(index.get_dataset(name), index, client, data_store=store, description="d")
step()
"""


def killed_after(
    steps: int, path: Path, client: AtmosphereClient, store: S3DataStore | None, keys: Any
) -> None:
    """Promote in a process that is killed before it takes one step more."""
    arguments = [str(path), "files", client.export_session(), str(steps)]
    arguments += [json.dumps(keys), store.bucket if store else ""]
    child = subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr


@pytest.mark.parametrize("index", ["sqlite"], indirect=True)
@pytest.mark.parametrize("steps", range(9))
def test_killed_while_blobs_are_published(
    files: LocalDatasetEntry,
    index: LocalIndex,
    client: AtmosphereClient,
    pds: Pds,
    tmp_path: Path,
    steps: int,
) -> None:
    """Each of three blobs is uploaded and remembered; then the schema, then the dataset."""
    with pds.requests() as made:
        killed_after(steps, tmp_path / "index.db", client, None, None)
        # The dataset is there whole, or not at all …
        assert len(client.list_datasets()) == (1 if steps == 8 else 0)
        assert len(client.list_schemas()) == (1 if steps >= 7 else 0)
        # … and doing it again completes it.
        uri = promote_to_atmosphere(files, index, client, description="d", verify=True)
    assert published(uri).content_cid == files.content_cid
    assert labels(atdata.load_dataset(uri, split="train")) == list(range(10))
    assert len(client.list_datasets()) == len(client.list_schemas()) == 1
    # What was uploaded and not yet remembered is the one thing that is done twice.
    assert made.count("uploadBlob") == (4 if steps in (1, 3, 5) else 3)
    assert made.count("putRecord") == 2


@pytest.mark.parametrize("index", ["sqlite"], indirect=True)
@pytest.mark.parametrize("steps", range(6))
def test_killed_while_a_copy_is_published(
    files: LocalDatasetEntry,
    index: LocalIndex,
    client: AtmosphereClient,
    pds: Pds,
    public: S3DataStore,
    s3_server: Any,
    s3_credentials: dict[str, str],
    tmp_path: Path,
    steps: int,
) -> None:
    """Three shards are copied to S3; then the schema, then the dataset."""
    with pds.requests() as made:
        killed_after(steps, tmp_path / "index.db", client, public, s3_credentials)
        assert len(client.list_datasets()) == (1 if steps == 5 else 0)
        there = objects(s3_server, public.bucket)
        assert len(there) == min(steps, 3)
        uri = promote_to_atmosphere(
            files, index, client, data_store=public, description="d", verify=True
        )
    now_there = objects(s3_server, public.bucket)
    assert len(now_there) == 3
    assert there.items() <= now_there.items()
    assert published(uri).shards == files.shards
    assert len(client.list_datasets()) == len(client.list_schemas()) == 1
    assert made.count("putRecord") == 2


def test_blobs_that_the_server_has_deleted_meanwhile(
    files: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient, pds: Pds
) -> None:
    """They are remembered as uploaded; the server does not know them any more."""
    uri = promote_to_atmosphere(files, index, client)
    client.delete_record(uri)
    with pds.requests() as made:
        assert promote_to_atmosphere(files, index, client, verify=True) == uri
    assert made.count("uploadBlob") == 3
    assert made.count("putRecord") == 2  # the first of which was refused


def test_an_answer_that_is_lost(
    entry: LocalDatasetEntry,
    index: LocalIndex,
    client: AtmosphereClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The record is written, but nobody hears of it: the next run finds it."""
    real = Session.call

    def call(self: Session, method: str, *args: Any, **kwargs: Any) -> Any:
        real(self, method, *args, **kwargs)
        raise XrpcError.answer(502, "", "Bad Gateway", uri=method)

    monkeypatch.setattr(Session, "call", call)
    for _ in range(2):
        with pytest.raises(XrpcError, match="502"):
            promote_to_atmosphere(entry, index, client)
    before = commit(client)
    uri = promote_to_atmosphere(entry, index, client)
    assert commit(client) == before
    assert published(uri).content_cid == entry.content_cid


@pytest.mark.parametrize("index", ["sqlite"], indirect=True)
def test_what_the_entry_states_is_published_unless_other_details_are_given(
    entry: LocalDatasetEntry, index: LocalIndex, client: AtmosphereClient
) -> None:
    stated = replace(entry, description="Sensors.", tags=["lab"], license="MIT", metadata={"n": 1})
    uri = promote_to_atmosphere(stated, index, client, license="CC-BY-4.0")
    record = DatasetLoader(client).read(uri)
    assert (record.description, record.tags, record.license, record.metadata) == (
        "Sensors.",
        ["lab"],
        "CC-BY-4.0",
        '{"n": 1}',
    )
