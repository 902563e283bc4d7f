"""Sample types from JSON Schema documents. The keywords are those of ``schema``.

The document may come from an untrusted source. No part of it is compiled or evaluated as text:
names are checked strictly, then classes are made with ``type`` and ``dataclasses``, with types and
defaults as objects.
"""

from __future__ import annotations

import copyreg
import dataclasses
import json
from abc import ABCMeta
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum, IntEnum, StrEnum
from functools import lru_cache
from typing import Any

from atdata.errors import SampleError, SchemaError
from atdata.samples import kinds
from atdata.samples.annotations import annotation_of_field
from atdata.samples.canonical import canonical_text
from atdata.samples.codec import codec_of, set_unknown_fields
from atdata.samples.dtypes import DTYPES
from atdata.samples.extensions import Member
from atdata.samples.fields import check_identifier, check_name
from atdata.samples.kinds import Kind
from atdata.samples.media import MEDIA, MediaType
from atdata.samples.packable import PackableSample
from atdata.samples.tensors import BFLOAT16, Bfloat16
from atdata.samples.to_schema import DOCUMENT, MEMBER, Fresh, can_be_default, reference

_MAX_FIELDS = 1_000  # of one class
_MAX_ALL_FIELDS = 2_000  # of all classes of a document
_MAX_VALUES = 32_768  # of all enums of a document
_MAX_CLASSES = 100  # below $defs
_MAX_DEPTH = 32  # of one field's lists, maps and unions
_MAX_TYPES = 128  # that are cached

_MODULE = "atdata.schemas"
_CLASSES = "__atdata_classes__"
_ORIGIN = "__atdata_origin__"

_SCALARS = {"string": str, "boolean": bool, "integer": int, "number": float}
_OWN = {
    "bytes": kinds.Scalar(bytes),
    "datetime": kinds.Temporal(datetime),
    "date": kinds.Temporal(date),
}
# How the enum is made, and what its values are.
_BASES: dict[str, tuple[Any, type | None, tuple[type, ...]]] = {
    "Enum": (Enum, None, (str, int, float, bool)),
    "IntEnum": (IntEnum, None, (int,)),
    "StrEnum": (StrEnum, None, (str,)),
    "str": (Enum, str, (str,)),
    "int": (Enum, int, (int,)),
    "float": (Enum, float, (float,)),
}


def type_from_document(
    document: Mapping[str, Any], *, name: str | None = None
) -> type[PackableSample]:
    """Return the sample type that a JSON Schema document describes.

    Equal documents and names give the same class, as long as it is among the last 128 used.

    Args:
        document: As :func:`schema_document` makes them.
        name: Name of the class; the document's title if None.

    Raises:
        SchemaError: The document does not describe a sample type, is too large, or holds a name
            that can't be used.
    """
    return _type_from_text(canonical_text(document), name)


# The class depends on the text and the name only. The name alone would not do as a key.
@lru_cache(maxsize=_MAX_TYPES)
def _type_from_text(text: str, name: str | None) -> type[PackableSample]:
    root: type[PackableSample] = _Reader(text, name).root
    return root


class _Decoded(ABCMeta):
    """Class of the types that are made here, so that pickle finds them in another process."""


def _reduce(sample_type: type) -> Any:
    origin = sample_type.__dict__.get(_ORIGIN)
    # A user's subclass of such a type is found in its module, as other classes are.
    return sample_type.__qualname__ if origin is None else (_class_of, origin)


def _class_of(text: str, name: str | None, ref: str) -> type:
    return getattr(_type_from_text(text, name), _CLASSES)[ref]  # type: ignore[no-any-return]


def _reduce_member(member: Enum, _protocol: int) -> Any:
    return _member_of, (*type(member).__dict__[_ORIGIN], member.name)


def _member_of(text: str, name: str | None, ref: str, member: str) -> Any:
    return getattr(_class_of(text, name, ref), member)


copyreg.pickle(_Decoded, _reduce)


