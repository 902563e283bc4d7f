"""Records as other tools have published them, on the reference PDS."""

from __future__ import annotations

import base64
import contextlib
import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import atdata
from atdata import load_dataset
from atdata.atmosphere import (
    AtmosphereClient,
    AtmosphereIndex,
    AtUri,
    DatasetLoader,
    DatasetPublisher,
)
from atdata.atmosphere.foreign import COLLECTIONS, is_foreign, read_dataset
from atdata.atmosphere.foreign_schemas import read_schema
from atdata.atmosphere.records import StoredRecord
from atdata.errors import AddressRefused, DigestMismatch, RecordError
from atdata.local import S3DataStore
from atdata.shards.expected import ExpectedShard
from atdata_records import cid
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema
from readings import Reading, labels, write_readings
from servers.s3 import S3Server

from .web import Web

pytestmark = pytest.mark.xdist_group("pds")

NDARRAY = {"type": "string", "format": "byte", "contentEncoding": "base64"}
DOCUMENT = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["values", "label"],
    "properties": {
        # They said int8 of an uint8 at times: what an array is, it tells itself.
        "values": {"$ref": "#/$defs/ndarray", "x-atdata-dtype": "int8"},
        "label": {"type": "integer", "minimum": 0},
        "note": {"type": ["string", "null"]},
    },
    "$defs": {"ndarray": NDARRAY},
}
SCHEMAS = {
    "fields": {
        "$type": "app.bsky.atdata.schema",
        "fields": [
            {"name": "values", "fieldType": {"$type": "app.bsky.atdata.schema#ndarray"}},
            {"name": "label", "fieldType": {"$type": "x.y.z#primitive", "primitive": "int"}},
            {
                "name": "note",
                "fieldType": {"$type": "x.y.z#primitive", "primitive": "str"},
                "optional": True,
            },
        ],
    },
    "jsonSchema": {
        "$type": "ac.foundation.dataset.sampleSchema",
        "schemaType": "jsonschema",
        "jsonSchema": DOCUMENT,
    },
    "union": {
        "$type": "science.alt.dataset.schema",
        "schemaType": "jsonSchema",
        "schema": {"$type": "science.alt.dataset.schema#jsonSchemaFormat", **DOCUMENT},
    },
}
COMMON = {"name": "Reading", "version": "1.0.0", "createdAt": "2025-01-06T12:00:00Z"}
BODY = {"name": "theirs", "createdAt": "2025-01-07T10:30:00Z"}


def checksum(data: bytes, algorithm: str = "sha256") -> dict[str, str]:
    return {"algorithm": algorithm, "digest": hashlib.sha256(data).hexdigest()}


@pytest.fixture
def data(tmp_path: Path) -> list[bytes]:
    """Two shards of four readings."""
    return [Path(path).read_bytes() for path in write_readings(tmp_path / "in", 8)]


@pytest.fixture
def urls(web: Web, data: list[bytes]) -> list[str]:
    for number, shard in enumerate(data):
        web.routes[f"/d-{number}.tar"] = shard
    return [f"{web.url}/d-{number}.tar" for number in range(len(data))]


def put_schema(client: AtmosphereClient, which: str = "union") -> str:
    value = {**COMMON, **copy.deepcopy(SCHEMAS[which])}
    return str(create(client, str(value["$type"]), value))


def put(client: AtmosphereClient, collection: str, **members: Any) -> AtUri:
    value = {"$type": collection, **BODY, "schemaRef": put_schema(client), **members}
    return create(client, collection, value)


def create(client: AtmosphereClient, collection: str, value: dict[str, Any]) -> AtUri:
    """As another tool writes: our client would refuse what our lexicons do."""
    body = {"repo": client.did, "collection": collection, "record": value}
    method = "com.atproto.repo.createRecord"
    return AtUri.parse(client._active.call(method, json.dumps(body).encode())["uri"])


def http_storage(urls: list[str], data: list[bytes], **changes: Any) -> dict[str, Any]:
    shards = [
        {"url": url, "checksum": checksum(shard)} for url, shard in zip(urls, data, strict=True)
    ]
    return {"$type": "ac.foundation.dataset.storageHttp", "shards": shards, **changes}


