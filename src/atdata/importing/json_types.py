"""The type that the values of a column of JSON have, as they are seen one after the other.

=======================  ====================================================================
values                   annotation
=======================  ====================================================================
integers of 64 bits      ``int``; with other numbers ``float``, if it holds them exactly
true and false, text     ``bool``, ``str``; ``date`` or ``datetime`` if all texts of a column
                         have that form (not inside of arrays and objects)
arrays                   ``list[T]``
objects of one set of    a nested class, if its names can be those of fields
names
other objects            ``dict[str, Any]``
null, or absent          ``T | None``; ``Any`` if there is nothing else
=======================  ====================================================================

Other mixtures are refused.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Optional

from atdata.errors import SampleError, SchemaError
from atdata.importing.readers import Column
from atdata.importing.schema import class_name, field_name, guessed_type
from atdata.importing.text_values import CONVERTERS

_MAX_DEPTH = 32
_MAX_FIELDS = 256  # of a nested class; more names are keys of a dict

_NAMES = {bool: "bool", int: "number", float: "number", str: "text", list: "array", dict: "object"}


class Seen:
    """The values of one column, or of one place inside of it."""

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth
        self._count = 0
        self._kind: type | None = None
        self._is_float = self._has_null = self._has_large = False
        self._texts = [date, datetime] if depth == 0 else []
        self._items: Seen | None = None  # of arrays
        self._names: dict[str, Seen] | None = None  # of objects, while all have the same ones

    def see(self, value: Any) -> None:
        """Take one more value.

        Raises:
            SampleError: It is of another type than those before, or can't be held; ``path`` is
                where in the value.
        """
        self._count += 1
        if value is None:
            self._has_null = True
            return
        kind = type(value)
        name = _NAMES[kind]
        if self._kind is None:
            self._kind = kind
        elif _NAMES[self._kind] != name:
            raise SampleError(
                f"a value of type {name}, earlier ones have type {_NAMES[self._kind]}",
                hint="Make all values of a column of one type.",
            )
        if kind in (int, float):
            self._see_number(value)
        elif kind is str:
            self._see_text(value)
        elif kind is list:
            self._see_list(value)
        elif kind is dict:
            self._see_object(value)

    def close(self, rows: int) -> None:
        """Take the number of all rows: the value is absent from some if it is larger."""
        self._has_null = self._has_null or self._count < rows

    def annotation(self, *path: str) -> Any:
        """Return the annotation; the path names nested classes."""
        known = self._known(path)
        return Optional[known] if self._has_null and known is not Any else known  # noqa: UP045

    @property
    def text_type(self) -> type | None:
        """The type that all texts mean; None if they are text, or the values are not texts."""
        return self._texts[0] if self._kind is str and self._texts else None

    def _known(self, path: tuple[str, ...]) -> Any:
        if self._kind is None:
            return Any
        if self._kind in (int, float):
            return float if self._is_float else int
        if self._kind is str:
            return self.text_type or str
        if self._kind is list:
            inner = Any if self._items is None else self._items.annotation(*path)
            return list[inner]  # type: ignore[valid-type]
        if self._kind is dict:
            return self._object(path)
        return self._kind

    def _object(self, path: tuple[str, ...]) -> Any:
        if not self._names:
            return dict[str, Any]
        columns = [Column(name, one.annotation(*path, name)) for name, one in self._names.items()]
        return guessed_type(class_name("_".join(path)), columns)

    def _see_number(self, value: float) -> None:
        if isinstance(value, float):
            if value in (float("inf"), float("-inf")):
                raise SampleError("a number that is too large for a float")
            self._is_float = True
        elif not -(2**63) <= value < 2**64:
            raise SampleError(
                "an integer of more than 64 bits", hint="Write it as text, which keeps all digits."
            )
        else:
            self._has_large = self._has_large or int(float(value)) != value
        if self._is_float and self._has_large:
            raise SampleError(
                "a column of floats, and integers that a float does not hold exactly",
                hint="Write them as text, which keeps all digits.",
            )

    def _see_text(self, value: str) -> None:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise SampleError("text with half of a surrogate pair") from None
        for kind in tuple(self._texts):
            try:
                CONVERTERS[kind](value)
            except ValueError:
                self._texts.remove(kind)

    def _see_list(self, value: list[Any]) -> None:
        if value and self._items is None:
            self._items = self._inner()
        for place, item in enumerate(value):
            _see_at(f"[{place}]", self._items, item)

    def _see_object(self, value: dict[str, Any]) -> None:
        if self._names is None:
            self._names = {name: self._inner() for name in value} if _can_be_fields(value) else {}
        if self._names.keys() != value.keys():
            self._names = {}
        for name, inner in self._names.items():
            _see_at(f".{name}", inner, value[name])

    def _inner(self) -> Seen:
        if self._depth == _MAX_DEPTH:
            raise SampleError("nested too deeply")
        return Seen(self._depth + 1)


def _see_at(place: str, seen: Seen | None, value: Any) -> None:
    if seen is None:
        return
    try:
        seen.see(value)
    except SampleError as error:
        raise SampleError(
            error.message, hint=error.hint, path=f"{place}{error.path or ''}"
        ) from None


def _can_be_fields(value: dict[str, Any]) -> bool:
    try:
        return 0 < len(value) <= _MAX_FIELDS and all(field_name(name) == name for name in value)
    except SchemaError:
        return False
