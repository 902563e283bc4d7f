"""Variable-length integers, as protocol buffers and CAR files have them."""

from __future__ import annotations

_BITS = 64


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the unsigned integer at a position, and the position after it.

    Raises:
        ValueError: The data ends first, or the integer has more than 64 bits.
    """
    value = shift = 0
    while at < len(data):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if value >> _BITS or shift > _BITS + 6:
            raise ValueError("a number is too large")
        if byte < 0x80:
            return value, at
    raise ValueError("it ends too early")
