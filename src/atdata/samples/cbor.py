"""CBOR of plain data (RFC 8949), read strictly and bounded.

Maps have text keys, each once. Tags, indefinite lengths and integers of more than 64 bits are
refused. Numbers need not be in their shortest form, and keys may be in any order.
"""

from __future__ import annotations

import struct
from typing import Any

from atdata.errors import SampleError
from atdata.samples.wire import MAX_VALUES

_MAX_DEPTH = 100
_SIMPLE = {0xF4: False, 0xF5: True, 0xF6: None}
_FLOATS = {0xF9: struct.Struct(">e"), 0xFA: struct.Struct(">f"), 0xFB: struct.Struct(">d")}
_WIDTHS = {24: 1, 25: 2, 26: 4, 27: 8}


def parse_cbor(payload: bytes) -> Any:
    """Return the one value that the bytes hold.

    Raises:
        SampleError: Not sound CBOR of plain data, or more of it than a sample may hold.
    """
    reader = _Reader(payload)
    value = reader.value(0)
    if reader.position != len(payload):
        raise SampleError(f"{len(payload) - reader.position} bytes follow the CBOR value")
    return value


def cbor_bytes(value: Any) -> bytes:
    """Return plain data as CBOR; floats have 64 bits, keys stay in their order.

    Raises:
        SampleError: Nested too deeply.
    """
    parts: list[bytes] = []
    _write(value, parts, 0)
    return b"".join(parts)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._values = 0
        self.position = 0

    def value(self, depth: int) -> Any:
        mark = self._take(1)[0]
        if mark in _SIMPLE:
            return _SIMPLE[mark]
        if mark in _FLOATS:
            form = _FLOATS[mark]
            return form.unpack(self._take(form.size))[0]
        major, number = mark >> 5, self._number(mark & 31)
        if major == 0:
            return number
        if major == 1:
            return self._negative(number)
        if major == 2:
            return self._take(number)
        if major == 3:
            return self._text(number)
        if major > 5:
            raise self._unsound("a tag or unknown value is refused")
        if depth >= _MAX_DEPTH:
            raise SampleError(f"CBOR is nested deeper than {_MAX_DEPTH} levels")
        self._count(number)
        if major == 4:
            return [self.value(depth + 1) for _ in range(number)]
        return self._map(number, depth + 1)

    def _take(self, size: int) -> bytes:
        start, self.position = self.position, self.position + size
        if self.position > len(self._data):
            raise SampleError("CBOR ends within a value")
        return self._data[start : self.position]

    def _number(self, low: int) -> int:
        if low < 24:
            return low
        if low not in _WIDTHS:
            raise self._unsound("an indefinite or unknown length is refused")
        return int.from_bytes(self._take(_WIDTHS[low]), "big")

    def _negative(self, number: int) -> int:
        if number >= 2**63:
            raise self._unsound("an integer has more than 64 bits")
        return -1 - number

    def _text(self, size: int) -> str:
        try:
            return self._take(size).decode()
        except UnicodeDecodeError:
            raise self._unsound("a text is not UTF-8") from None

    def _count(self, values: int) -> None:
        # Each takes a byte at least: a longer list is a lie, and is not begun.
        if values > len(self._data) - self.position:
            raise SampleError("CBOR ends within a value")
        self._values += values
        if self._values > MAX_VALUES:
            raise SampleError(f"CBOR of more than {MAX_VALUES} values in lists and maps")

    def _map(self, size: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(size):
            key = self.value(depth)
            if type(key) is not str or key in found:
                raise self._unsound("a key of a map is not text, or is there twice")
            found[key] = self.value(depth)
        return found

    def _unsound(self, problem: str) -> SampleError:
        return SampleError(f"unsound CBOR: {problem}, before byte {self.position}")


def _write(value: Any, parts: list[bytes], depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise SampleError(f"CBOR is nested deeper than {_MAX_DEPTH} levels")
    match value:
        case None | bool():
            parts.append({None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value])
        case int():
            parts.append(_head(0, value) if value >= 0 else _head(1, -1 - value))
        case float():
            parts.append(b"\xfb" + struct.pack(">d", value))
        case bytes():
            parts += [_head(2, len(value)), value]
        case str():
            encoded = value.encode()
            parts += [_head(3, len(encoded)), encoded]
        case list():
            parts.append(_head(4, len(value)))
            for item in value:
                _write(item, parts, depth + 1)
        case _:
            parts.append(_head(5, len(value)))
            for key, item in value.items():
                _write(key, parts, depth + 1)
                _write(item, parts, depth + 1)


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes((major << 5 | number,))
    low, width = next((low, width) for low, width in _WIDTHS.items() if number < 256**width)
    return bytes((major << 5 | low,)) + number.to_bytes(width, "big")
