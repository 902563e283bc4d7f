"""Values whose type is named by their ``$type``."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .base import Object
from .errors import Issue, Issues, ValidationError, add, shown
from .registry import RECORDS, TYPES


def class_of(type_id: str) -> type[Object]:
    """The class of a definition, by its full id; ``KeyError`` when the catalog has none."""
    module, name = TYPES[type_id]
    found: type[Object] = getattr(import_module(f".{module}", __package__), name)
    return found


def check(value: Any, *, lenient: bool = False) -> tuple[Issue, ...]:
    """All that is wrong with a record, given as a JSON-shaped dict or plain data."""
    try:
        parse(value, lenient=lenient)
    except ValidationError as error:
        return error.issues
    return ()


def parse(value: Any, *, lenient: bool = False) -> Object:
    """Check a record and build the object that its ``$type`` names.

    Raises:
        ValidationError: It is not valid, or of no record type that the catalog knows.
    """
    if type(value) is not dict:
        issues = add(None, (), "type", f"expected an object, not {shown(value)}")
        raise ValidationError("record", issues)
    name = value.get("$type")
    if lenient and type(name) is str:
        name = name.removesuffix("#main")
    if type(name) is not str or name not in RECORDS:
        raise ValidationError("record", _unknown(value, name))
    return class_of(name).from_dict(value, lenient=lenient)


def _unknown(value: dict[str, Any], name: Any) -> Issues:
    if "$type" not in value:
        return add(None, ("$type",), "required", "a record names its type")
    return add(None, ("$type",), "type-name", f"{shown(name)} is not a record type of this catalog")