def read(loader: DatasetLoader, uri: AtUri) -> list[int]:
    ds = loader.to_dataset(uri)
    assert ds.sample_type.__name__ == "Reading"
    samples = list(ds.ordered())
    assert samples[1].values.dtype == np.float32
    assert [sample.note for sample in samples[:2]] == ["note 0", None]
    return [sample.label for sample in samples]


@pytest.mark.parametrize("which", SCHEMAS)
def test_schemas_of_every_age(
    client: AtmosphereClient, loader: DatasetLoader, urls: list[str], which: str
) -> None:
    ref = put_schema(client, which)
    value = {"storage": {"$type": "x.y.storageExternal", "urls": urls}, "schemaRef": ref}
    uri = put(client, "science.alt.dataset.entry", **value)
    assert read(loader, uri) == list(range(8))
    index = AtmosphereIndex(client)
    assert index.get_schema(ref)["name"] == "Reading"
    assert index.decode_schema(ref).__name__ == "Reading"


@pytest.mark.parametrize(
    ("collection", "storage"),
    [
        ("app.bsky.atdata.dataset", {"kind": "external"}),
        ("ac.foundation.dataset.record", {"type": "external"}),
        ("ac.foundation.dataset.record", {"$type": "ac.foundation.dataset.storageExternal"}),
        ("ac.foundation.dataset.entry", {"$type": "ac.foundation.dataset.storageExternal"}),
        ("science.alt.dataset.entry", {"$type": "science.alt.dataset.storageExternal"}),
    ],
)
def test_urls_with_brace_notation(
    client: AtmosphereClient,
    loader: DatasetLoader,
    web: Web,
    urls: list[str],
    collection: str,
    storage: dict[str, str],
) -> None:
    pattern = f"{web.url}/d-{{0..1}}.tar"
    uri = put(client, collection, storage={**storage, "urls": [pattern]})
    assert loader.get_urls(uri) == [pattern]
    assert loader.get_storage_type(uri) == "external"
    assert read(loader, uri) == list(range(8))


def test_the_oldest_has_its_urls_beside(
    client: AtmosphereClient, loader: DatasetLoader, urls: list[str]
) -> None:
    assert read(loader, put(client, "app.bsky.atdata.dataset", urls=urls)) == list(range(8))


def test_shards_with_checksums(
    client: AtmosphereClient, loader: DatasetLoader, urls: list[str], data: list[bytes]
) -> None:
    uri = put(client, "ac.foundation.dataset.entry", storage=http_storage(urls, data))
    assert read(loader, uri) == list(range(8))
    other = http_storage(urls[:1], [data[0] + b"longer"])
    with pytest.raises(DigestMismatch, match=r"d-0\.tar"):
        read(loader, put(client, "ac.foundation.dataset.entry", storage=other))


def test_checksums_of_unknown_kinds_raise(
    client: AtmosphereClient, loader: DatasetLoader, urls: list[str], data: list[bytes]
) -> None:
    storage = http_storage(urls, data)
    storage["shards"][0]["checksum"]["algorithm"] = "blake3"
    uri = put(client, "ac.foundation.dataset.entry", storage=storage)
    with pytest.warns(UserWarning, match="unverified: checksums of the kind 'blake3'"):
        assert read(loader, uri) == list(range(8))


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("media_type", ["application/x-tar", "*/*"])
def test_blobs(
    client: AtmosphereClient,
    loader: DatasetLoader,
    data: list[bytes],
    wrapped: bool,
    media_type: str,
) -> None:
    blobs: list[Any] = [client.upload_blob(shard, media_type) for shard in data]
    if wrapped:
        blobs = [
            {"blob": blob, "checksum": checksum(shard)}
            for blob, shard in zip(blobs, data, strict=True)
        ]
    storage = {"$type": "ac.foundation.dataset.storageBlobs", "blobs": blobs}
    uri = put(client, "ac.foundation.dataset.entry", storage=storage)
    assert loader.get_storage_type(uri) == "blobs"
    assert [blob["ref"]["$link"] for blob in loader.get_blobs(uri)] == list(map(cid.of_bytes, data))
    assert read(loader, uri) == list(range(8))


def s3_storage(bucket: str, keys: list[str], data: list[bytes], endpoint: str) -> dict[str, Any]:
    shards = [
        {"key": key, "checksum": checksum(shard)} for key, shard in zip(keys, data, strict=True)
    ]
    kind = "ac.foundation.dataset.storageS3"
    return {"$type": kind, "bucket": bucket, "endpoint": endpoint, "shards": shards}


