"""One member a field: classes and ``DictSample``."""

from __future__ import annotations

import enum
import json
import pickle
from dataclasses import field
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from webdataset import autodecode
from webdataset.writer import make_handlers

import atdata
from atdata.errors import SampleError, SchemaError
from atdata.samples.arrays import to_npy
from atdata.samples.dict_sample import dict_fields
from atdata.samples.from_schema import type_from_document
from atdata.samples.member_fields import MemberFields
from atdata.samples.members import member_codec
from atdata.samples.packable import projection
from atdata.samples.plain import same
from atdata.samples.to_schema import schema_document
from atdata.samples.wire import pack
from atdata.samples.writable import writable


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@atdata.packable
class Box:
    label: str
    corners: np.ndarray[tuple[int, Literal[2]], np.dtype[np.float32]]


@atdata.packable
class Photo:
    jpg: bytes
    cls: int
    json: dict[str, Any]
    caption: Annotated[str, atdata.Member("txt")]
    features: NDArray[np.float32]
    box: Box
    note: str | None = None
    tags: list[str] = field(default_factory=list)


def photo(**changes: Any) -> Photo:
    fields: dict[str, Any] = {
        "jpg": b"\xff\xd8",
        "cls": 3,
        "json": {"a": [1, None, "x"]},
        "caption": "ein Häuschen",
        "features": np.arange(3, dtype="f4"),
        "box": Box("cat", np.ones((2, 2), "f4")),
    }
    return Photo(**(fields | changes))


def members_of(sample: Any) -> dict[str, memoryview]:
    return {name: memoryview(data) for name, data in member_codec(type(sample)).encode(sample)}


def test_members_are_as_other_tools_write_them() -> None:
    members = {name: bytes(data) for name, data in members_of(photo()).items()}
    npy = members.pop("features")
    assert npy.startswith(b"\x93NUMPY")
    assert members == {
        "jpg": b"\xff\xd8",
        "cls": b"3",
        "json": b'{"a":[1,null,"x"]}',
        "txt": "ein Häuschen".encode(),
        "box": b'{"label":"cat","corners":[[1.0,1.0],[1.0,1.0]]}',
        "tags": b"[]",
    }


def test_a_sample_survives_its_members_and_can_be_packed_then() -> None:
    for sample in (photo(), photo(note="", tags=["a", "b"])):
        read = member_codec(Photo).decode(members_of(sample))
        assert read == sample
        assert read.packed == sample.packed  # type: ignore[attr-defined]


def test_the_members_that_are_read_are_those_of_the_fields() -> None:
    names = "jpg cls json txt features box note tags"
    assert member_codec(Photo).extensions == frozenset(names.split())
    assert member_codec(atdata.DictSample).extensions is None


def test_some_fields_of_a_class_have_the_same_members() -> None:
    part = projection(Photo, ("caption", "cls"))
    assert member_codec(part).extensions == frozenset({"txt", "cls"})
    assert member_codec(part).decode(members_of(photo())).caption == "ein Häuschen"


def test_a_class_from_the_schema_reads_the_same_members() -> None:
    stranger = type_from_document(schema_document(Photo))
    read = member_codec(stranger).decode(members_of(photo()))
    assert read.packed == photo().packed  # type: ignore[attr-defined]
    assert member_codec(stranger).encode(read) == member_codec(Photo).encode(photo())


def test_other_members_are_not_looked_at() -> None:
    members = members_of(photo())
    more = {**members, "pyd": memoryview(b"\x80\x04."), "xml": memoryview(b"\xff")}
    assert member_codec(Photo).decode(more) == photo()


def test_an_absent_member_is_the_default() -> None:
    assert member_codec(Photo).decode(members_of(photo())).note is None
    members = members_of(photo(tags=["a"]))
    del members["tags"]
    assert member_codec(Photo).decode(members).tags == []


def test_an_absent_member_without_default_is_named() -> None:
    members = members_of(photo())
    del members["txt"]
    with pytest.raises(SampleError, match=r"Photo.caption: the sample has no member 'txt'") as info:
        member_codec(Photo).decode(members)
    assert (info.value.member, info.value.path) == ("txt", "caption")


