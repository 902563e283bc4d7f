"""JSON from anywhere: strict, and bounded before memory is taken."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import pytest

from atdata.errors import SampleError
from atdata.samples import json_text
from atdata.samples.json_text import MAX_DEPTH, json_bytes, parse_json
from atdata.samples.wire import MAX_VALUES


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b" ", b"{", b"[1,]", b"{'a':1}", b"1 2", b"nul", b"\x80\x04."),
        *(b'"\xff"', b"\xef\xbb\xbf1", '"a"'.encode("utf-16"), b'"\n"', b'{"a":1,"a":1}'),
        b'[{"a":{"b":1,"b":2}}]',
        b"9" * 5_000,
    ],
)
def test_unsound_bytes_are_refused(payload: bytes) -> None:
    with pytest.raises(SampleError):
        parse_json(payload)


def test_numbers_that_are_not_finite_are_those_of_python() -> None:
    first, second = parse_json(b"[NaN, -Infinity]")
    assert math.isnan(first)
    assert second == -math.inf
    assert json_bytes([first, second]) == b"[NaN,-Infinity]"


def test_depth_is_bounded() -> None:
    assert parse_json(json_bytes(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    for levels in (MAX_DEPTH + 1, 900, 200_000):
        with pytest.raises(SampleError, match="deeper than 100"):
            parse_json(b"[" * levels + b"]" * levels)
    for levels in (MAX_DEPTH + 1, 2_000):
        with pytest.raises(SampleError, match="deeper than 100"):
            json_bytes(nested(levels))


def test_many_short_lists_are_not_deep() -> None:
    assert parse_json(b"[" + b",".join([b"[1]"] * 500) + b"]") == [[1]] * 500


def test_values_are_bounded_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MAX_VALUES", 10)
    assert parse_json(b"[1,1,1,1,1,1,1,1,1]") == [1] * 9
    assert parse_json(rb'["\",,,,,,,,,,,,[[[[[[[[{{{{{{"]') == ['",,,,,,,,,,,,[[[[[[[[{{{{{{']
    assert json_bytes([",,,,,,,,,,,,,,,"])
    monkeypatch.setattr(json_text, "_parse", None)  # nothing is parsed
    for payload in (b"[1,1,1,1,1,1,1,1,1,1,1]", b"[[],[],[],[],[],[]]", b'{"a":[{},{},{},{},{}]}'):
        with pytest.raises(SampleError, match="more than 10 values"):
            parse_json(payload)
    with pytest.raises(SampleError, match="more than 10 values"):
        json_bytes([1] * 11)


@pytest.mark.parametrize("end", [b'"', b""])
def test_marks_in_a_long_text_are_told_from_values_in_little_memory(end: bytes) -> None:
    payload = b'"' + b',\\"' * (MAX_VALUES + 1) + end
    tracemalloc.start()
    try:
        if end:
            assert len(parse_json(payload)) == 2 * (MAX_VALUES + 1)
        else:
            with pytest.raises(SampleError, match="Unterminated"):
                parse_json(payload)
        assert tracemalloc.get_traced_memory()[1] < 10 * len(payload)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("value", [b"x", [b"x"], {"a": {1}}, "\ud800"])
def test_what_json_can_not_hold_is_not_written(value: Any) -> None:
    with pytest.raises(SampleError, match="JSON can't hold it") as info:
        json_bytes(value)
    assert "msgpack" in str(info.value)
