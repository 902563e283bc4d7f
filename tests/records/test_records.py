"""The generated classes: construction, round trips, issues, bounds and bad input."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import atdata_records
from atdata_records import (
    Blob,
    Issue,
    Link,
    UnknownVariant,
    ValidationError,
    cid,
    dag_cbor,
    mutations,
    strategies,
)
from atdata_records.ac.foundation.dataset.defs import JSON_SCHEMA, Shard
from atdata_records.ac.foundation.dataset.record import BlobStorage, Record, UrlStorage
from atdata_records.base import require_abi
from atdata_records.errors import CODES

RECORD = "ac.foundation.dataset.record"
SCHEMA = "ac.foundation.dataset.sampleSchema"
SHARD = Shard(cid=cid.of_bytes(b"shard"), size=5, samples=2)


def dataset(**changes: Any) -> Record:
    fields: dict[str, Any] = {
        "name": "digits",
        "schema_ref": "at://did:plc:abcdefghijklmnopqrstuvwx/ac.foundation.dataset.sampleSchema/A:1.0.0",
        "storage": UrlStorage(urls=["s3://bucket/{000..003}.tar"]),
        "shards": [SHARD],
        "created_at": "2024-02-29T00:00:00Z",
    }
    return Record(**{**fields, **changes})


def codes(value: Any, **options: Any) -> dict[str, str]:
    return {issue.path: issue.code for issue in atdata_records.check(value, **options)}


def test_built_by_hand() -> None:
    record = dataset()
    record.validate()
    assert JSON_SCHEMA == "ac.foundation.dataset.defs#jsonSchema"
    assert Record.NSID == Record.TYPE == RECORD
    assert record.to_dict()["storage"]["$type"] == f"{RECORD}#urlStorage"
    assert "$type" not in record.to_dict()["shards"][0]
    with pytest.raises(AttributeError):
        record.name = "other"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(record)) == record
    with pytest.raises(TypeError):
        Record("digits")  # type: ignore[call-arg, misc]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": ""}, "$.name"),
        ({"created_at": "2023-02-29T00:00:00Z"}, "$.createdAt"),
        ({"storage": UrlStorage(urls=[])}, "$.storage.urls"),
        ({"storage": "s3://bucket"}, "$"),
        ({"shards": 3}, "$"),
        ({"size": 1.5}, "$.size"),
        ({"extra": {"more": 0.5}}, "$.more"),
    ],
)
def test_built_by_hand_and_invalid(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(ValidationError) as caught:
        dataset(**changes).validate()
    assert [issue.path for issue in caught.value.issues] == [path]


@settings(max_examples=150)
@given(st.sampled_from((RECORD, SCHEMA)).flatmap(strategies.valid_objects))
def test_round_trips_keep_everything(record: Any) -> None:
    cls = type(record)
    assert cls.from_dict(record.to_dict()) == record
    assert cls.from_json(record.to_json()) == record
    assert cls.from_cbor(record.to_cbor()) == record
    assert cls.from_cbor(record.to_cbor()).to_cbor() == record.to_cbor()
    assert cls.from_json(record.to_json()).cid() == record.cid()
    record.validate()


def test_what_is_unknown_survives_at_every_depth() -> None:
    unheard = {
        "$type": "org.example.tape#reel",
        "bytes": {"$bytes": "AAEC"},
        "deep": [{"link": {"$link": cid.of_bytes(b"x")}, "null": None}],
    }
    value = dataset(extra={}).to_dict()
    value |= {"storage": unheard, "org.example.note": {"$bytes": "AA"}}
    value["shards"][0] |= {"host": "tape-4", "$type": Shard.TYPE}
    record = Record.from_dict(value)
    assert isinstance(record.storage, UnknownVariant)
    assert record.storage.type == "org.example.tape#reel"
    assert record.storage.data["bytes"] == b"\x00\x01\x02"
    assert record.extra == {"org.example.note": b"\x00"}
    assert record.to_dict() == value
    assert Record.from_cbor(record.to_cbor()).to_dict() == value


def test_what_is_given_is_not_shared() -> None:
    value = dataset().to_dict()
    value["tags"] = ["a"]
    record = Record.from_dict(value)
    value["tags"].append("b")
    assert record.tags == ["a"]
    record.to_dict()["tags"].append("c")
    assert record.tags == ["a"]


def test_every_issue_is_found_at_once() -> None:
    value = dataset().to_dict()
    del value["name"]
    value |= {"size": -1, "tags": ["ok", "", 4], "shards": [{"cid": "x", "size": 0}], "more": 0.5}
    value["storage"] = {"$type": f"{RECORD}#urlStorage", "urls": ["no url", "s3://fine"]}
    assert codes(value) == {
        "$.name": "required",
        "$.size": "minimum",
        "$.tags[1]": "min-length",
        "$.tags[2]": "type",
        "$.shards[0].cid": "format",
        "$.shards[0].samples": "required",
        "$.storage.urls[0]": "format",
        "$.more": "float",
    }
    assert set(codes(value).values()) <= set(CODES)


def test_graphemes_are_what_people_count() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert codes(dataset(tags=[family * 35]).to_dict()) == {}
    assert codes(dataset(tags=[family * 36]).to_dict()) == {"$.tags[0]": "max-length"}
    assert codes(dataset(tags=["é" * 64]).to_dict()) == {}
    assert codes(dataset(tags=["é" * 65]).to_dict()) == {"$.tags[0]": "max-graphemes"}


def test_lenient_reading() -> None:
    value = dataset().to_dict()
    value["$type"] = f"{RECORD}#main"
    value["manifest"] = {"cid": cid.of_bytes(b"old"), "mimeType": "application/json"}
    assert codes(value) == {"$['$type']": "type-name"}
    assert codes({**value, "$type": RECORD})["$.manifest.ref"] == "type"
    record = Record.from_dict(value, lenient=True)
    assert record.manifest is not None
    assert record.manifest.size == -1
    assert record.to_dict() == value
    link = {"$link": cid.of_cbor(b"")}
    blob = {"$type": "blob", "ref": link, "mimeType": "application/x-tar", "size": 1}
    storage = {"$type": f"{RECORD}#blobStorage", "blobs": [blob]}
    value = {**dataset().to_dict(), "storage": storage}
    assert codes(value) == {"$.storage.blobs[0].ref": "blob"}
    assert codes(value, lenient=True) == {}


def test_blobs() -> None:
    blob = Blob(ref=Link(cid.of_bytes(b"tar")), mime_type="application/x-tar", size=3)
    record = dataset(storage=BlobStorage(blobs=[blob]))
    record.validate()
    read = Record.from_cbor(record.to_cbor())
    assert isinstance(read.storage, BlobStorage)
    assert read.storage.blobs == [blob]
    assert read.storage.blobs[0].ref.cid == cid.of_bytes(b"tar")
    wrong = Blob(ref=Link("nothing"), mime_type="text/html", size=-2)
    with pytest.raises(ValidationError) as caught:
        dataset(storage=BlobStorage(blobs=[wrong])).validate()
    found = {issue.code for issue in caught.value.issues}
    assert found == {"link", "accept", "blob"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b'{"a": NaN}', "json"),
        (b'{"name": "a", "name": "b"}', "json"),
        (b"\xff\xfe", "json"),
        (b"[" * 1_000_000, "depth"),
        (b'{"a":' * 300_000, "depth"),
        (b'"' + b"x" * 100_000_000 + b'"', "record-size"),
        (b"[1]", "type"),
        (b"1e999", "type"),
        (b"9" * 5000, "type"),
    ],
    ids=range(11),
)
def test_hostile_json(text: bytes, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Record.from_json(text)
    assert [issue.code for issue in caught.value.issues] == [code]


def test_hostile_cbor() -> None:
    for data in (
        b"",
        b"\x81" * 1_000_000,
        b"\xa1aa\xfb" + b"\0" * 8,
        b"\xbf",
        b"\x9b" + b"\xff" * 8,
    ):
        with pytest.raises(ValidationError) as caught:
            Record.from_cbor(data)
        assert {issue.code for issue in caught.value.issues} == {"cbor"}
    with pytest.raises(ValidationError, match="longer than"):
        Record.from_cbor(bytes(2_000_000))


def test_bounds_of_the_data_model() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    value = dataset().to_dict()
    assert set(codes({**value, "deep": deep}).values()) == {"depth"}
    assert set(codes({**value, "wide": [0] * 131_073}).values()) == {"entries"}
    assert set(codes({**value, "k" * 8_193: 0}).values()) == {"key"}
    assert set(codes({**value, 5: 0}).values()) == {"key"}
    assert set(codes({**value, "\ud800": 0}).values()) == {"unicode"}
    assert set(codes({**value, "set": {1}}).values()) == {"type"}
    assert set(codes({**value, "big": 2**63}).values()) == {"integer-range"}
    with pytest.raises(ValidationError, match="longer than"):
        dataset(extra={"fat": "x" * 1_100_000}).to_cbor()


def test_numbers_without_fraction_are_integers_in_json() -> None:
    text = dataset(size=None).to_json()[:-1]
    assert Record.from_json(text + b',"size":123.0}').size == 123
    with pytest.raises(ValidationError):
        Record.from_json(text + b',"size":123.5}')


def test_types_are_found_by_name() -> None:
    record = dataset()
    assert atdata_records.parse(record.to_dict()) == record
    assert atdata_records.class_of(f"{RECORD}#urlStorage") is UrlStorage
    assert codes({"name": "x"}) == {"$['$type']": "required"}
    assert codes({"$type": "org.example.other"}) == {"$['$type']": "type-name"}
    assert codes({"$type": f"{RECORD}#urlStorage", "urls": ["a:b"]}) == {"$['$type']": "type-name"}
    assert codes(7) == {"$": "type"}
    with pytest.raises(KeyError):
        atdata_records.class_of("org.example.other")


@settings(max_examples=400)
@given(st.sampled_from((RECORD, SCHEMA)).flatmap(mutations.invalid))
def test_mutated_records_are_refused_at_their_place(case: mutations.Invalid) -> None:
    issues = atdata_records.check(case.record)
    assert any(issue.parts[: len(case.parts)] == case.parts for issue in issues), case.what
    assert all(isinstance(issue, Issue) and "\n" not in str(issue) for issue in issues)


_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.sampled_from(("$type", "$link", "$bytes", "ref")), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=2_000)
@given(st.sampled_from(list(dataset().to_dict())), _DATA, st.booleans())
def test_any_value_anywhere_is_read_or_refused(key: str, value: Any, lenient: bool) -> None:
    try:
        record = Record.from_dict({**dataset().to_dict(), key: value}, lenient=lenient)
    except ValidationError as refused:
        error = refused
    else:
        assert Record.from_dict(record.to_dict(), lenient=True) == record
        return
    assert error.issues
    assert str(error)


@settings(max_examples=3_000)
@given(
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_flipped_bytes_are_read_or_refused(as_json: bool, flips: list[tuple[int, int]]) -> None:
    record = dataset()
    data = bytearray(record.to_json() if as_json else record.to_cbor())
    for place, byte in flips:
        data[place % len(data)] = byte
    read = Record.from_json if as_json else Record.from_cbor
    try:
        found = read(bytes(data))
    except ValidationError as refused:
        error = refused
    else:
        assert as_json or found.to_cbor() == bytes(data)
        return
    assert error.issues


@settings(max_examples=3_000)
@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    try:
        value = dag_cbor.decode(data)
    except dag_cbor.CborError:
        return
    assert dag_cbor.encode(value) == data


def test_generated_modules_refuse_another_runtime() -> None:
    with pytest.raises(ImportError, match="lexgen build"):
        require_abi(0, "some.module")


def test_the_package_is_lazy_and_needs_only_the_standard_library() -> None:
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import atdata_records\n"
        "assert not any(name.startswith('atdata_records.') for name in sys.modules)\n"
        "assert 'dataclasses' not in sys.modules\n"
        "import atdata_records.ac.foundation.dataset.record, json\n"
        "roots = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(json.dumps(sorted(roots)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert set(json.loads(done.stdout)) <= {"atdata_records", *sys.stdlib_module_names}
    assert set(atdata_records.__all__) <= set(dir(atdata_records))
    for name in atdata_records.__all__:
        assert getattr(atdata_records, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        atdata_records.nothing  # type: ignore[attr-defined]  # noqa: B018
