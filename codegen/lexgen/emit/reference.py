"""Reference pages: one Markdown file for each lexicon."""

from __future__ import annotations

import re
from typing import Any

from lexgen import ir
from lexgen.names import class_name, constant_name, field_name, module_parts

_PLAIN = re.compile(r"[a-zA-Z0-9_.#:-]+").fullmatch
_SPECIAL = re.compile(r"([\\*_\[\]<>#|~&!])")


def page_context(package: str | None, lexicon: ir.Lexicon) -> dict[str, Any]:
    """All that the page template lays out; without a package no module is named."""
    module = package and ".".join((package, *module_parts(lexicon.nsid)))
    return {
        "nsid": lexicon.nsid,
        "sha256": lexicon.sha256,
        "module": module,
        "description": markdown(lexicon.description),
        "definitions": [_definition(definition) for definition in lexicon.definitions],
    }


def markdown(text: str) -> str:
    """Text on one line with nothing in it that Markdown or HTML would act on, but code."""
    parts = " ".join(text.split()).split("`")
    if len(parts) % 2 == 0:  # a backtick without its partner is only a character
        parts = ["\\`".join(parts)] if len(parts) == 1 else ["'".join(parts)]
    for index, part in enumerate(parts):
        special = part.replace("|", "\\|") if index % 2 else _SPECIAL.sub(r"\\\1", part)
        parts[index] = special
    return "`".join(parts)


def code(text: str) -> str:
    """An id as code, if it is nothing but an id: names of properties may hold anything."""
    return f"`{text}`" if _PLAIN(text) else markdown(text)


def _definition(definition: ir.Definition) -> dict[str, Any]:
    def_id = definition.id
    context: dict[str, Any] = {
        "id": def_id.full if _PLAIN(def_id.full) else markdown(def_id.full),
        "python": class_name(def_id.nsid, def_id.name),
        "description": markdown(definition.description),
        "kind": type(definition).__name__.lower(),
        "facts": [],
        "fields": [],
    }
    match definition:
        case ir.Object():
            if definition.record_key is not None:
                context["kind"] = "record"
                context["facts"] = [("record key", f"`{definition.record_key}`")]
            context["fields"] = [_field(field, definition) for field in definition.fields]
        case ir.Alias():
            context["kind"] = type_name(definition.type)
            context["facts"] = [("constraints", constraints(definition.type))]
        case ir.Token():
            context["python"] = constant_name(def_id.nsid, def_id.name)
        case ir.Endpoint():
            context["kind"] = definition.kind
            context["python"] = constant_name(def_id.nsid, def_id.name)
            context["facts"] = _endpoint_facts(definition)
        case ir.PermissionSet():
            context["kind"] = "permission set"
            context["python"] = constant_name(def_id.nsid, def_id.name)
            context["facts"] = [("title", markdown(definition.title))]
    return context


def _endpoint_facts(endpoint: ir.Endpoint) -> list[tuple[str, str]]:
    facts = []
    if endpoint.parameters is not None:
        facts.append(("parameters", code(endpoint.parameters.full)))
    for name, body in (("input", endpoint.input), ("output", endpoint.output)):
        if body is not None:
            kind = "" if body.type is None else f", {type_name(body.type)}"
            facts.append((name, f"{markdown(body.encoding)}{kind}"))
    if endpoint.message is not None:
        facts.append(("messages", type_name(endpoint.message)))
    for name, description in endpoint.errors:
        facts.append((f"error {markdown(name)}", markdown(description) or "no description"))
    return facts


def _field(field: ir.Field, definition: ir.Object) -> dict[str, str]:
    notes = [constraints(field.type), markdown(field.description)]
    return {
        "key": markdown(field.key),
        "python": field_name(field.key, in_record=definition.is_record),
        "type": type_name(field.type) + (" or null" if field.nullable else ""),
        "required": "yes" if field.required else "",
        "notes": ". ".join(filter(None, notes)),
    }


def type_name(kind: ir.Type) -> str:
    """A type in words."""
    match kind:
        case ir.String(format=str() as name):
            return f"string ({name})"
        case ir.Array(items=items):
            return f"array of {type_name(items)}"
        case ir.Ref(target=target):
            return code(target.full)
        case ir.Opaque(target=name):
            return f"{code(name)} (not in this catalog)"
        case ir.Union(members=members, closed=closed):
            names = ", ".join(code(member.full) for member in members)
            return f"{'closed' if closed else 'open'} union of {names or 'anything'}"
        case ir.Link():
            return "cid-link"
        case _:
            return type(kind).__name__.lower()


def constraints(kind: ir.Type) -> str:
    """The constraints of a type in words; empty when there are none."""
    if isinstance(kind, ir.Array):
        limits = _range(kind.min_length, kind.max_length, "items")
        inner = constraints(kind.items)
        return "; ".join(filter(None, (limits, f"each {inner}" if inner else "")))
    words = []
    for low, high, unit in (
        ("minimum", "maximum", ""),
        ("min_length", "max_length", "bytes"),
        ("min_graphemes", "max_graphemes", "graphemes"),
    ):
        words.append(_range(getattr(kind, low, None), getattr(kind, high, None), unit))
    if isinstance(kind, ir.Blob):
        words.append(_range(None, kind.max_size, "bytes"))
    for name, label in (
        ("const", "always"),
        ("enum", "one of"),
        ("known_values", "known values"),
        ("accept", "accepts"),
        ("default", "default"),
    ):
        value = getattr(kind, name, None)
        if value is not None:
            values = value if isinstance(value, tuple) else (value,)
            words.append(f"{label} {', '.join(markdown(str(one)) for one in values)}")
    return "; ".join(filter(None, words))


def _range(low: int | None, high: int | None, unit: str) -> str:
    unit = f" {unit}" if unit else ""
    if low is not None and high is not None:
        return f"{low:,} to {high:,}{unit}"
    if low is not None:
        return f"at least {low:,}{unit}"
    return "" if high is None else f"at most {high:,}{unit}"
