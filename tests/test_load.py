"""Loading: from the network without trusting it, from an index, from files by split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import atdata
from atdata import DatasetDict, DictSample, load_dataset
from atdata.atmosphere import AtmosphereClient, AtmosphereIndex, SchemaPublisher
from atdata.errors import (
    AddressRefused,
    DigestMismatch,
    EntryNotFound,
    RecordError,
    SchemaConflict,
    StorageError,
    UrlError,
)
from atdata.local import LocalIndex
from atdata.samples.schema import schema_cid, schema_document, to_record
from atdata.shards.manifest import content_cid, inspect_shard
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema
from readings import Reading, labels, write_readings

pytestmark = pytest.mark.xdist_group("pds")

# -- files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Shards of two splits, and of none."""
    made = write_readings(tmp_path / "made", 12)
    data = tmp_path / "data"
    data.mkdir()
    for path, name in zip(made, ("x-train-0", "x-train-1", "x-test-0"), strict=True):
        Path(path).rename(data / f"{name}.tar")
    return data


def test_a_file_is_the_training_split(folder: Path) -> None:
    splits = load_dataset(str(folder / "x-train-0.tar"), Reading)
    assert isinstance(splits, DatasetDict)
    assert list(splits) == ["train"]
    assert labels(splits["train"]) == [0, 1, 2, 3]
    assert labels(load_dataset(folder / "x-train-0.tar", Reading, split="train")) == [0, 1, 2, 3]


def test_without_a_type_samples_are_dicts(folder: Path) -> None:
    ds = load_dataset(folder / "x-train-0.tar", split="train")
    assert ds.sample_type is DictSample
    assert [sample.label for sample in ds.ordered()] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "path", ["{folder}", "{folder}/", "{folder}/*.tar", "{folder}/**/*.tar", "{folder}/x-*-?.tar"]
)
def test_splits_by_name(folder: Path, path: str) -> None:
    splits = load_dataset(path.replace("{folder}", str(folder)), Reading)
    assert {name: labels(ds) for name, ds in splits.items()} == {
        "test": [8, 9, 10, 11],
        "train": list(range(8)),
    }
    assert splits.num_shards == {"test": 1, "train": 2}
    assert splits.sample_type is Reading


def test_splits_of_a_pattern(folder: Path) -> None:
    splits = load_dataset(f"{folder}/x-{{train,test}}-0.tar", Reading)
    assert {name: labels(ds) for name, ds in splits.items()} == {
        "train": [0, 1, 2, 3],
        "test": [8, 9, 10, 11],
    }
    one = load_dataset(f"{folder}/x-train-{{0..1}}.tar", Reading, split="train")
    assert one.source.urls == [f"{folder}/x-train-{{0..1}}.tar"]
    assert labels(one) == list(range(8))


def test_splits_by_folder(tmp_path: Path) -> None:
    for start, split in ((0, "training"), (10, "dev"), (20, "testing"), (30, "other")):
        write_readings(tmp_path / "data" / split, 4, start=start)
    splits = load_dataset(tmp_path / "data", Reading)
    assert {name: labels(ds)[0] for name, ds in splits.items()} == {
        "validation": 10,
        "train": 30,
        "test": 20,
    }
    assert labels(splits["train"]) == [30, 31, 32, 33, 0, 1, 2, 3]


@pytest.mark.parametrize("alias", ["validation", "val", "valid", "dev", "development"])
def test_other_names_of_a_split(tmp_path: Path, alias: str) -> None:
    write_readings(tmp_path / "val", 4)
    assert labels(load_dataset(tmp_path, Reading, split=alias)) == [0, 1, 2, 3]


def test_words_that_only_hold_the_name_of_a_split(tmp_path: Path) -> None:
    write_readings(tmp_path / "latest-contest-trains-invalid", 4)
    assert list(load_dataset(tmp_path, Reading)) == ["train"]