class _Reader:
    """Reads one document: first every class by itself, then their fields, which refer to them."""

    def __init__(self, text: str, name: str | None) -> None:
        document = json.loads(text)
        defs = _expect(dict, document.get("$defs", {}), "$defs")
        if len(defs) > _MAX_CLASSES:
            raise SchemaError(f"more than {_MAX_CLASSES} classes in one schema document")
        _check_fields([document, *defs.values()])
        self._values_left = _MAX_VALUES
        self._origin = (text, name)
        self._types: dict[str, type] = {}
        self.root = self._class("#", document, name)
        inner = {reference(key): _expect(dict, value, "$defs", key) for key, value in defs.items()}
        for ref, definition in inner.items():
            self._types[ref] = (
                self._counted(_enum(definition, (*self._origin, ref)))
                if "enum" in definition
                else self._class(ref, definition)
            )
        for ref, definition in {"#": document, **inner}.items():
            if "enum" not in definition:
                self._fill(self._types[ref], definition)
        setattr(self.root, DOCUMENT, text)
        setattr(self.root, _CLASSES, self._types)
        for sample_type in self._types.values():
            if not issubclass(sample_type, Enum):
                codec_of(sample_type)

    def _counted(self, values: Any) -> Any:
        """Return the values of an enum, unless the document has too many with them."""
        self._values_left -= len(values)
        if self._values_left < 0:
            raise SchemaError(f"more than {_MAX_VALUES} values of enums in one schema document")
        return values

    def _class(self, ref: str, document: dict[str, Any], name: str | None = None) -> Any:
        title = _expect(str, document.get("title"), "title") if name is None else name
        check_identifier(title, "a class")
        if document.get("type") != "object" or "properties" not in document:
            raise SchemaError(f"{title}: a sample is an object with properties")
        namespace = {"__module__": _MODULE, _ORIGIN: (*self._origin, ref)}
        self._types[ref] = _Decoded(title, (PackableSample,), namespace)
        return self._types[ref]

    def _fill(self, sample_type: type, document: dict[str, Any]) -> None:
        properties = _expect(dict, document["properties"], "properties")
        if len(properties) > _MAX_FIELDS:
            raise SchemaError(f"more than {_MAX_FIELDS} fields in {sample_type.__name__}")
        required = _names(document, "required", properties)
        keyword_only = _names(document, "x-atdata-keyword-only", properties)
        annotations = sample_type.__annotations__ = {}
        for name in _order(document, properties):
            check_name(name)
            own = _expect(dict, properties[name], name)
            kind, field = self._field(name, own, name in required, name in keyword_only)
            annotations[name] = annotation_of_field(kind, _member(own, name))
            setattr(sample_type, name, field)
        if isinstance(more := document.get("additionalProperties"), bool):
            set_unknown_fields(sample_type, "keep" if more else "refuse")
        try:
            dataclasses.dataclass(sample_type)
        except TypeError as error:
            raise SchemaError(f"{sample_type.__name__}: {error}") from None
        # After dataclass(), which would set its own docstring.
        sample_type.__doc__ = _text(document)

    def _field(
        self, name: str, document: dict[str, Any], required: bool, keyword_only: bool
    ) -> tuple[Kind, Any]:
        kind = self._kind(document, name, 0)
        text = _text(document)
        options: dict[str, Any] = {
            "kw_only": keyword_only,
            "metadata": {"description": text} if text else None,
        }
        if "default" in document:
            options |= _default(kind, document["default"], name)
        elif not required:
            # JSON Schema lets it be absent; it is None then.
            kind = kind if isinstance(kind, kinds.Nullable | kinds.Plain) else kinds.Nullable(kind)
            options["default"] = None
        return kind, dataclasses.field(**options)

    def _kind(self, document: Any, path: str, depth: int) -> Kind:
        if depth > _MAX_DEPTH:
            raise SchemaError(f"nested deeper than {_MAX_DEPTH} levels", path=path)
        document = {} if document is True else _expect(dict, document, path)
        if "$ref" in document:
            return self._referred(document["$ref"], path)
        if "anyOf" in document:
            return self._nullable(document["anyOf"], path, depth)
        if "enum" in document:
            return kinds.Choice(tuple(self._counted(_values(document, path, (str, int, bool)))))
        own, json_type = (document.get(key) for key in ("x-atdata-type", "type"))
        for word in (own, json_type):
            if word is not None:
                _expect(str, word, path)
        if own == "array":
            return _array(document, path)
        if own in _OWN:
            return _OWN[own]
        if own in MEDIA:
            return _media(document, path)
        if json_type in _SCALARS:
            return kinds.Scalar(_SCALARS[json_type])
        if json_type == "array":
            return self._sequence(document, path, depth)
        if json_type == "object" and "properties" not in document:
            return kinds.Map(self._kind(document.get("additionalProperties", {}), path, depth + 1))
        if json_type is None and own is None:
            return kinds.Plain()
        raise SchemaError(f"samples can't have values of type {json_type!r:.80}", path=path)

    def _referred(self, ref: Any, path: str) -> Kind:
        target = self._types.get(ref) if isinstance(ref, str) else None
        if target is None:
            raise SchemaError(f"{ref!r:.80} is not a class of this schema document", path=path)
        return kinds.EnumMember(target) if issubclass(target, Enum) else kinds.Nested(target)

    def _nullable(self, options: Any, path: str, depth: int) -> Kind:
        rest = [one for one in _expect(list, options, path) if one != {"type": "null"}]
        if len(rest) != 1 or len(options) != 2:
            raise SchemaError("of unions, only `T or null` is read", path=path)
        kind = self._kind(rest[0], path, depth + 1)
        return kind if isinstance(kind, kinds.Nullable | kinds.Plain) else kinds.Nullable(kind)

    def _sequence(self, document: dict[str, Any], path: str, depth: int) -> Kind:
        is_tuple = document.get("x-atdata-type") == "tuple"
        if "prefixItems" not in document:
            item = self._kind(document.get("items", {}), path, depth + 1)
            return kinds.Sequence(item, tuple if is_tuple else list)
        places = _expect(list, document["prefixItems"], path)
        if not places:
            raise SchemaError("prefixItems is empty", path=path)
        return kinds.FixedTuple(tuple(self._kind(place, path, depth + 1) for place in places))