@pytest.mark.parametrize(
    ("member", "data", "path"),
    [
        ("txt", b"\xff", "caption"),
        ("cls", b"3.0", "cls"),
        ("cls", b"1_0", "cls"),
        ("cls", "\u0663".encode(), "cls"),
        ("cls", b"9" * 5_000, "cls"),
        ("cls", b"99999999999999999999", "cls"),
        ("json", b"[]", "json"),
        ("json", b"{", "json"),
        ("json", b'{"a":1,"a":2}', "json"),
        ("json", '{"a":1}'.encode("utf-16"), "json"),
        ("json", b"\xff", "json"),
        ("json", b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "json"),
        ("json", b"[" * 200_000, "json"),
        ("features", b"x", "features"),
        ("features", b"", "features"),
        ("box", b'{"label":1,"corners":[]}', "box.label"),
        ("box", b'{"label":"","corners":[[1]]}', "box.corners"),
        ("box", b'{"label":"","corners":[[1,2],[3]]}', "box.corners"),
        ("box", b'{"label":"","corners":"x"}', "box.corners"),
        ("tags", b'["a",1]', "tags[1]"),
    ],
)
def test_unsound_members_are_named_with_their_field(member: str, data: bytes, path: str) -> None:
    members = members_of(photo()) | {member: memoryview(data)}
    with pytest.raises(SampleError, match="Photo") as info:
        member_codec(Photo).decode(members)
    assert (info.value.member, info.value.path) == (member, path)


def test_values_that_do_not_fit_are_named_with_their_field() -> None:
    with pytest.raises(SampleError, match=r"Photo\.caption: expected str, got int") as info:
        member_codec(Photo).encode(photo(caption=1))
    assert (info.value.member, info.value.path) == ("txt", "caption")


@atdata.packable
class Pair:
    one: NDArray[Any]
    other: NDArray[Any]


@atdata.packable
class Everything:
    text: str
    cls: bool
    index: Level
    score: float
    flag: bool
    when: datetime
    day: date
    color: Color
    level: Level
    choice: Literal["a", "b"]
    mixed: Literal["a", 1, True]
    anything: Any
    items: tuple[int, str]
    table: dict[str, NDArray[Any]]
    plain: Annotated[Any, atdata.Member("plain.cbor")]
    blobs: Annotated[list[bytes], atdata.Member("blobs.msgpack")]
    both: Annotated[Pair, atdata.Member("both.npz")] | None
    none: Annotated[Pair, atdata.Member("none.npz")] | None
    missing: int | None


def test_every_kind_survives_its_member() -> None:
    sample = Everything(
        text="",
        cls=True,
        index=Level.HIGH,
        score=-0.5,
        flag=False,
        when=datetime(2026, 1, 31, 12, tzinfo=UTC),
        day=date(2026, 1, 31),
        color=Color.BLUE,
        level=Level.LOW,
        choice="b",
        mixed=True,
        anything={"a": [None, 1.5]},
        items=(1, "x"),
        table={"x": np.arange(3), "y": np.array(["a", "b"])},
        plain={"bytes": b"\x00", "array": np.arange(2)},
        blobs=[b"a", b""],
        both=Pair(np.arange(2), np.zeros(0)),
        none=None,
        missing=None,
    )
    members = members_of(sample)
    shown = {name: bytes(data) for name, data in members.items()}
    assert (shown["cls"], shown["index"], shown["flag"]) == (b"1", b"2", b"false")
    assert (shown["color"], shown["level"], shown["mixed"]) == (b"blue", b"1", b"true")
    assert not {"missing", "none.npz"} & members.keys()
    assert member_codec(Everything).decode(members) == sample


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[list[int], atdata.Member("txt")],
        Annotated[NDArray[Any], atdata.Member("jpg")],
        Annotated[str, atdata.Member("npy")],
        Annotated[dict[str, int], atdata.Member("npz")],
        list[bytes],
        Annotated[int, atdata.Member("png")],
    ],
)
def test_a_field_that_its_member_can_not_hold_is_named(annotation: Any) -> None:
    made = atdata.packable(type("Made", (), {"__annotations__": {"value": annotation}}))
    with pytest.raises(SchemaError, match=r"Made\.value: a member .* can't hold .*\n.*Annotated"):
        member_codec(made)


