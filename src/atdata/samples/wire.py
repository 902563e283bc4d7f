"""Strict encoding and decoding of plain data as msgpack."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NoReturn

from msgpack import Packer, Timestamp, unpackb  # type: ignore[import-untyped]

from atdata.errors import SampleError

# Most values in the lists and maps of a sample, including nested ones. Each becomes an object: one
# byte in the data can take 64 in memory.
MAX_VALUES = 1 << 20

# Types that have to be checked inside; all others that msgpack returns are plain.
_is_flat = frozenset({list, dict, Timestamp}).isdisjoint


def pack(value: Any) -> bytes:
    """Return plain data as msgpack.

    Raises:
        ValueError: Nested too deeply, or text that is not valid Unicode.
        OverflowError: An integer of more than 64 bits.
        TypeError: Not plain data.
    """
    # packb does the same, more slowly. A packer that is kept would keep the memory it grew to.
    return Packer().pack(value)  # type: ignore[no-any-return]


def map_head(pairs: int) -> bytes:
    """Return the head of msgpack's shortest map of ``pairs`` pairs."""
    if pairs < 16:
        return bytes((0x80 + pairs,))
    return _head(pairs, ((0xDE, 2), (0xDF, 4)))


def bytes_head(size: int) -> bytes:
    """Return the head of msgpack's shortest form of ``size`` bytes.

    Raises:
        SampleError: More than msgpack can hold.
    """
    return _head(size, ((0xC4, 1), (0xC5, 2), (0xC6, 4)))


def unpack_map(data: bytes, name: str, *, nested: bool = False) -> dict[str, Any]:
    """Return the one map that msgpack bytes hold.

    Args:
        data: The bytes.
        name: The sample type, for messages.
        nested: Maps are expected inside of the map, so their keys are looked at on the way.

    Raises:
        SampleError: Not sound msgpack, an extension type, bytes after the map, not a map, or
            a field twice.
    """
    if nested and (sound := _unpack_nested(data)) is not None:
        return sound
    fields = _unpack_sound(data, name)
    if type(fields) is not dict:
        raise SampleError(f"{name}: expected a map of fields, got {type(fields).__name__}")
    if len(fields) != data[0] - 0x80 and len(fields) != _pairs(data):
        raise SampleError(f"{name}: the data holds a field twice")
    if not _is_flat(map(type, fields.values())):
        _check_nested(data, name, fields)
    return fields


def unpack_plain(data: bytes, name: str) -> Any:
    """Return the one value that msgpack bytes hold.

    Raises:
        SampleError: As :func:`unpack_map`, except that the value need not be a map.
    """
    value = _unpack_sound(data, name)
    _check_nested(data, name, {name: value})
    return value


def _unpack_sound(data: bytes, name: str) -> Any:
    try:
        return _unpack(data, name)
    except SampleError:
        raise
    # Lists that claim too many items cost address space; where that is bounded, MemoryError.
    except (ValueError, TypeError, MemoryError) as error:
        # 0x80 is an empty map in msgpack, and the first byte of every pickle.
        pickle = isinstance(data, bytes) and data[:1] == b"\x80"
        raise SampleError(
            f"{name}: not a msgpack sample: {error}",
            hint="Write it again without pickle: pickles are never read." if pickle else None,
        ) from None


def _unpack_nested(data: bytes) -> dict[str, Any] | None:
    """Return the map, its nested ones checked; None where a second look has to find the error."""
    if len(data) > MAX_VALUES:
        return None
    try:
        fields = unpackb(data, ext_hook=_refuse_extension, object_pairs_hook=_unique)
    except (ValueError, TypeError, KeyError, MemoryError):
        return None
    sound = type(fields) is dict and Timestamp not in _types(fields.values())
    return fields if sound else None


def check_values(data: bytes, name: str) -> None:
    """Refuse to write a sample whose lists and maps hold more values than readers take.

    Args:
        data: Its msgpack bytes.
        name: The sample type, for messages.

    Raises:
        SampleError: It holds more than ``MAX_VALUES``.
    """
    if len(data) > MAX_VALUES:  # fewer bytes can't hold more values
        _unpack(data, name)


def _unpack(data: bytes, name: str) -> Any:
    if len(data) <= MAX_VALUES:
        return unpackb(data, ext_hook=_refuse_extension)
    left = MAX_VALUES

    def count(values: Any) -> Any:
        nonlocal left
        left -= len(values)
        if left < 0:
            raise _too_many(name)
        return values

    try:
        return unpackb(
            data,
            ext_hook=_refuse_extension,
            list_hook=count,
            object_hook=count,
            max_array_len=MAX_VALUES,
            max_map_len=MAX_VALUES,
        )
    except ValueError as error:
        raise _too_many(name) if "exceeds max_" in str(error) else error from None


def _too_many(name: str) -> SampleError:
    return SampleError(
        f"{name}: a sample holds more than {MAX_VALUES} values in lists and maps",
        hint="Write many values as an array (NDArray), or as several samples.",
    )


def _check_nested(data: bytes, name: str, fields: dict[str, Any]) -> None:
    """Check the contents of fields, including those that the class does not have."""
    types = _types(fields.values())
    if Timestamp in types:  # the one extension that is not passed to the hook
        raise SampleError(f"{name}: not a msgpack sample: extension type -1 is refused")
    if dict in types:
        try:
            unpackb(data, object_pairs_hook=_unique)
        except KeyError:
            raise SampleError(f"{name}: a map in the data holds a key twice") from None


def _types(values: Collection[Any]) -> set[type]:
    """Return the types of values, and of their contents at any depth."""
    found = set(map(type, values))
    if list in found or dict in found:
        for value in values:
            if type(value) is list:
                found |= _types(value)
            elif type(value) is dict:
                found |= _types(value.values())
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise KeyError
    return found


def _pairs(data: bytes) -> int:
    """Return the number of pairs that the map at the start of the bytes claims."""
    if data[0] < 0x90:
        return data[0] - 0x80
    return int.from_bytes(data[1 : 3 if data[0] == 0xDE else 5], "big")


def _head(size: int, forms: tuple[tuple[int, int], ...]) -> bytes:
    for mark, width in forms:
        if size < 256**width:
            return bytes((mark,)) + size.to_bytes(width, "big")
    raise SampleError(f"a field holds less than 4 GiB, not {size} bytes or items")


def _refuse_extension(code: int, _data: bytes) -> NoReturn:
    raise ValueError(f"extension type {code} is refused")
