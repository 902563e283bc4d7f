"""Hints for values that do not fit their field: the cast that would help, as a sentence.

They are made only when a sample can't be written, so speed does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from os import PathLike
from typing import Any

import numpy as np

from atdata.errors import SampleError
from atdata.samples import kinds
from atdata.samples.fields import fields_of
from atdata.samples.kinds import Kind
from atdata.samples.tensors import BFLOAT16

_NULLABLE = "Give a value, or annotate the field as `T | None`."
_TYPICAL = {np.floating: np.float64, np.integer: np.int64, np.number: np.float64}


def advice(kind: Kind, value: Any) -> str | None:
    """Return how to convert a value for this kind of field; None if nothing is known."""
    kind, value = _culprit(kind, value)
    kind = kind.inner if isinstance(kind, kinds.Nullable) else kind
    if value is None:
        return _NULLABLE
    match kind:
        case kinds.ArrayOf():
            return _array(kind, value)
        case kinds.Scalar():
            return _SCALARS[kind.type](value)
        case kinds.Temporal():
            return _temporal(kind, value)
        case kinds.Sequence() | kinds.FixedTuple():
            return _sequence(value)
        case kinds.Map():
            return _map(value)
        case kinds.Nested() if isinstance(value, Mapping):
            return f"Make a sample of it: {kind.type.__name__}(**value)."
        case kinds.Plain():
            return _plain(value)
    return None


def _culprit(kind: Kind, value: Any) -> tuple[Kind, Any]:
    """Return the kind that a part of the value should have, and the part that does not fit."""
    for inner, part in _parts(kind, value):
        try:
            inner.encode(part)
        except (SampleError, ValueError, TypeError, OverflowError):
            return _culprit(inner, part)
        except RecursionError:
            break
    return kind, value


def _parts(kind: Kind, value: Any) -> Iterator[tuple[Kind, Any]]:
    match kind:
        case kinds.Nullable(inner) if value is not None:
            yield inner, value
        case kinds.Sequence(item) if isinstance(value, list | tuple):
            yield from ((item, part) for part in value)
        case kinds.FixedTuple(items) if isinstance(value, list | tuple):
            if len(value) == len(items):
                yield from zip(items, value, strict=True)
        case kinds.Map(item) if isinstance(value, Mapping):
            yield from ((item, part) for part in value.values())
        case kinds.Nested(type=sample_type) if isinstance(value, sample_type):
            for field in fields_of(sample_type):
                yield field.kind, getattr(value, field.name, None)
        case kinds.Plain() if isinstance(value, list | tuple):
            yield from ((kind, part) for part in value)
        case kinds.Plain() if isinstance(value, Mapping):
            yield from ((kind, part) for part in value.values())


def _array(kind: kinds.ArrayOf, value: Any) -> str | None:
    dtype = _dtype(kind)
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return f"Objects are not stored: convert it, as in value.astype({dtype or 'float'})."
        if value.dtype.name == BFLOAT16:
            return "Annotate the field as `NDArray[ml_dtypes.bfloat16]`, or convert the array."
        if kind.dtype is not None and not np.issubdtype(value.dtype, kind.dtype):
            return f"Convert it: value.astype({dtype})."
        return "Reshape it, or annotate the field with the shape that it has."
    if isinstance(value, PathLike):
        return "Load the file, as in np.load(path)."
    if isinstance(value, str | bytes):
        return f"Annotate the field as `{type(value).__name__}`, or give an array."
    wanted = f", dtype={dtype}" if dtype else ""
    if _is_tensor(value):
        return f"Convert it: np.asarray(value.detach().cpu(){wanted})."
    if isinstance(value, list | tuple | int | float | complex | np.generic) or _is_array_like(
        value
    ):
        return f"Convert it: np.asarray(value{wanted})."
    return None


def _dtype(kind: kinds.ArrayOf) -> str | None:
    if kind.dtype is None:
        return None
    return f"np.{_TYPICAL.get(kind.dtype, kind.dtype).__name__}"


def _int(value: Any) -> str | None:
    if isinstance(value, float | np.floating):
        if math.isnan(value) or math.isinf(value):
            return (
                "An int can't be NaN or infinite: annotate the field as `int | None`, or `float`."
            )
        return "Convert it: int(value), or round(value); or annotate the field as `float`."
    if isinstance(value, bool | np.bool_):
        return "Convert it: int(value), or annotate the field as `bool`."
    if isinstance(value, int | np.integer) and not isinstance(value, np.timedelta64):
        return "Annotate the field as `str`, and give str(value)."
    if isinstance(value, np.timedelta64):
        return "Convert it: value.astype(int)."
    return _number(value, "int")


def _float(value: Any) -> str | None:
    if isinstance(value, bool | np.bool_ | np.timedelta64):
        return "Convert it: float(value)."
    return _number(value, "float")


def _number(value: Any, wanted: str) -> str | None:
    if _is_array_like(value):
        if getattr(value, "size", None) == 1 or _is_scalar_tensor(value):
            return f"Convert it: {wanted}(value.item())."
        return "Annotate the field as `NDArray`, or give one of its elements."
    if isinstance(value, str) or hasattr(type(value), f"__{wanted}__"):
        return f"Convert it: {wanted}(value)."
    return None


def _bool(value: Any) -> str | None:
    if isinstance(value, str):
        return 'Compare it, as in value == "yes".'
    if isinstance(value, int | float | np.number):
        return "Convert it: bool(value)."
    return _number(value, "bool") if _is_array_like(value) else None


def _str(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return "Decode it: value.decode(); or annotate the field as `bytes`."
    if isinstance(value, list | tuple):
        return "Annotate the field as `list[str]`, or join the texts."
    return "Convert it: str(value)."


def _bytes(value: Any) -> str | None:
    if isinstance(value, str):
        return "Encode it: value.encode(); or annotate the field as `str`."
    if isinstance(value, PathLike):
        return "Read the file: value.read_bytes()."
    if hasattr(value, "save") and _is_array_like(value):  # Pillow, which need not be installed
        return (
            'Encode the image: value.save(buffer, "PNG"), then buffer.getvalue(); or annotate '
            "the field as `NDArray[np.uint8]`, and give np.asarray(value)."
        )
    if _is_array_like(value):
        return "Annotate the field as `NDArray`, which keeps dtype and shape."
    return None


_SCALARS: dict[type, Callable[[Any], str | None]] = {
    int: _int,
    float: _float,
    bool: _bool,
    str: _str,
    bytes: _bytes,
}


def _temporal(kind: kinds.Temporal, value: Any) -> str | None:
    name = kind.type.__name__
    if isinstance(value, np.datetime64):
        unit = "us" if kind.type is datetime else "D"
        return f'Convert it: value.astype("datetime64[{unit}]").item().'
    if isinstance(value, str):
        return f"Convert it: {name}.fromisoformat(value)."
    if isinstance(value, datetime):
        return "Convert it: value.date(); or annotate the field as `datetime`."
    if isinstance(value, date):
        return "Convert it: datetime.combine(value, time()); or annotate the field as `date`."
    if isinstance(value, int | float | np.number):
        return f"Convert it: {name}.fromtimestamp(value)."
    return None


def _sequence(value: Any) -> str | None:
    if _is_array_like(value):
        return "Convert it: value.tolist(); or annotate the field as `NDArray`."
    if hasattr(type(value), "__iter__") and not isinstance(value, str | bytes | Mapping):
        return "Convert it: list(value)."
    return None


def _map(value: Any) -> str | None:
    if isinstance(value, Mapping):
        return "Convert the keys: {str(key): one for key, one in value.items()}."
    return None


def _plain(value: Any) -> str | None:
    if isinstance(value, PathLike):
        return "Convert it: str(value)."
    if isinstance(value, date):
        return "Annotate the field as `datetime` or `date`."
    if isinstance(value, np.datetime64 | np.timedelta64) or _is_array_like(value):
        return "Convert it: np.asarray(value)."
    return _sequence(value)


def _is_array_like(value: Any) -> bool:
    return hasattr(value, "__array__") or hasattr(value, "__array_interface__")


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "detach") and hasattr(value, "cpu")


def _is_scalar_tensor(value: Any) -> bool:
    return _is_tensor(value) and math.prod(value.shape) == 1
