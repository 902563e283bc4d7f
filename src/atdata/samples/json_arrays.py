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

_HINT = "Keep it in a member of its own, as npy."
_Leaf = Callable[[ArrayOf, Any], Any]


def holds_arrays(kind: Kind) -> bool:
    """Return whether values of this kind are, or contain, arrays."""
    return any(isinstance(one, ArrayOf) for one in walk_kinds(kind))


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
    match kind:
        case ArrayOf():
            return leaf(kind, data)
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
    wanted = np.dtype(kind.dtype) if _is_concrete(kind) else found.dtype
    if found.size == 0:
        return np.empty(_empty_shape(kind, found.shape), wanted)
    if found.dtype.kind not in "biuf" or (found.dtype.kind == "b") != (wanted.kind == "b"):
        raise SampleError(f"expected numbers for {kind}")
    with np.errstate(over="ignore", invalid="ignore"):
        array = found.astype(wanted)
    if wanted.kind in "iu" and not np.array_equal(array, found):
        raise SampleError(f"expected numbers for {kind}, got some that do not fit")
    return array


def _list(kind: ArrayOf, wire: bytes) -> Any:
    array = arrays.from_npy(wire)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise SampleError(f"JSON can't hold an array of dtype {array.dtype}", hint=_HINT)
    items = array.tolist()
    if array.size == 0 and _empty_shape(kind, np.shape(items)) != array.shape:
        raise SampleError(f"JSON can't hold an empty array of shape {array.shape}", hint=_HINT)
    return items


def _is_concrete(kind: ArrayOf) -> bool:
    if kind.dtype is None:
        return False
    try:
        return np.dtype(kind.dtype).type is kind.dtype
    except TypeError:  # a family, such as np.floating
        return False


def _empty_shape(kind: ArrayOf, found: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an array without elements: ``[]`` shows the first axis only."""
    if kind.shape is None or len(kind.shape) <= len(found):
        return found
    return found + tuple(length or 0 for length in kind.shape[len(found) :])