def test_a_field_called_as_pickles_are_packed_only() -> None:
    made = atdata.packable(type("Made", (), {"__annotations__": {"pt": int}}))
    assert made.from_bytes(made(1).packed) == made(1)  # type: ignore[attr-defined, call-arg]
    with pytest.raises(SchemaError, match=r"Made\.pt: .*pickles"):
        member_codec(made)


def test_fields_that_differ_in_case_only_are_packed_only() -> None:
    made = atdata.packable(type("Made", (), {"__annotations__": {"a": int, "A": int}}))
    with pytest.raises(SchemaError, match="'a' and 'A' are both the member 'a'"):
        member_codec(made)


def test_none_is_not_written_where_it_would_be_read_as_a_default() -> None:
    @atdata.packable
    class Made:
        note: str | None = "unknown"

    with pytest.raises(SampleError, match=r"Made\.note: None is an absent member"):
        member_codec(Made).encode(Made(None))


def test_a_sample_of_no_members_is_not_written() -> None:
    @atdata.packable
    class Made:
        note: str | None = None

    with pytest.raises(SampleError, match="without members"):
        member_codec(Made).encode(Made())


def test_unknown_members_are_refused_or_kept_as_the_class_says() -> None:
    @atdata.packable(unknown_fields="refuse")
    class Strict:
        cls: int

    @atdata.packable(unknown_fields="keep")
    class Keeper:
        cls: int

    members = {"cls": b"1", "txt": b"kept", "pyd": b"\x80"}
    with pytest.raises(SampleError, match="'pyd'"):
        member_codec(Strict).decode(members)
    assert member_codec(Strict).decode({"cls": b"1"}) == Strict(1)
    kept = member_codec(Keeper).decode(members)
    assert atdata.kept_fields(kept) == {"txt": b"kept"}
    assert member_codec(Keeper).encode(kept) == [("cls", b"1"), ("txt", b"kept")]


@pytest.mark.parametrize(("name", "message"), [("pkl", "pickle"), ("msgpack", "packed sample")])
def test_kept_fields_that_shards_of_members_can_t_hold_are_refused(name: str, message: str) -> None:
    @atdata.packable(unknown_fields="keep")
    class Keeper:
        cls: int

    kept = Keeper.from_bytes(pack({"cls": 1, name: b"x"}))  # type: ignore[attr-defined]
    with pytest.raises(SampleError, match=message) as caught:
        member_codec(Keeper).encode(kept)
    assert caught.value.member == name


def test_the_member_of_packed_samples_is_not_a_field() -> None:
    @atdata.packable
    class Wrapped:
        msgpack: dict[str, int]
        txt: str

    one = Wrapped({"n": 1}, "text")
    assert Wrapped.from_bytes(one.packed) == one  # type: ignore[attr-defined]
    with pytest.raises(SchemaError, match=r"Wrapped.msgpack: 'msgpack' is the member of a packed"):
        member_codec(Wrapped)
    with pytest.raises(SampleError, match="packed sample"):
        member_codec(atdata.DictSample).encode(atdata.DictSample(msgpack=b"x", txt="text"))


RAW = {
    "jpg": b"\xff\xd8",
    "cls": b"3",
    "json": json.dumps({"a": 1}).encode(),
    "left.txt": b"left",
    "bin": b"\x00",
}


def read_untyped(**more: bytes) -> atdata.DictSample:
    sample: atdata.DictSample = member_codec(atdata.DictSample).decode({**RAW, **more})
    return sample


def test_members_without_a_type_are_decoded_by_their_extensions() -> None:
    sample = read_untyped()
    assert list(sample) == list(RAW)
    assert (sample.cls, sample["left.txt"], sample.json) == (3, "left", {"a": 1})
    assert (sample.jpg, sample["bin"]) == (atdata.Image(b"\xff\xd8"), b"\x00")


def test_members_without_a_type_can_be_packed() -> None:
    packed = atdata.DictSample.from_bytes(read_untyped().packed)
    assert packed.to_dict() == {**read_untyped().to_dict(), "jpg": b"\xff\xd8"}