def test_objects_at_the_users_own_endpoint(
    client: AtmosphereClient,
    loader: DatasetLoader,
    data: list[bytes],
    s3_server: S3Server,
    s3_bucket: str,
) -> None:
    for number, shard in enumerate(data):
        s3_server.client().put_object(Bucket=s3_bucket, Key=f"a/{number}.tar", Body=shard)
    S3DataStore(s3_server.credentials, bucket=s3_bucket)
    storage = s3_storage(s3_bucket, ["a/0.tar", "a/1.tar"], data, s3_server.endpoint)
    uri = put(client, "ac.foundation.dataset.entry", storage=storage)
    assert loader.get_urls(uri)[0] == f"s3://{s3_bucket}/a/0.tar"
    assert read(loader, uri) == list(range(8))


def test_objects_elsewhere_are_read_as_anybody_could(
    client: AtmosphereClient, loader: DatasetLoader, data: list[bytes], web: Web
) -> None:
    web.routes["/bucket/a%20b/0.tar"] = data[0]
    storage = s3_storage("bucket", ["a b/0.tar"], data[:1], web.url)
    uri = put(client, "ac.foundation.dataset.entry", storage=storage)
    assert read(loader, uri) == list(range(4))


@pytest.mark.usefixtures("urls")
def test_private_endpoints_are_refused(
    client: AtmosphereClient, data: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATDATA_ALLOW_PRIVATE")
    storage = s3_storage("bucket", ["0.tar"], data[:1], "http://169.254.169.254")
    uri = put(client, "ac.foundation.dataset.entry", storage=storage)
    with pytest.raises(AddressRefused):
        list(load_dataset(str(uri), split="train").ordered())


def test_what_is_said_about_it(
    client: AtmosphereClient, loader: DatasetLoader, urls: list[str]
) -> None:
    packed = base64.b64encode(msgpack.packb({"lab": 302, "rate": 0.5})).decode().rstrip("=")
    uri = put(
        client,
        "ac.foundation.dataset.entry",
        storage={"$type": "ac.foundation.dataset.storageExternal", "urls": urls},
        description="x" * 4000,
        tags=["spectra"],
        license="MIT",
        size={"samples": 8, "bytes": 9000, "shards": 2},
        metadata={"$bytes": packed},
    )
    with pytest.warns(UserWarning, match=r"\$\.description"):
        record = loader.read(uri)
    assert (record.samples, record.size) == (8, 9000)
    assert (record.tags, record.license, record.description) == (["spectra"], "MIT", None)
    with pytest.warns(UserWarning, match=r"\$\.description"):
        assert loader.get_metadata(uri) == {"lab": 302, "rate": 0.5}


def test_they_are_found_by_name_and_listed(
    client: AtmosphereClient, loader: DatasetLoader, urls: list[str]
) -> None:
    external = {"$type": "ac.foundation.dataset.storageExternal", "urls": urls}
    theirs = [put(client, one, storage=external, name=f"in {one}") for one in COLLECTIONS]
    for uri, one in zip(theirs, COLLECTIONS, strict=True):
        assert loader.find(f"@{client.handle}/in {one}").uri == uri
    names = [entry.name for entry in AtmosphereIndex(client).list_datasets()]
    assert names == [f"in {one}" for one in COLLECTIONS]
    assert [value["name"] for value in loader.list_all(client.did)] == names
    ds = load_dataset(f"@{client.handle}/in {COLLECTIONS[1]}", split="train")
    assert labels(ds) == list(range(8))


def test_ours_comes_first_and_theirs_is_never_written(
    client: AtmosphereClient, publisher: DatasetPublisher, loader: DatasetLoader, urls: list[str]
) -> None:
    external = {"$type": "ac.foundation.dataset.storageExternal", "urls": urls}
    theirs = put(client, "ac.foundation.dataset.entry", storage=external)
    before = client.get_record(str(theirs))
    ds = loader.to_dataset(theirs, Reading)
    ours = publisher.publish(ds, name="theirs", urls=urls)
    assert loader.find(f"@{client.handle}/theirs").uri == ours
    assert client.get_record(str(theirs)) == before
    value = client.get_record(str(ours))
    assert not is_foreign(value)
    assert Record.from_dict(value).storage.urls == urls  # type: ignore[union-attr]
    assert atdata.Dataset[Reading](str(ours)).list_shards() == urls


# -- what can't be

URI = AtUri("did:plc:abc", "ac.foundation.dataset.entry", "3k")
SOUND = {
    "$type": "ac.foundation.dataset.entry",
    **BODY,
    "schemaRef": "at://did:plc:abc/ac.foundation.dataset.schema/3k",
    "storage": http_storage(["https://example.org/0.tar"], [b"x"]),
}


def adapted(value: dict[str, Any]) -> tuple[ExpectedShard, ...] | None:
    return read_dataset(StoredRecord(URI, "bafy", value)).expected


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": 1}, r"\$\.name"),
        ({"schemaRef": "nowhere"}, r"\$\.schemaRef"),
        ({"storage": None}, r"\$\.storage"),
        ({"storage": {"$type": "x.y.storageTorrent"}}, r"\$\.storage"),
        ({"storage": {"kind": "external"}}, r"\$\.storage\.urls"),
        ({"storage": {"kind": "blobs", "blobs": [1]}}, r"\$\.storage\.blobs\[0\]"),
        ({"storage": {"kind": "blobs", "blobs": [{}]}}, r"\$\.storage\.blobs\[0\]"),
        ({"storage": {"$type": "a.storageS3", "shards": [{}]}}, r"\$\.storage\.bucket"),
        (
            {"storage": s3_storage("b", ["k"], [b""], "file:///etc")},
            r"\$\.storage\.endpoint",
        ),
        (
            {"storage": http_storage(["https://example.org/{0..9}.tar"], [b"x"])},
            r"\$\.storage\.shards",
        ),
    ],
)
def test_places_of_what_is_wrong(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(RecordError, match=path) as caught:
        adapted({**SOUND, **changes})
    assert str(URI) in str(caught.value)


@pytest.mark.parametrize("digest", ["", "xyz", "ab", 5])
def test_checksums_that_are_none(digest: Any) -> None:
    storage = http_storage(["https://example.org/0.tar"], [b"x"])
    storage["shards"][0]["checksum"]["digest"] = digest
    with pytest.raises(RecordError, match=r"checksum\.digest"):
        adapted({**SOUND, "storage": storage})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps: Any = value.items() if isinstance(value, dict) else ()
    steps = enumerate(value) if isinstance(value, list) else steps
    return [path] * bool(path) + [
        place for step, inner in steps for place in places(inner, (*path, step))
    ]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    changed = copy.deepcopy(value)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = by
    return changed


STORAGES: list[dict[str, Any]] = [
    http_storage(["https://example.org/0.tar"], [b"x"]),
    s3_storage("b", ["k"], [b""], "https://s3.example.org"),
    {"kind": "external", "urls": ["https://example.org/0.tar"]},
    {
        "$type": "x.storageBlobs",
        "blobs": [
            {
                "$type": "blob",
                "ref": {"$link": cid.of_bytes(b"x")},
                "mimeType": "*/*",
                "size": 1,
            }
        ],
    },
]


@settings(max_examples=300)
@given(st.sampled_from(STORAGES), st.data())
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_whatever_stands_there_is_read_or_refused(storage: Any, data: st.DataObject) -> None:
    value = {**SOUND, "storage": storage, "size": {"samples": 1}, "metadata": {"a": 1}}
    place = data.draw(st.sampled_from([one for one in places(value) if one]))
    if place == ("$type",):
        return
    with contextlib.suppress(RecordError):
        expected = adapted(replaced(value, place, data.draw(JSON)))
        assert expected is None or all(cid.is_cid(promise.cid) for promise in expected)


@settings(max_examples=300)
@given(st.sampled_from(sorted(SCHEMAS)), st.data())
def test_schemas_whatever_stands_there(which: str, data: st.DataObject) -> None:
    value = {**COMMON, **SCHEMAS[which]}
    place = data.draw(st.sampled_from([one for one in places(value) if one]))
    with contextlib.suppress(RecordError):
        found = read_schema(StoredRecord(URI, "bafy", replaced(value, place, data.draw(JSON))))
        assert SampleSchema.from_dict(found.to_dict()) == found
