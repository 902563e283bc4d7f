"""DAG-CBOR: one encoding for each value (IPLD DAG-CBOR specification, RFC 8949).

Values are plain data: None, bool, int (signed, 64 bits), str, bytes, ``Link``, list, dict.
AT Protocol data has no floats, so there are none here.

This stays ours because generated packages need the standard library only, and because encoders
such as libipld turn bytes that look like a CID into a link.
"""

from __future__ import annotations

from typing import Any, Final

from . import cid
from .values import Link

__all__ = ["MAX_DEPTH", "CborError", "decode", "encode"]

MAX_DEPTH: Final = 64
"""Nesting that is encoded and decoded. Records are bounded more tightly by their reader."""


class CborError(ValueError):
    """Not encodable, or not the canonical encoding of a value."""


def encode(value: Any) -> bytes:
    """Encode plain data; ``CborError`` for what has no encoding (floats, for one)."""
    parts: list[bytes] = []
    _encode(value, parts.append, 0)
    return b"".join(parts)


def _head(major: int, number: int) -> bytes:
    major <<= 5
    if number < 24:
        return bytes((major | number,))
    if number < 0x100:
        return bytes((major | 24, number))
    if number < 0x10000:
        return bytes((major | 25,)) + number.to_bytes(2, "big")
    if number < 0x100000000:
        return bytes((major | 26,)) + number.to_bytes(4, "big")
    return bytes((major | 27,)) + number.to_bytes(8, "big")


def _encode(value: Any, put: Any, depth: int) -> None:
    kind = type(value)
    if kind is str:
        put(_text(value))
    elif kind is dict or kind is list or kind is tuple:
        if depth >= MAX_DEPTH:
            raise CborError(f"nested deeper than {MAX_DEPTH}")
        if kind is dict:
            _encode_map(value, put, depth + 1)
        else:
            put(_head(4, len(value)))
            for item in value:
                _encode(item, put, depth + 1)
    elif kind is int:
        if not -(2**63) <= value < 2**63:
            raise CborError("an integer does not fit into 64 bits")
        put(_head(0, value) if value >= 0 else _head(1, -1 - value))
    elif kind is bool:
        put(b"\xf5" if value else b"\xf4")
    elif value is None:
        put(b"\xf6")
    elif kind is bytes:
        put(_head(2, len(value)))
        put(value)
    elif kind is Link:
        put(b"\xd8\x2a\x58\x25\x00")
        put(_link_bytes(value))
    else:
        raise CborError(f"{kind.__name__} has no encoding")


def _text(value: str) -> bytes:
    try:
        binary = value.encode()
    except UnicodeEncodeError as error:
        raise CborError("a string holds half a surrogate pair") from error
    return _head(3, len(binary)) + binary


def _link_bytes(value: Link) -> bytes:
    try:
        return cid.to_bytes(value)
    except ValueError as error:
        raise CborError(str(error)) from error


def _encode_map(value: dict[Any, Any], put: Any, depth: int) -> None:
    put(_head(5, len(value)))
    keys = []
    for key in value:
        if type(key) is not str:
            raise CborError(f"a key is a {type(key).__name__}, not a string")
        keys.append((_text(key), key))
    # The head holds the length, so the order of the encoded keys is: shorter first, then bytes.
    keys.sort()
    for encoded, key in keys:
        put(encoded)
        _encode(value[key], put, depth)


def decode(data: bytes) -> Any:
    """Decode one value that fills ``data``; ``CborError`` unless it is encoded canonically."""
    try:
        value, end = _decode(bytes(data), 0, 0)
    except IndexError as error:
        raise CborError("the data ends within a value") from error
    if end != len(data):
        raise CborError(f"{len(data) - end} bytes follow the value")
    return value


def _number(data: bytes, at: int, low: int) -> tuple[int, int]:
    if low < 24:
        return low, at
    if low > 27:
        raise CborError(f"indefinite or reserved length at byte {at - 1}")
    size = 1 << (low - 24)
    number = int.from_bytes(_slice(data, at, size), "big")
    if number < (24 if size == 1 else 1 << (4 * size)):
        raise CborError(f"a number at byte {at - 1} is not in its shortest form")
    return number, at + size


def _slice(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise CborError("the data ends within a value")
    return data[at : at + size]


def _decode(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    first = data[at]
    major, low = first >> 5, first & 31
    if major == 7:
        if first not in _SIMPLE:
            raise CborError(f"float or unknown simple value at byte {at}")
        return _SIMPLE[first], at + 1
    number, at = _number(data, at + 1, low)
    if major <= 1:
        if number >= 2**63:
            raise CborError("an integer does not fit into 64 bits")
        return (number if major == 0 else -1 - number), at
    if major == 2:
        return _slice(data, at, number), at + number
    if major == 3:
        return _decode_text(data, at, number), at + number
    if major == 6:
        return _decode_link(data, at, number)
    # Each element takes a byte at least: a length beyond the data is a lie.
    if number > len(data) - at:
        raise CborError("the data ends within a value")
    if depth >= MAX_DEPTH:
        raise CborError(f"nested deeper than {MAX_DEPTH}")
    if major == 4:
        items = []
        for _ in range(number):
            item, at = _decode(data, at, depth + 1)
            items.append(item)
        return items, at
    return _decode_map(data, at, number, depth + 1)


_SIMPLE: Final = {0xF4: False, 0xF5: True, 0xF6: None}


def _decode_text(data: bytes, at: int, size: int) -> str:
    try:
        return _slice(data, at, size).decode()
    except UnicodeDecodeError as error:
        raise CborError(f"a string at byte {at} is not UTF-8") from error


def _decode_link(data: bytes, at: int, tag: int) -> tuple[Link, int]:
    if tag != 42 or _slice(data, at, 3) != b"\x58\x25\x00":
        raise CborError(f"tag {tag} at byte {at} is not a link to a CIDv1")
    try:
        return Link(cid.from_bytes(_slice(data, at + 3, 36))), at + 39
    except ValueError as error:
        raise CborError(f"a link at byte {at}: {error}") from error


def _decode_map(data: bytes, at: int, count: int, depth: int) -> tuple[dict[str, Any], int]:
    value: dict[str, Any] = {}
    last = b""
    for _ in range(count):
        start = at
        key, at = _decode(data, at, depth)
        if type(key) is not str:
            raise CborError(f"a key at byte {start} is not a string")
        encoded = data[start:at]
        if encoded <= last:
            raise CborError(f"a key at byte {start} is out of order or occurs twice")
        last = encoded
        value[key], at = _decode(data, at, depth)
    return value, at
