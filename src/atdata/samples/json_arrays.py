"""Arrays inside of JSON, as nested lists of numbers.

JSON keeps neither the dtype nor, where an axis has no length, the shape. A field that names both
(``np.ndarray[tuple[int, Literal[4]], np.dtype[np.float32]]``) is read as it was written; with
another annotation, numbers are read as int64, float64 or bool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from atdata.errors import SampleError
from atdata.samples import arrays
from atdata.samples.fields import fields_of
from atdata.samples.kinds import ArrayOf, FixedTuple, Kind, Map, Nested, Nullable, Sequence
from atdata.samples.plain import convert_at, convert_items, convert_values
from atdata.samples.tensors import BFLOAT16, Bfloat16, TensorOf

_HINT = "Keep it in a member of its own, as npy."
_CONCRETE = frozenset(np.dtype(code).type for code in np.typecodes["AllInteger"] + "efd?")
_WIDEST: tuple[type[np.generic], ...] = (np.int64, np.float64, np.uint64)
_Leaf = Callable[[ArrayOf, Any], Any]


def holds_arrays(kind: Kind) -> bool:
    """Return whether values of this kind are, or contain, arrays."""
    return any(stored_array(one) is not None for one in walk_kinds(kind))


def holds_bfloat16(kind: Kind) -> bool:
    """Return whether values of this kind contain arrays that are stored as bits, not numbers."""
    return any(
        isinstance(one, TensorOf | Bfloat16) and one.dtype == BFLOAT16 for one in walk_kinds(kind)
    )


def stored_array(kind: Kind) -> ArrayOf | None:
    """Return the kind of array that values of a kind are stored as; None if they are not arrays."""
    if isinstance(kind, TensorOf | Bfloat16):
        return kind.stored
    return kind if isinstance(kind, ArrayOf) else None


def walk_kinds(kind: Kind) -> Iterator[Kind]:
    """Yield a kind and all kinds of values in its values, each class once."""
    waiting, seen = [kind], set()
    while waiting:
        one = waiting.pop()
        yield one
        match one:
            case Nullable(inner) | Sequence(inner) | Map(inner):
                waiting.append(inner)
            case FixedTuple(items):
                waiting.extend(items)
            case Nested(cls) if cls not in seen:
                seen.add(cls)
                waiting.extend(field.kind for field in fields_of(cls))


def from_lists(kind: Kind, data: Any) -> Any:
    """Return data of JSON with arrays in place of lists, where the kind expects them."""
    return _converted(kind, data, _array)


def to_lists(kind: Kind, wire: Any) -> Any:
    """Return the wire form of a value with lists in place of arrays."""
    return _converted(kind, wire, _list)


def _converted(kind: Kind, data: Any, leaf: _Leaf) -> Any:
    """Convert arrays; what does not fit the kind is left to the kind, which reports it."""
    if (stored := stored_array(kind)) is not None:
        return leaf(stored, data)
    match kind:
        case Nullable(inner) if data is not None:
            return _converted(inner, data, leaf)
        case Sequence(item) if isinstance(data, list):
            return convert_items(lambda one: _converted(item, one, leaf), data)
        case FixedTuple(items) if isinstance(data, list) and len(data) == len(items):
            return [
                convert_at(f"[{index}]", lambda one: _converted(items[index], one, leaf), one)  # noqa: B023 - called at once
                for index, one in enumerate(data)
            ]
        case Map(value) if isinstance(data, dict):
            return convert_values(lambda one: _converted(value, one, leaf), data)
        case Nested(cls) if isinstance(data, dict):
            known = {field.name: field.kind for field in fields_of(cls)}
            return {
                name: convert_at(name, lambda one: _converted(known[name], one, leaf), one)  # noqa: B023 - called at once
                if name in known
                else one
                for name, one in data.items()
            }
    return data


def _array(kind: ArrayOf, data: Any) -> Any:
    try:
        found = np.asarray(data)
    except ValueError as error:
        raise SampleError(f"lists of one length are expected: {error}") from None
    wanted = _dtype(kind, found)
    if found.size == 0 and found.ndim:
        return np.empty(_empty_shape(kind, found.shape), wanted)
    if wanted.kind in "iu" and found.dtype.kind in "fO":  # of integers beyond those of int64
        found = np.asarray(data, object)
        fits = all(type(number) is int for number in found.flat)
    else:
        fits = found.dtype.kind in ("b" if wanted.kind == "b" else "iuf")
    if not fits:
        raise SampleError(f"expected numbers for {kind}")
    return _cast(kind, found, wanted)


def _cast(kind: ArrayOf, found: arrays.Array, wanted: np.dtype[Any]) -> arrays.Array:
    """Return the array with another dtype; floats may be rounded, but not to infinity."""
    try:
        with np.errstate(over="ignore"):
            array = found.astype(wanted)
    except OverflowError:
        array = None
    if array is not None:
        if wanted.kind == "f" and np.array_equal(np.isinf(array), np.isinf(found)):
            return array
        if wanted.kind != "f" and np.array_equal(array, found):
            return array
    raise SampleError(f"expected numbers for {kind}, got some that do not fit")


def _list(kind: ArrayOf, wire: bytes) -> Any:
    array = arrays.from_npy(wire)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise SampleError(f"JSON can't hold an array of dtype {array.dtype}", hint=_HINT)
    items = array.tolist()
    back = _array(kind, items)
    is_rounded = array.dtype.kind != "f" and back.dtype.kind == "f" and array.size
    if is_rounded or back.shape != array.shape or not np.array_equal(back, array, equal_nan=True):
        raise SampleError(
            f"JSON can't hold this array of dtype {array.dtype} and shape {array.shape}", hint=_HINT
        )
    return items


def _dtype(kind: ArrayOf, found: arrays.Array) -> np.dtype[Any]:
    """Return the dtype of the field; of a family, that of the numbers if it is one of it."""
    if kind.dtype is None or np.issubdtype(found.dtype, kind.dtype):
        return found.dtype
    if kind.dtype in _CONCRETE:
        return np.dtype(kind.dtype)
    family = (np.dtype(one) for one in _WIDEST if issubclass(one, kind.dtype))
    return next(family, found.dtype)


def _empty_shape(kind: ArrayOf, found: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an array without elements: ``[]`` shows the first axis only."""
    if kind.shape is None or len(kind.shape) <= len(found):
        return found
    return found + tuple(length or 0 for length in kind.shape[len(found) :])
