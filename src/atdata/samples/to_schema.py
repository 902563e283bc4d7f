"""JSON Schema documents of sample types. The keywords are those of ``schema``."""

from __future__ import annotations

import inspect
import json
import math
from dataclasses import MISSING
from enum import Enum, IntEnum, StrEnum
from typing import Any
from urllib.parse import quote

from atdata.errors import SampleError, SchemaError
from atdata.samples import kinds
from atdata.samples.codec import Codec, codec_of
from atdata.samples.dtypes import dtype_name
from atdata.samples.fields import Field, check_identifier
from atdata.samples.kinds import Kind
from atdata.samples.plain import unwrap
from atdata.samples.tensors import Bfloat16, TensorOf

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# The keyword for the extension of a field's member.
MEMBER = "x-atdata-member"
# Where a class that was made from a document keeps the document, as text.
DOCUMENT = "__atdata_document__"

_SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number"}
_BASES: dict[str, type] = {
    "IntEnum": IntEnum,
    "StrEnum": StrEnum,
    "str": str,
    "int": int,
    "float": float,
}

# How a document states what happens to fields that the class does not have.
_UNKNOWN: dict[str, dict[str, Any]] = {
    "drop": {},
    "keep": {"additionalProperties": True},
    "refuse": {"additionalProperties": False},
}


class Fresh:
    """A default factory that makes a new value of a schema's default each time."""

    __slots__ = ("_kind", "plain")

    def __init__(self, kind: Kind, plain: Any) -> None:
        self._kind = kind
        self.plain = plain

    def __call__(self) -> Any:  # noqa: D102 - see the class
        return self._kind.decode(self.plain)


def schema_document(sample_type: type) -> dict[str, Any]:
    """Return the JSON Schema document (draft 2020-12) of a sample type, as a new dict.

    A type that was made from a document gives that document.

    Raises:
        SchemaError: The class is not a sample type, or a default does not fit its field.
    """
    text = sample_type.__dict__.get(DOCUMENT)
    return json.loads(text) if text is not None else describe(sample_type)


def describe(sample_type: type) -> dict[str, Any]:
    """Make the document of a sample type from its fields."""
    return _Writer(sample_type).document


class _Writer:
    """Writes one document; classes that fields refer to are collected below ``$defs``."""

    def __init__(self, root: type) -> None:
        check_identifier(root.__name__, "a class")
        self._refs: dict[type, str] = {root: "#"}
        self._defs: dict[str, Any] = {}
        self.document = {"$schema": DIALECT, **self._class(codec_of(root))}
        if self._defs:
            self.document["$defs"] = self._defs

    def _class(self, codec: Codec) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        required: list[str] = []
        keyword_only: list[str] = []
        after_optional = False
        for field in codec.fields:
            properties[field.name] = self._property(codec, field)
            optional = "default" in properties[field.name]
            if not optional:
                required.append(field.name)
            # A default that JSON can't represent makes the field required for readers of the
            # document, who could not declare it after an optional one by position.
            if field.keyword_only or (after_optional and not optional):
                keyword_only.append(field.name)
            elif optional:
                after_optional = True
        return {
            "title": codec.name,
            **_described(class_description(codec.sample_type)),
            "type": "object",
            "properties": properties,
            "required": required,
            "x-atdata-order": list(properties),
            **({"x-atdata-keyword-only": keyword_only} if keyword_only else {}),
            **_UNKNOWN[codec.unknown],
        }

    def _property(self, codec: Codec, field: Field) -> dict[str, Any]:
        document = self._kind(field.kind) | _described(field.description)
        if field.annotated_member is not None:
            document[MEMBER] = field.annotated_member
        default = _plain_default(codec, field)
        return document if default is MISSING else {**document, "default": default}

    def _kind(self, kind: Kind) -> dict[str, Any]:
        match kind:
            case kinds.Scalar(plain):
                return (
                    {"type": _SCALARS[plain]} if plain in _SCALARS else {"x-atdata-type": "bytes"}
                )
            case kinds.ArrayOf():
                return _array(kind)
            case Bfloat16() | TensorOf():
                named = {"x-atdata-dtype": kind.dtype} if kind.dtype else {}
                return _array(kind.stored) | named
            case kinds.MediaOf(media, media_type):
                fixed = {"contentMediaType": media_type} if media_type else {}
                return {"x-atdata-type": media.family, **fixed}
            case kinds.Temporal(plain):
                return {"type": "string", "x-atdata-type": plain.__name__}
            case kinds.Sequence(item, container):
                own = {} if container is list else {"x-atdata-type": "tuple"}
                return {"type": "array", "items": self._kind(item), **own}
            case kinds.FixedTuple(items):
                places = [self._kind(item) for item in items]
                length = {"minItems": len(items), "items": False}
                return {"type": "array", "prefixItems": places, **length, "x-atdata-type": "tuple"}
            case kinds.Map(value):
                return {"type": "object", "additionalProperties": self._kind(value)}
            case kinds.Choice(values):
                return {"enum": list(values)}
            case kinds.Nullable(inner):
                return {"anyOf": [self._kind(inner), {"type": "null"}]}
            case kinds.Nested(other) | kinds.EnumMember(other):
                return {"$ref": self._ref(other)}
        return {}

    def _ref(self, other: type) -> str:
        if other not in self._refs:
            check_identifier(other.__name__, "a class")
            name, number = other.__name__, 1
            while name in self._defs:
                number += 1
                name = f"{other.__name__}_{number}"
            self._refs[other] = reference(name)
            # The name is taken before the class is walked: it may hold itself.
            self._defs[name] = {}
            self._defs[name] |= (
                _enum(other) if issubclass(other, Enum) else self._class(codec_of(other))
            )
        return self._refs[other]


