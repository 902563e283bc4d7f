"""Conversion of a column's values for the field of a user's own class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from atdata.errors import SampleError
from atdata.importing.text_values import CONVERTERS
from atdata.samples import kinds
from atdata.samples.kinds import Kind

_TEXT, _INTEGER = kinds.Scalar(str), kinds.Scalar(int)


def conversion(column: Kind, field: Kind) -> Callable[[Any], Any] | None:
    """Return the function from a column's values to a field's; None if they are the same.

    Text becomes what it means (see :mod:`atdata.importing.text_values`), with None for an empty
    one, and an integer becomes its digits. Other values must be of the field's kind, or its wire
    form.
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
    return field.decode


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
