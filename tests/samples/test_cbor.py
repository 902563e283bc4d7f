"""CBOR from anywhere: strict, and bounded before memory is taken."""

from __future__ import annotations

from typing import Any

import cbor2
import numpy as np
import pytest

from atdata.errors import SampleError
from atdata.samples import cbor
from atdata.samples.cbor import cbor_bytes, parse_cbor

VALUE = {
    "numbers": [0, 23, 24, 255, 256, 65_536, 2**32, 2**64 - 1, -1, -24, -25, -(2**63)],
    "floats": [0.5, -0.0, 1e300, float("inf")],
    "rest": [None, True, False, b"\x00", "größe", [], {}],
}


def test_other_libraries_read_it_and_write_it() -> None:
    assert cbor2.loads(cbor_bytes(VALUE)) == VALUE
    assert parse_cbor(cbor2.dumps(VALUE)) == VALUE
    assert parse_cbor(cbor2.dumps(VALUE, canonical=True)) == VALUE  # with short floats


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x18",  # a number is missing
        b"\x1c",  # an unknown length
        b"\x5f\x41a\xff",  # an indefinite length
        b"\x9f\xff",
        b"\xc0\x60",  # a tag
        b"\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00",  # a large integer
        b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xf7",  # undefined
        b"\xf8\x20",
        b"\xff",
        b"\x61\xff",  # not UTF-8
        b"\x42a",
        b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",  # bytes that are not there
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xa1\x01\x01",  # a key that is a number
        b"\xa2\x61a\x01\x61a\x02",  # a key twice
        b"\x01\x01",
    ],
)
def test_unsound_bytes_are_refused(payload: bytes) -> None:
    with pytest.raises(SampleError):
        parse_cbor(payload)


def test_depth_is_bounded() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    assert parse_cbor(cbor_bytes(deep)) == deep
    with pytest.raises(SampleError, match="deeper"):
        cbor_bytes([deep])
    with pytest.raises(SampleError, match="deeper"):
        parse_cbor(b"\x81" * 200_000 + b"\x01")


def test_values_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cbor, "MAX_VALUES", 6)
    assert parse_cbor(cbor_bytes([[1, 2], [3, 4]])) == [[1, 2], [3, 4]]
    with pytest.raises(SampleError, match="more than 6 values"):
        parse_cbor(cbor_bytes([[1, 2], [3, 4], []]))


def test_numbers_of_numpy_are_not_plain() -> None:
    assert parse_cbor(cbor_bytes(float(np.float32(0.1)))) == float(np.float32(0.1))
