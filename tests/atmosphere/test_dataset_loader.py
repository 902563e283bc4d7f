"""Loading: records are found, and not believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import atdata
from atdata import load_dataset
from atdata.atmosphere import (
    AtmosphereClient,
    AtUri,
    DatasetLoader,
    DatasetPublisher,
    SchemaPublisher,
)
from atdata.errors import (
    AddressRefused,
    DigestMismatch,
    EntryNotFound,
    RecordError,
    SchemaConflict,
    UrlError,
)
from atdata.samples.schema import schema_cid, schema_document, to_record
from atdata.shards.info import content_cid, inspect_shard
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema
from readings import Reading, labels, write_readings

from .conftest import URLS

pytestmark = pytest.mark.xdist_group("pds")


def test_ways_to_name_a_dataset(
    publisher: DatasetPublisher, loader: DatasetLoader, client: AtmosphereClient, schema: AtUri
) -> None:
    uri = publisher.publish_with_urls(URLS, schema, name="größe b")
    for ref in (
        uri,
        str(uri),
        f"@{client.handle}/größe b",
        f"@{client.did}/größe b",
        str(uri).replace(client.did, client.handle),
    ):
        assert loader.find(ref).uri == uri
    assert DatasetLoader(client).find("größe b").uri == uri
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


@pytest.fixture
def shards(tmp_path: Path) -> list[str]:
    return write_readings(tmp_path / "made", 10)


def publish(client: AtmosphereClient, paths: list[str], **changes: Any) -> str:
    """A dataset record of another party: sound, but for the changes."""
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
        ("at://did:plc:abc/com.example.thing/a", AddressRefused),
    ],
)
def test_urls_that_a_record_may_not_name(
    client: AtmosphereClient, shards: list[str], url: str, error: type[Exception]
) -> None:
    uri = publish(client, shards[:1], storage=urls(url), shards=None, contentCid=None)
    with pytest.raises(error):
        load_dataset(uri, split="train").list_shards()


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