def _check_fields(classes: list[Any]) -> None:
    count = 0
    for document in classes:
        properties = document.get("properties") if isinstance(document, dict) else None
        count += len(properties) if isinstance(properties, dict) else 0
    if count > _MAX_ALL_FIELDS:
        raise SchemaError(f"more than {_MAX_ALL_FIELDS} fields in one schema document")


def _array(document: dict[str, Any], path: str) -> Kind:
    name, shape = document.get("x-atdata-dtype"), _shape(document, path)
    if name == BFLOAT16:
        return Bfloat16(shape)
    if name is not None and (not isinstance(name, str) or name not in DTYPES):
        raise SchemaError(f"{name!r:.80} is not a dtype that samples can hold", path=path)
    return kinds.ArrayOf(DTYPES[name] if name else None, shape)


def _shape(document: dict[str, Any], path: str) -> tuple[int | None, ...] | None:
    shape = document.get("x-atdata-shape")
    if shape is None:
        return None
    for length in _expect(list, shape, path):
        if length is not None and (type(length) is not int or not 0 <= length < 2**62):
            raise SchemaError(f"{length!r:.80} is not the length of an axis", path=path)
    if len(shape) > _MAX_DEPTH:
        raise SchemaError(f"more than {_MAX_DEPTH} axes", path=path)
    return tuple(shape)


