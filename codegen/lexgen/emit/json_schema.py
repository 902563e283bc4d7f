"""One JSON Schema (draft 2020-12) bundle of a catalog, for editors and other languages."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any, Final

from lexgen import ir

_DESCRIPTION: Final = (
    "Records of these lexicons in their JSON form, distinguished by $type. JSON Schema can't "
    "express all that a lexicon does; a valid record satisfies this schema, but not the other "
    "way round. Not expressed: lengths of strings in bytes of UTF-8 and in graphemes (minLength "
    "and maxLength here are the nearest bounds in characters); lengths of bytes once decoded; "
    "calendar dates, duplicate language subtags and lengths of the parts of AT URIs; sizes and "
    "nesting of records as a whole; keys that occur twice; floats in fields that no lexicon "
    "names. Every constraint of a lexicon is repeated as x-lexicon-*, as it was written."
)

_LABEL: Final = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HANDLE: Final = rf"({_LABEL}\.)+[a-zA-Z]([a-zA-Z0-9-]{{0,61}}[a-zA-Z0-9])?"
_DID: Final = "did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]"
_NSID: Final = (
    rf"[a-zA-Z]([a-zA-Z0-9-]{{0,61}}[a-zA-Z0-9])?(\.{_LABEL})+\.[a-zA-Z][a-zA-Z0-9]{{0,62}}"
)
_KEY: Final = r"(?!\.{1,2}$)[a-zA-Z0-9_~.:-]{1,512}"

# Pattern and greatest length: what holds for every valid string of the format.
_FORMATS: Final[dict[str, tuple[str, int]]] = {
    "at-identifier": (rf"^({_DID}|{_HANDLE})$", 2048),
    "at-uri": (rf"^at://({_DID}|{_HANDLE})(/{_NSID}(/{_KEY})?)?$", 8192),
    "cid": ("^(?!Qm)[a-zA-Z0-9+=]{8,256}$", 256),
    "datetime": (
        "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
        "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?"
        "(Z|\\+[0-9]{2}:[0-9]{2}|-(?!00:00)[0-9]{2}:[0-9]{2})$",
        64,
    ),
    "did": (f"^{_DID}$", 2048),
    "handle": (f"^{_HANDLE}$", 253),
    "language": ("^[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*$", 128),
    "nsid": (f"^{_NSID}$", 317),
    "record-key": (f"^{_KEY}$", 512),
    "tid": ("^[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}$", 13),
    "uri": ("^[a-zA-Z][a-zA-Z0-9+.-]*:[!-~]+$", 8192),
}
_CID_LINK: Final = "^ba(fy|fk)rei[a-h][a-z2-7]{50}[aeimquy4]$"


def bundle(catalog: ir.Catalog) -> str:
    """The bundle as JSON text."""
    definitions: dict[str, Any] = {}
    records = []
    for lexicon in catalog.lexicons:
        for definition in lexicon.definitions:
            match definition:
                case ir.Object():
                    definitions[_key(definition.id)] = _object(definition)
                    if definition.is_record:
                        records.append(definition.id)
                case ir.Alias():
                    schema = _described(_type(definition.type), definition.description)
                    definitions[_key(definition.id)] = schema
                case ir.Token():
                    schema = _described({"const": definition.id.full}, definition.description)
                    definitions[_key(definition.id)] = schema
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "AT Protocol records",
        "description": _DESCRIPTION,
        **_variants(tuple(records), closed=True),
        "$defs": definitions,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _key(def_id: ir.DefId) -> str:
    # A number sign would have to be escaped in every reference.
    return def_id.full.replace("#", ":")


def _described(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, **schema} if description else schema


def _object(definition: ir.Object) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required = [field.key for field in definition.fields if field.required]
    if definition.typed:
        properties["$type"] = {"const": definition.id.full}
        if definition.is_record:
            required.insert(0, "$type")
    for field in definition.fields:
        schema = _type(field.type)
        if field.nullable:
            schema = {"anyOf": [schema, {"type": "null"}]}
        properties[field.key] = _described(schema, field.description)
    schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    if definition.record_key is not None:
        schema["x-lexicon-key"] = definition.record_key
    return _described(schema, definition.description)


def _type(kind: ir.Type) -> dict[str, Any]:
    match kind:
        case ir.Boolean():
            return {"type": "boolean", **_values(kind), **_constraints(kind)}
        case ir.Integer():
            return {**_integer(kind), **_values(kind), **_constraints(kind)}
        case ir.String():
            return {**_string(kind), **_values(kind), **_constraints(kind)}
        case ir.Bytes():
            text = {"type": "string", "pattern": "^[A-Za-z0-9+/]*={0,2}$"}
            return {**_only("$bytes", text), **_constraints(kind)}
        case ir.Link():
            return _only("$link", {"type": "string", "pattern": _CID_LINK})
        case ir.Blob():
            return {**_blob(kind), **_constraints(kind)}
        case ir.Array():
            return _array(kind)
        case ir.Ref(target=target):
            return {"$ref": f"#/$defs/{_key(target)}"}
        case ir.Union(members=members, closed=closed):
            return _variants(members, closed=closed)
        case ir.Unknown():
            forms = [{"required": ["$bytes"]}, {"required": ["$link"]}]
            return {"type": "object", "not": {"anyOf": forms}}
        case ir.Opaque(target=name):
            return {"x-lexicon-ref": name}


def _constraints(kind: ir.Type) -> dict[str, Any]:
    """The constraints as the lexicon has them."""
    given = {
        field.name: getattr(kind, field.name)
        for field in dataclasses.fields(kind)
        if getattr(kind, field.name) is not None
    }
    return {f"x-lexicon-{_camel(name)}": _plain(value) for name, value in given.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _values(kind: ir.Boolean | ir.Integer | ir.String) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    if kind.const is not None:
        schema["const"] = kind.const
    if kind.default is not None:
        schema["default"] = kind.default
    enum = getattr(kind, "enum", None)
    if enum is not None:
        schema["enum"] = list(enum)
    return schema


def _integer(kind: ir.Integer) -> dict[str, Any]:
    low = -(2**63) if kind.minimum is None else kind.minimum
    high = 2**63 - 1 if kind.maximum is None else kind.maximum
    return {"type": "integer", "minimum": low, "maximum": high}


def _string(kind: ir.String) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    # A character takes four bytes at most, and a grapheme one character at least.
    shortest = max(-(-(kind.min_length or 0) // 4), kind.min_graphemes or 0)
    longest = kind.max_length
    if kind.format is not None:
        schema["pattern"], limit = _FORMATS[kind.format]
        longest = limit if longest is None else min(longest, limit)
    if shortest:
        schema["minLength"] = shortest
    if longest is not None:
        schema["maxLength"] = longest
    return schema


def _only(key: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {key: schema},
        "required": [key],
        "additionalProperties": False,
    }


def _blob(kind: ir.Blob) -> dict[str, Any]:
    size: dict[str, Any] = {"type": "integer", "minimum": 0}
    if kind.max_size is not None:
        size["maximum"] = kind.max_size
    mime_type: dict[str, Any] = {"type": "string", "minLength": 1}
    if kind.accept is not None and "*/*" not in kind.accept:
        mime_type["anyOf"] = [_accepted(pattern) for pattern in kind.accept]
    return {
        "type": "object",
        "properties": {
            "$type": {"const": "blob"},
            "ref": _only("$link", {"type": "string", "pattern": _CID_LINK}),
            "mimeType": mime_type,
            "size": size,
        },
        "required": ["$type", "ref", "mimeType", "size"],
        "additionalProperties": False,
    }


def _accepted(pattern: str) -> dict[str, Any]:
    if not pattern.endswith("/*"):
        return {"const": pattern}
    return {"pattern": "^" + re.sub(r"([\^$.*+?()\[\]{}|/\\])", r"\\\1", pattern[:-1])}


def _array(kind: ir.Array) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "array", "items": _type(kind.items)}
    if kind.min_length is not None:
        schema["minItems"] = schema["x-lexicon-minLength"] = kind.min_length
    if kind.max_length is not None:
        schema["maxItems"] = schema["x-lexicon-maxLength"] = kind.max_length
    return schema


def _variants(members: tuple[ir.DefId, ...], *, closed: bool) -> dict[str, Any]:
    name: dict[str, Any] = {"type": "string", "minLength": 1}
    if closed:
        name = {"enum": [member.full for member in members]}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"$type": name},
        "required": ["$type"],
    }
    if members:
        schema["allOf"] = [
            {
                "if": {"properties": {"$type": {"const": member.full}}},
                "then": {"$ref": f"#/$defs/{_key(member)}"},
            }
            for member in members
        ]
    return schema