def reference(name: str) -> str:
    """Return the ``$ref`` of a class below ``$defs``: a JSON pointer as a URI fragment."""
    return f"#/$defs/{quote(name)}"


def class_description(sample_type: type) -> str | None:
    """Return the docstring of a class, without indentation; None if dataclass() generated it."""
    text = sample_type.__dict__.get("__doc__")
    if not isinstance(text, str) or text.startswith(f"{sample_type.__name__}("):
        return None
    # One call is not enough for all texts, and Python 3.13 has already done one.
    while (clean := inspect.cleandoc(text)) != text:
        text = clean
    return text or None


def _described(text: str | None) -> dict[str, str]:
    return {"description": text} if text else {}


def _array(kind: kinds.ArrayOf) -> dict[str, Any]:
    document: dict[str, Any] = {"x-atdata-type": "array"}
    if kind.dtype is not None:
        document["x-atdata-dtype"] = dtype_name(kind.dtype)
    if kind.shape is not None:
        document["x-atdata-shape"] = list(kind.shape)
    return document


def _enum(members: type[Enum]) -> dict[str, Any]:
    base = next((name for name, base in _BASES.items() if issubclass(members, base)), "Enum")
    return {
        "title": members.__name__,
        **_described(class_description(members)),
        "enum": [unwrap(member.value) for member in members.__members__.values()],
        "x-atdata-members": list(members.__members__),
        "x-atdata-base": base,
    }


def _plain_default(codec: Codec, field: Field) -> Any:
    """Return the default in wire form, or MISSING if JSON can represent none.

    Factories other than list and dict are not called: they may return another value each time.
    """
    if isinstance(field.factory, Fresh):
        return field.factory.plain
    default = field.factory() if field.factory in (list, dict) else field.default
    if default is MISSING:
        return MISSING
    try:
        plain = field.kind.encode(default)
    except SampleError as error:
        raise SchemaError(
            f"{codec.name}.{field.name}: the default does not fit: {error.message}",
            hint="Annotate the field as `T | None` if None is its default.",
            path=field.name,
        ) from None
    return plain if can_be_default(field.kind, plain) else MISSING


def can_be_default(kind: Kind, plain: Any) -> bool:
    """Return whether a schema keeps this default: it is valid JSON without samples in it."""
    return _is_json(plain) and (plain in (None, []) or not kinds.holds_samples(kind))


def _is_json(plain: Any) -> bool:
    match plain:
        case list():
            return all(map(_is_json, plain))
        case dict():
            return all(map(_is_json, plain.values()))
        case float():
            return math.isfinite(plain)
    return plain is None or isinstance(plain, bool | int | str)
