"""Plain data: what msgpack keeps unchanged, and the conversion of similar types to it.

Plain is None, bool, int, float, str, bytes, lists and maps with text keys. NumPy scalars,
subclasses (``IntEnum``, ``np.str_``) and other buffers turn into the plain value they hold.
A number is never turned into another kind of number, except for an integer where a float is
expected: type checkers accept an ``int`` as a ``float`` too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from atdata.errors import SampleError
from atdata.samples import arrays
from atdata.samples.media import Media

# msgpack itself stops at 511 levels, with a less helpful error.
_MAX_DEPTH = 100


def unfit(expected: str, value: Any) -> SampleError:
    """Return the error for a value of the wrong type."""
    return SampleError(f"expected {expected}, got {type(value).__name__}")


def within(place: str, error: SampleError) -> SampleError:
    """Return the same error, with a path from one level further out."""
    inner = error.path or ""
    dot = "." if inner and not inner.startswith("[") else ""
    return SampleError(error.message, hint=error.hint, path=f"{place}{dot}{inner}")


def convert_at(place: str, convert: Callable[[Any], Any], value: Any) -> Any:
    """Convert one part of a value; an error names the place."""
    try:
        return convert(value)
    except SampleError as error:
        raise within(place, error) from None


def convert_items(convert: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Convert each item of a list; an error names the index."""
    done: list[Any] = []
    try:
        for item in items:
            done.append(convert(item))
    except SampleError as error:
        raise within(f"[{len(done)}]", error) from None
    return done


def convert_values(convert: Callable[[Any], Any], table: Any) -> dict[str, Any]:
    """Convert each value of a map with text keys; an error names the key."""
    if not isinstance(table, Mapping):
        raise unfit("a dict", table)
    for key in table:
        if not isinstance(key, str):
            raise SampleError(f"expected str keys, got {type(key).__name__}")
    return {str(key): convert_at(f"[{key!r}]", convert, item) for key, item in table.items()}


def unwrap(value: Any) -> Any:
    """Return the Python value of a NumPy scalar; anything else unchanged."""
    return value.item() if isinstance(value, np.generic) else value


def to_str(value: Any) -> str:
    """Convert to exactly ``str``, from its subclasses."""
    if isinstance(value, str):
        return str.__str__(value)
    raise unfit("str", value)


def to_bytes(value: Any) -> bytes:
    """Return the bytes of a buffer."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise unfit("bytes", value)


def to_bool(value: Any) -> bool:
    """Convert to ``bool``; numbers are rejected."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise unfit("bool", value)


def to_int(value: Any) -> int:
    """Convert to ``int``; ``bool``, ``timedelta64`` and more than 64 bits are rejected."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool | np.timedelta64):
        raise unfit("int", value)
    number = int(value)
    if not -(2**63) <= number < 2**64:
        raise SampleError("expected int of at most 64 bits, got a larger one")
    return number


def to_float(value: Any) -> float:
    """Convert to ``float``, from integers too; ``bool`` and ``timedelta64`` are rejected."""
    if isinstance(value, float | np.floating):
        return float(value)
    if not isinstance(value, int | np.integer) or isinstance(value, bool | np.timedelta64):
        raise unfit("float", value)
    try:
        return float(value)
    except OverflowError:
        raise SampleError("expected float, got an int that is too large for one") from None


SCALARS: dict[type, Callable[[Any], Any]] = {
    str: to_str,
    bytes: to_bytes,
    bool: to_bool,
    int: to_int,
    float: to_float,
}


def to_wire(value: Any) -> Any:
    """Convert plain data; arrays in it become ``.npy`` bytes."""
    return _walk(value, _wire_leaf, 0)


def from_wire(data: Any) -> Any:
    """Convert plain data; bytes in it that start as ``.npy`` does are read as arrays."""
    return _walk(data, _value_leaf, 0)


def is_tensor(value: Any) -> bool:
    """Return whether a value is a tensor of PyTorch, which is not imported for that."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def same(left: Any, right: Any) -> bool:
    """Compare field values: arrays and tensors by ``np.array_equal``, containers item by item."""
    if left is right:
        return True
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        both = isinstance(left, np.ndarray) and isinstance(right, np.ndarray)
        return both and np.array_equal(left, right)
    if is_tensor(left) or is_tensor(right):
        both = is_tensor(left) and is_tensor(right)
        return both and left.shape == right.shape and bool((left == right).all())
    if isinstance(left, list | tuple) and type(left) is type(right):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def _walk(value: Any, leaf: Callable[[Any], Any], depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise SampleError(f"plain data is nested deeper than {_MAX_DEPTH} levels")
    if isinstance(value, list | tuple):
        return convert_items(lambda item: _walk(item, leaf, depth + 1), value)
    if isinstance(value, Mapping):
        return convert_values(lambda item: _walk(item, leaf, depth + 1), value)
    return leaf(value)


def _wire_leaf(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return arrays.to_npy(value)
    value = unwrap(value)
    if value is None:
        return None
    # bool comes before int, whose subclass it is.
    for plain in (str, bool, int, float, bytes):
        if isinstance(value, plain):
            return SCALARS[plain](value)
    if isinstance(value, bytearray | memoryview | Media):
        return bytes(value)
    raise unfit("plain data or an array", value)


def _value_leaf(data: Any) -> Any:
    if isinstance(data, bytes) and data.startswith(arrays.MAGIC):
        return arrays.from_npy(data)
    if isinstance(data, np.ndarray):
        arrays.check_dtype(data.dtype)
        return data
    return _wire_leaf(data)