def test_data_files(folder: Path) -> None:
    named: dict[str, Any] = {"train": "x-train-*.tar", "val": ["x-test-0.tar"]}
    splits = load_dataset(folder, Reading, data_files=named)
    assert {name: labels(ds) for name, ds in splits.items()} == {
        "train": list(range(8)),
        "validation": [8, 9, 10, 11],
    }
    ds = load_dataset(folder, Reading, data_files="x-train-1.tar", split="train")
    assert labels(ds) == [4, 5, 6, 7]
    some = load_dataset(folder, Reading, data_files=["x-test-0.tar", str(folder / "x-train-1.tar")])
    assert list(some) == ["test", "train"]


def test_a_split_that_is_not_there(folder: Path) -> None:
    with pytest.raises(EntryNotFound, match=r"no split 'dev'.*\n.*test, train"):
        load_dataset(folder, Reading, split="dev")
    with pytest.raises(KeyError):
        load_dataset(folder, Reading)["other"]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "nothing.tar", tmp_path / "*.tar", tmp_path / "empty"):
        with pytest.raises(StorageError, match="no shards there"):
            load_dataset(path)


def test_urls_are_not_opened(folder: Path) -> None:
    splits = load_dataset("https://example.com/x-{train,test}-{0..3}.tar", streaming=True)
    assert splits.streaming
    assert splits.num_shards == {"train": 4, "test": 4}
    with pytest.raises(UrlError, match="pipe"):
        load_dataset("pipe:cat /etc/passwd")


def test_one_split_can_be_used_as_it_is(folder: Path) -> None:
    splits = load_dataset(folder / "x-train-0.tar", Reading)
    assert [sample.label for sample in splits.ordered()] == [0, 1, 2, 3]
    with pytest.raises(AttributeError, match="choose a split"):
        load_dataset(folder, Reading).ordered()


def test_from_a_local_index(folder: Path, tmp_path: Path) -> None:
    index = LocalIndex(path=tmp_path / "index.db")
    index.insert_dataset(atdata.Dataset[Reading](str(folder / "x-train-0.tar")), name="mine")
    for ref in ("mine", "@local/mine"):
        ds = load_dataset(ref, index=index, split="train")
        assert labels(ds) == [0, 1, 2, 3]
        assert ds.sample_type is not DictSample
    with pytest.raises(EntryNotFound):
        load_dataset("nothing", index=index)


# -- the network


@pytest.fixture
def shards(tmp_path: Path) -> list[str]:
    return write_readings(tmp_path / "made", 10)


def publish(client: AtmosphereClient, paths: list[str], **changes: Any) -> str:
    """A dataset record that a stranger wrote: sound, but for the changes."""
    schema = SchemaPublisher(client).publish(Reading, version="1.0.0")
    known = [inspect_shard(path) for path in paths]
    cid = schema_cid("Reading", "1.0.0", schema_document(Reading))
    blobs = [client.upload_blob(Path(path).read_bytes(), "application/x-tar") for path in paths]
    value = {
        "name": "x",
        "schemaRef": str(schema),
        "schemaCid": cid,
        "storage": {"$type": f"{Record.NSID}#blobStorage", "blobs": blobs},
        "shards": [{"cid": i.cid, "size": i.size, "samples": i.samples} for i in known],
        "contentCid": content_cid(cid, known),
        "createdAt": "2026-01-01T00:00:00Z",
    } | changes
    value = {name: item for name, item in value.items() if item is not None}
    return str(client.create_record(Record.NSID, value, rkey="x"))


def urls(*found: str) -> dict[str, Any]:
    return {"$type": f"{Record.NSID}#urlStorage", "urls": list(found)}


def test_a_sound_record(client: AtmosphereClient, shards: list[str]) -> None:
    uri = publish(client, shards)
    for ref in (uri, f"@{client.handle}/x", f"@{client.did}/x"):
        ds = load_dataset(ref, split="train")
        assert labels(ds) == list(range(10))
        assert ds.sample_type.__name__ == "Reading"
    assert labels(load_dataset(uri, Reading)["train"]) == list(range(10))
    assert labels(load_dataset("x", index=AtmosphereIndex(client), split="train")) == list(
        range(10)
    )
    with pytest.raises(EntryNotFound):
        load_dataset(f"@{client.handle}/y")