@pytest.mark.parametrize(
    ("extension", "value"),
    [
        *((name, "Häuschen") for name in ("txt", "text", "transcript", "html", "htm")),
        *((name, 3) for name in ("cls", "cls2", "class", "count", "index", "inx", "id")),
        *((name, {"a": [1, None, "ä"]}) for name in ("json", "jsn", "mp", "msg")),
        ("npy", np.arange(3)),
        ("npz", {"a": np.arange(3), "b": np.zeros((2, 2), "f4")}),
    ],
)
def test_webdataset_and_atdata_read_each_other_without_a_type(extension: str, value: Any) -> None:
    codec = member_codec(atdata.DictSample)
    read = codec.decode({extension: make_handlers()[extension](value)})
    assert same(read[extension], value)
    ((_, written),) = codec.encode(atdata.DictSample({extension: value}))
    if extension in autodecode.decoders:  # it does not read all that it writes
        assert same(autodecode.decoders[extension](written), value)


def test_an_unsound_member_is_an_error_only_when_it_is_asked_for() -> None:
    sample = read_untyped(json=b"{")
    assert sample.cls == 3
    assert "json=<not JSON" in repr(sample)
    with pytest.raises(SampleError, match="not JSON") as info:
        sample["json"]
    assert info.value.member == "json"


def test_a_pickle_is_listed_and_never_loaded() -> None:
    sample = read_untyped(pyd=b"\x80\x04.")
    assert "pyd" in sample
    with pytest.raises(SampleError, match="convert them") as info:
        sample["pyd"]
    assert info.value.member == "pyd"
    with pytest.raises(SampleError, match=r"DictSample\.pyd"):
        _ = sample.packed
    with pytest.raises(SampleError, match="pickles"):
        member_codec(atdata.DictSample).encode(sample)


def test_members_that_were_not_changed_are_written_as_they_were() -> None:
    codec = member_codec(atdata.DictSample)
    spaced = b'{ "a" : 1 }'
    assert dict(codec.encode(read_untyped(json=spaced))) == {**RAW, "json": spaced}
    sample = read_untyped(json=spaced)
    assert sample.jpg.bytes == RAW["jpg"]
    sample["cls"] = 4
    sample["new.npy"] = np.arange(2)
    written = dict(codec.encode(sample))
    assert (written["cls"], written["json"], written["jpg"]) == (b"4", spaced, RAW["jpg"])
    assert codec.decode(written)["new.npy"].tolist() == [0, 1]


def test_values_that_were_changed_in_place_are_written() -> None:
    sample = read_untyped()
    sample.json["b"] = 2
    assert dict(member_codec(atdata.DictSample).encode(sample))["json"] == b'{"a":1,"b":2}'


def test_fields_are_set_and_read_again_by_another_process() -> None:
    sample = read_untyped()
    sample["bin"] = b"\x01"
    copied = pickle.loads(pickle.dumps(sample))
    assert copied == sample
    assert copied["bin"] == b"\x01"


def test_writable_samples_are_decoded_when_asked_for() -> None:
    sample = writable(read_untyped(npy=to_npy(np.arange(2)), pyd=b"\x80"))
    sample.npy[0] = 7
    assert sample.npy.tolist() == [7, 1]


def test_fields_can_be_removed() -> None:
    fields = dict_fields(read_untyped())
    del fields["bin"]
    assert list(fields) == ["jpg", "cls", "json", "left.txt"]


@pytest.mark.parametrize(
    ("name", "value"), [("x", 1), ("cls", "a"), ("A", b""), ("a/b", b""), ("json", b""), ("npz", 1)]
)
def test_what_members_can_not_hold_is_not_written(name: str, value: Any) -> None:
    with pytest.raises(SampleError) as info:
        member_codec(atdata.DictSample).encode(atdata.DictSample({name: value}))
    assert info.value.member == name


def test_arrays_of_a_writable_sample_stay_so_after_others_changed() -> None:
    payloads = {"x.npy": to_npy(np.arange(3)), "y.npy": to_npy(np.arange(3))}
    fields = dict_fields(writable(member_codec(atdata.DictSample).decode(payloads)))
    assert isinstance(fields, MemberFields)
    assert fields.changed({"y.npy": None})["x.npy"].flags.writeable
