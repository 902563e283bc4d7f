"""The definitions of a catalog as plain data, for what works on them at run time."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from lexgen import ir

_NAMES: Final = {
    ir.Boolean: "boolean",
    ir.Integer: "integer",
    ir.String: "string",
    ir.Bytes: "bytes",
    ir.Link: "cid-link",
    ir.Blob: "blob",
    ir.Unknown: "unknown",
    ir.Opaque: "opaque",
}


def definitions(catalog: ir.Catalog) -> dict[str, Any]:
    """Every object definition by its full id; inline ones by the way to them."""
    return {
        definition.id.full: _object(definition)
        for lexicon in catalog.lexicons
        for definition in lexicon.definitions
        if isinstance(definition, ir.Object)
    }


def _object(definition: ir.Object) -> dict[str, Any]:
    return {
        "typed": definition.typed,
        "record": definition.is_record,
        "required": [field.key for field in definition.fields if field.required],
        "nullable": [field.key for field in definition.fields if field.nullable],
        "properties": {field.key: plain_type(field.type) for field in definition.fields},
    }


def plain_type(kind: ir.Type) -> dict[str, Any]:
    """A type as in a lexicon, with references in full."""
    match kind:
        case ir.Ref(target=target):
            return {"type": "ref", "ref": target.full}
        case ir.Union(members=members, closed=closed):
            refs = [member.full for member in members]
            return {"type": "union", "refs": refs, "closed": closed}
        case ir.Array(items=items):
            limits = {"min_length": kind.min_length, "max_length": kind.max_length}
            return {"type": "array", "items": plain_type(items), **_given(limits)}
        case _:
            # Known values and defaults mean nothing to a validator.
            given = dataclasses.asdict(kind)
            for name in ("known_values", "default", "target"):
                given.pop(name, None)
            return {"type": _NAMES[type(kind)], **_given(given)}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