def _media(document: dict[str, Any], path: str) -> kinds.MediaOf:
    media, name = MEDIA[document["x-atdata-type"]], document.get("contentMediaType")
    if name is None:
        return kinds.MediaOf(media)
    if not MediaType(_expect(str, name, path)).name.startswith(f"{media.family}/"):
        raise SchemaError(f"{media.family} can't have the media type {name:.80}", path=path)
    return kinds.MediaOf(media, name)


def _enum(document: dict[str, Any], origin: tuple[str, str | None, str]) -> type[Enum]:
    title = _expect(str, document.get("title"), "title")
    check_identifier(title, "an enum")
    base = document.get("x-atdata-base", "Enum")
    if not isinstance(base, str) or base not in _BASES:
        raise SchemaError(f"{base!r:.80} is not a base of an enum", path=title)
    functional, mixed_in, value_types = _BASES[base]
    values = _values(document, title, value_types)
    names = _expect(list, document.get("x-atdata-members"), title)
    if len(names) != len(values) or not names:
        raise SchemaError("an enum has one name for each value", path=title)
    for name in names:
        check_identifier(_expect(str, name, title), "a member of an enum")
        if name.startswith("_") or name == "mro":
            raise SchemaError(f"{name!r} can't be the name of a member of an enum", path=title)
    if len(set(names)) != len(names):
        raise SchemaError("an enum has a member twice", path=title)
    members = list(zip(names, values, strict=True))
    made: Any = functional(
        title, members, module=_MODULE, **({"type": mixed_in} if mixed_in else {})
    )
    made.__doc__ = _text(document)
    setattr(made, _ORIGIN, origin)
    made.__reduce_ex__ = _reduce_member
    return made  # type: ignore[no-any-return]


def _values(document: dict[str, Any], path: str, types: tuple[type, ...]) -> list[Any]:
    values: list[Any] = _expect(list, document["enum"], path)
    if not values or any(type(value) not in types for value in values):
        raise SchemaError("an enum holds text, numbers or bools", path=path)
    # Larger ones can't be in samples, and can be chosen to have one hash.
    if any(type(value) is int and not -(2**63) <= value < 2**64 for value in values):
        raise SchemaError("an enum holds integers of at most 64 bits", path=path)
    if len(values) > _MAX_VALUES:
        raise SchemaError(f"more than {_MAX_VALUES} values of enums in one schema document")
    return values


def _default(kind: Kind, plain: Any, path: str) -> dict[str, Any]:
    if not can_be_default(kind, plain):
        raise SchemaError("samples as defaults are not read", path=path)
    try:
        value = kind.decode(plain)
    except SampleError as error:
        raise SchemaError(f"the default does not fit: {error.message}", path=path) from None
    if isinstance(plain, list | dict):
        return {"default_factory": Fresh(kind, plain)}
    return {"default": value}


def _member(document: dict[str, Any], path: str) -> str | None:
    if MEMBER not in document:
        return None
    try:
        return Member(_expect(str, document[MEMBER], path)).extension
    except SchemaError as error:
        raise SchemaError(error.message, hint=error.hint, path=path) from None


def _order(document: dict[str, Any], properties: dict[str, Any]) -> list[str]:
    order = _names(document, "x-atdata-order", properties) or list(properties)
    if len(order) != len(properties) or len(set(order)) != len(order):
        raise SchemaError("x-atdata-order does not list each property once")
    return order


def _names(document: dict[str, Any], key: str, properties: dict[str, Any]) -> list[str]:
    names: list[str] = _expect(list, document.get(key, []), key)
    if any(not isinstance(name, str) or name not in properties for name in names):
        raise SchemaError(f"{key} lists what is not a property")
    return names


def _text(document: dict[str, Any]) -> str | None:
    text = document.get("description")
    return None if text is None else _expect(str, text, "description")


def _expect(wanted: type, value: Any, *path: str) -> Any:
    if not isinstance(value, wanted):
        raise SchemaError(
            f"expected {wanted.__name__}, got {type(value).__name__}", path=".".join(path)
        )
    return value
