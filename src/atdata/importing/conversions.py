"""Conversion of a column's values for the field of a user's own class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from atdata.errors import SampleError
from atdata.importing.text_values import CONVERTERS
from atdata.samples import kinds
from atdata.samples.kinds import Kind

_TEXT, _INTEGER = kinds.Scalar(str), kinds.Scalar(int)


def conversion(column: Kind, field: Kind) -> Callable[[Any], Any] | None:
    """Return the function from a column's values to a field's; None if they are the same.

    Text becomes what it means (see :mod:`atdata.importing.text_values`), with None for an empty
    one; an integer becomes its digits; a list of numbers becomes an array, if its dtype holds them.
    Other values must be of the field's kind, or its wire form.
    """
    if column == field and not kinds.holds_samples(field):
        return None
    if isinstance(field, kinds.Nullable):
        missing = (None,) if field.inner == _TEXT else (None, "")
        return _or_none(conversion(_inner(column), field.inner) or field.inner.decode, missing)
    if _inner(column) == _TEXT and isinstance(field, kinds.Scalar | kinds.Temporal):
        read = CONVERTERS.get(field.type)
        return field.decode if read is None else _meaning(read, str(field))
    if _inner(column) == _INTEGER and field == _TEXT:
        return lambda value: field.decode(None if value is None else str(value))
    if isinstance(_inner(column), kinds.Sequence) and isinstance(field, kinds.ArrayOf):
        return lambda value: field.decode(_array(value, field))
    return field.decode


def _array(value: Any, kind: kinds.ArrayOf) -> Any:
    """Return a list of numbers, at any depth, as an array of a kind's dtype."""
    try:
        natural = np.asarray(value)
    except ValueError:
        raise SampleError(f"expected {kind}, got lists of different lengths") from None
    if natural.dtype.kind == "O":
        raise SampleError(f"expected {kind}, got a list of other values than numbers")
    if natural.dtype.kind not in "biuf" or kind.dtype is None:
        return natural
    # To another width of floats, with the nearest values; to integers, with the same ones.
    wanted = np.dtype(kind.dtype)
    with np.errstate(all="ignore"):
        array = natural.astype(wanted)
    if wanted.kind != "f" and not np.array_equal(array, natural):
        raise SampleError(f"expected {kind}, got numbers that it does not hold")
    return array


def _inner(kind: Kind) -> Kind:
    return kind.inner if isinstance(kind, kinds.Nullable) else kind


def _or_none(convert: Callable[[Any], Any], missing: tuple[Any, ...]) -> Callable[[Any], Any]:
    def convert_known(value: Any) -> Any:
        is_missing = value is None or (isinstance(value, str) and value in missing)
        return None if is_missing else convert(value)

    return convert_known


def _meaning(read: Callable[[str], Any], expected: str) -> Callable[[Any], Any]:
    def convert(text: Any) -> Any:
        try:
            return read(text or "")
        except ValueError:
            raise SampleError(f"expected {expected}, got {text!r:.80}") from None

    return convert