def test_a_record_without_digests(client: AtmosphereClient, shards: list[str]) -> None:
    """Blobs tell their digests themselves."""
    uri = publish(client, shards, shards=None, contentCid=None, schemaCid=None)
    assert labels(load_dataset(uri, split="train")) == list(range(10))


def test_a_schema_that_was_changed(client: AtmosphereClient, shards: list[str]) -> None:
    uri = publish(client, shards)

    @atdata.packable
    class Changed:
        values: int

    record = to_record(Changed, "1.0.0", created_at="2026-01-01T00:00:00Z")
    client.put_record(SampleSchema.NSID, "Reading:1.0.0", record.to_dict())
    with pytest.raises(SchemaConflict, match="immutable"):
        load_dataset(uri)


def test_a_shard_list_that_was_changed(client: AtmosphereClient, shards: list[str]) -> None:
    known = inspect_shard(shards[0])
    other = [{"cid": known.cid, "size": known.size, "samples": known.samples + 1}]
    with pytest.raises(RecordError, match="content CID"):
        load_dataset(publish(client, shards, shards=other))


def test_blobs_that_are_not_those_of_the_list(client: AtmosphereClient, shards: list[str]) -> None:
    blob = client.upload_blob(Path(shards[0]).read_bytes(), "application/x-tar")
    storage = {"$type": f"{Record.NSID}#blobStorage", "blobs": [blob]}
    with pytest.raises(RecordError, match="not the shards of the list"):
        load_dataset(publish(client, shards, storage=storage))


def test_bytes_that_are_not_the_promised_ones(client: AtmosphereClient, shards: list[str]) -> None:
    """The record tells other digests than the server of its URLs delivers."""
    url = f"{client.base_url}/xrpc/_health"
    uri = publish(client, shards[:1], storage=urls(url))
    with pytest.raises(DigestMismatch):
        labels(load_dataset(uri, split="train"))


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("file:///etc/passwd", AddressRefused),
        ("pipe:cat%20/etc/passwd", UrlError),
        ("ftp://example.com/a.tar", UrlError),
        ("gopher:x", UrlError),
        ("at://did:plc:abc/com.example.thing/a", UrlError),
    ],
)
def test_urls_that_a_record_may_not_name(
    client: AtmosphereClient, shards: list[str], url: str, error: type[Exception]
) -> None:
    uri = publish(client, shards[:1], storage=urls(url), shards=None, contentCid=None)
    with pytest.raises(error):
        load_dataset(uri)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost:1", "[::1]:1", "10.0.0.1", "0.0.0.0"])
def test_private_addresses_that_a_record_names(
    client: AtmosphereClient, shards: list[str], host: str
) -> None:
    uri = publish(client, shards[:1], storage=urls(f"http://{host}/a.tar"))
    with pytest.raises(AddressRefused):
        labels(load_dataset(uri, split="train"))


def test_a_manifest(client: AtmosphereClient, shards: list[str]) -> None:
    good = b"[%s]" % b",".join(
        b'{"cid":"%s","samples":%d,"size":%d}' % (i.cid.encode(), i.samples, i.size)
        for i in map(inspect_shard, shards)
    )
    for data, error in (
        (good, None),
        (good.replace(b'"samples":4', b'"samples":5'), "content CID"),
        (b"{}", "damaged|content CID"),
        (b"[1]", "damaged"),
        (b"7", "not a list"),
        (b"[" * 100_000, "damaged"),
    ):
        blob = client.upload_blob(data, "application/json")
        uri = publish(client, shards, shards=None, manifest=blob)
        if error is None:
            assert labels(load_dataset(uri, split="train")) == list(range(10))
        else:
            with pytest.raises(RecordError, match=error):
                load_dataset(uri)
        client.delete_record(uri)
