from __future__ import annotations

import datetime
import pickle

import msgpack
import pytest

import atdata
from atdata.errors import SampleError
from atdata.samples.wire import MAX_VALUES, bytes_head, map_head, pack, unpack_map


@pytest.mark.parametrize("pairs", [0, 1, 15, 16, 65_535, 65_536])
def test_heads_of_maps_are_those_of_msgpack(pairs: int) -> None:
    assert map_head(pairs) == msgpack.Packer().pack_map_header(pairs)


@pytest.mark.parametrize("size", [0, 255, 256, 65_535, 65_536])
def test_heads_of_bytes_are_those_of_msgpack(size: int) -> None:
    assert bytes_head(size) + bytes(size) == msgpack.packb(bytes(size))


def test_what_msgpack_can_not_hold_is_refused() -> None:
    assert bytes_head(2**32 - 1) == b"\xc6\xff\xff\xff\xff"
    with pytest.raises(SampleError, match="4 GiB"):
        bytes_head(2**32)


@pytest.mark.parametrize("count", [0, 3, 15, 16, 20, 70_000])
def test_maps_of_any_form_are_read(count: int) -> None:
    fields = {str(number): number for number in range(count)}
    assert unpack_map(msgpack.packb(fields), "S") == fields


def test_other_buffers_are_read() -> None:
    assert unpack_map(memoryview(msgpack.packb({"a": 1})), "S") == {"a": 1}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81",
        b"\x81\xa1a",
        b"\x80\x00",
        b"\xc1",
        b"\x01",
        b"\x91\x01",
        b"\xde\x00\x00\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\x81\xa1\xff\x01",
        b"\x81\x01\x01",
        msgpack.packb({"a": msgpack.ExtType(5, b"x")}),
        b"\x91" * 2_000 + b"\x01",
    ],
)
def test_unsound_data_is_refused(data: bytes) -> None:
    with pytest.raises(SampleError, match=r"^S: "):
        unpack_map(data, "S")


@pytest.mark.parametrize(
    "data", [b"\x82\xa1a\x01\xa1a\x02", b"\xde\x00\x02\xa1a\x01\xa1a\x02"], ids=["short", "long"]
)
def test_a_field_twice_is_refused(data: bytes) -> None:
    with pytest.raises(SampleError, match="twice"):
        unpack_map(data, "S")


def test_pickles_are_refused_by_name() -> None:
    with pytest.raises(SampleError, match="pickle"):
        unpack_map(pickle.dumps({"a": 1}), "S")


def test_what_is_no_bytes_is_refused() -> None:
    with pytest.raises(SampleError):
        unpack_map("text", "S")  # type: ignore[arg-type]


def test_timestamps_of_msgpack_are_no_plain_data() -> None:
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    with pytest.raises(SampleError):
        atdata.DictSample.from_bytes(msgpack.packb({"a": moment}, datetime=True))


def twice(value: bytes = b"\x01") -> bytes:
    return b"\x82\xa1a" + value + b"\xa1a\x02"


TIMESTAMP = b"\xd6\xff\0\0\0\0"


@pytest.mark.parametrize(
    "value",
    [twice(), b"\x91" + twice(), b"\x81\xa1b" + twice(), b"\x92\x01\x91" + twice(twice())],
)
def test_a_key_twice_at_any_depth_is_refused(value: bytes) -> None:
    with pytest.raises(SampleError, match="twice"):
        unpack_map(b"\x81\xa1u" + value, "Thing")


@pytest.mark.parametrize(
    "value",
    [TIMESTAMP, b"\x91" + TIMESTAMP, b"\x81\xa1b\x91" + TIMESTAMP, b"\xc7\x0c\xff" + bytes(12)],
)
def test_a_timestamp_at_any_depth_is_refused(value: bytes) -> None:
    with pytest.raises(SampleError, match="extension type -1"):
        unpack_map(b"\x81\xa1u" + value, "Thing")


def test_one_key_in_several_maps_is_read() -> None:
    data = {"a": {"a": [{"a": 1}, {"a": 2}, []]}, "b": {"a": {}}}
    assert unpack_map(pack(data), "Thing") == data


MANY = b"\x91\x80" * (MAX_VALUES // 2)  # as many values as are allowed, but for the list of them


def in_a_list(items: bytes, count: int) -> bytes:
    return b"\x81\xa1u\xdd" + count.to_bytes(4, "big") + items


@pytest.mark.parametrize(
    "data",
    [
        in_a_list(b"\xc0" * (MAX_VALUES + 1), MAX_VALUES + 1),
        in_a_list(MANY, MAX_VALUES // 2),
        in_a_list((b"\x81\xa1k\x80") * (MAX_VALUES // 2), MAX_VALUES // 2),
        b"\x81\xa1u\xdf\xff\xff\xff\xff" + bytes(MAX_VALUES),
    ],
    ids=["a list", "lists in a list", "maps in a list", "a map that claims more"],
)
def test_more_values_than_readers_take_are_refused(data: bytes) -> None:
    with pytest.raises(SampleError, match="more than 1048576 values") as caught:
        unpack_map(data, "Thing")
    assert "NDArray" in str(caught.value.hint)


def test_values_within_the_limit_and_large_payloads_are_read() -> None:
    data = {"numbers": [1000] * (MAX_VALUES - 20), "text": "x" * MAX_VALUES, "more": [{"a": []}]}
    assert unpack_map(pack(data), "Thing") == data


def test_what_could_not_be_read_is_not_written() -> None:
    @atdata.packable
    class Numbers:
        values: list[int]

    with pytest.raises(SampleError, match="values in lists and maps"):
        _ = Numbers([1] * (MAX_VALUES + 1)).packed  # type: ignore[attr-defined]
    with pytest.raises(SampleError, match="values in lists and maps"):
        _ = atdata.DictSample(values=[1] * (MAX_VALUES + 1)).packed
    assert len(Numbers([1] * (MAX_VALUES - 1)).packed) > MAX_VALUES  # type: ignore[attr-defined]
