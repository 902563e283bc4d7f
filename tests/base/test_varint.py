from __future__ import annotations

import pytest

from atdata.base.varint import read_varint


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x00", 0),
        (b"\x7f", 127),
        (b"\x80\x01", 128),
        (b"\xac\x02", 300),
        (b"\xff" * 9 + b"\x01", 2**64 - 1),
    ],
)
def test_integers_are_read_with_the_position_after_them(data: bytes, value: int) -> None:
    assert read_varint(data, 0) == (value, len(data))
    assert read_varint(b"xx" + data + b"\xff", 2) == (value, len(data) + 2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends too early"),
        (b"\xff\xff", "ends too early"),
        (b"\xff" * 9 + b"\x02", "too large"),
        (b"\x80" * 11, "too large"),
    ],
)
def test_other_data_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_varint(data, 0)
