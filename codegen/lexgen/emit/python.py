"""Python modules: a class, a reader and a dict type for each definition.

The templates lay out files. What stands in them is made here, and every literal that comes from
a lexicon goes through ``repr``: descriptions and values are hostile text until proven otherwise.
"""

from __future__ import annotations

import json
import textwrap
from typing import Any

from lexgen import ir
from lexgen.emit import readers, typing_, writers
from lexgen.emit.module import Module
from lexgen.names import class_name, constant_name, field_name, function_suffix
from lexgen.runtime.base import ABI


def module_context(package: str, lexicon: ir.Lexicon, catalog: ir.Catalog) -> dict[str, Any]:
    """All that the module template lays out."""
    module = Module(package, lexicon.nsid, catalog)
    context: dict[str, Any] = {
        "abi": ABI,
        "package": package,
        "lexicon": lexicon,
        "doc": docstring(lexicon.description or f"Definitions of {lexicon.nsid}."),
        "objects": [],
        "tokens": [],
        "aliases": [],
        "endpoints": [],
        "permission_sets": [],
    }
    for definition in lexicon.definitions:
        match definition:
            case ir.Object():
                context["objects"].append(_object_context(module, definition))
            case ir.Token():
                context["tokens"].append(_token_context(definition))
            case ir.Alias():
                context["aliases"].append(_alias_context(module, definition))
            case ir.Endpoint():
                context["endpoints"].append(_endpoint_context(definition))
                aliases = definition.aliases()
                context["aliases"] += [_alias_context(module, alias) for alias in aliases]
            case ir.PermissionSet():
                context["permission_sets"].append(_permission_set_context(definition))
    return {**context, "imports": module.imported(), "exports": _exports(context)}


def _exports(context: dict[str, Any]) -> list[str]:
    """The public names of a module, as literals."""
    names = {
        item["name"]
        for kind in ("objects", "tokens", "aliases", "endpoints", "permission_sets")
        for item in context[kind]
    }
    names |= {f"{item['name']}Dict" for item in context["objects"]}
    names |= {f"read_{alias['suffix']}" for alias in context["aliases"]}
    return [repr(name) for name in sorted(names)]


def docstring(text: str, indent: int = 0) -> str:
    """A string literal that documents; wrapped, and with nothing in it that ends it."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    width = 95 - indent
    lines: list[str] = []
    for paragraph in filter(None, paragraphs):
        lines += (
            ["", *textwrap.wrap(paragraph, width)] if lines else textwrap.wrap(paragraph, width)
        )
    safe = [_escaped(line) for line in lines] or ["-"]
    if len(safe) == 1 and len(safe[0]) < width - 6:
        return f'"""{safe[0]}"""'
    space = " " * indent
    return '"""' + f"\n{space}".join(safe) + f'\n{space}"""'


def _escaped(line: str) -> str:
    # The quote in front makes repr delimit with single quotes, which need no escape here.
    return repr('"' + line)[2:-1].replace("\\'", "'").replace('"', '\\"')


def _object_context(module: Module, definition: ir.Object) -> dict[str, Any]:
    fields = [_field_context(module, definition, f) for f in definition.fields]
    name = class_name(definition.id.nsid, definition.id.name)
    return {
        "name": name,
        "suffix": function_suffix(definition.id.nsid, definition.id.name),
        "type_id": repr(definition.id.full),
        "base": "Record" if definition.is_record else "Object",
        "is_record": definition.is_record,
        "doc": docstring(definition.description or f"A value of {definition.id.full}.", 4),
        "fields": fields,
        "reader": readers.object_reader(module, definition, name),
        "writer": writers.writer(definition),
        "entries": typing_.dict_entries(module, definition),
    }


def _field_context(module: Module, definition: ir.Object, f: ir.Field) -> dict[str, Any]:
    return {
        "name": field_name(f.key, in_record=definition.is_record),
        "annotation": typing_.field_annotation(module, f),
        "default": typing_.field_default(f),
        "doc": docstring(f.description, 4) if f.description else None,
    }


def _token_context(definition: ir.Token) -> dict[str, Any]:
    return {
        "name": constant_name(definition.id.nsid, definition.id.name),
        "value": repr(definition.id.full),
        "doc": docstring(definition.description) if definition.description else None,
    }


def _alias_context(module: Module, alias: ir.Alias) -> dict[str, Any]:
    return {
        "name": class_name(alias.id.nsid, alias.id.name),
        "suffix": function_suffix(alias.id.nsid, alias.id.name),
        "type_id": repr(alias.id.full),
        "annotation": repr(typing_.annotation(module, alias.type)),
        "doc": docstring(alias.description) if alias.description else None,
        "reader": readers.alias_reader(module, alias),
    }


def _endpoint_context(endpoint: ir.Endpoint) -> dict[str, Any]:
    return {
        "name": constant_name(endpoint.id.nsid, endpoint.id.name),
        "nsid": repr(endpoint.id.nsid),
        "kind": repr(endpoint.kind),
        "input": repr(endpoint.input.encoding if endpoint.input else None),
        "output": repr(endpoint.output.encoding if endpoint.output else None),
        "errors": repr(tuple(name for name, _ in endpoint.errors)),
        "doc": docstring(endpoint.description) if endpoint.description else None,
    }


def _permission_set_context(definition: ir.PermissionSet) -> dict[str, Any]:
    return {
        "name": constant_name(definition.id.nsid, definition.id.name),
        "nsid": repr(definition.id.nsid),
        "title": repr(definition.title),
        "detail": repr(definition.detail),
        "permissions": repr(tuple(json.loads(definition.permissions))),
        "doc": docstring(definition.description) if definition.description else None,
    }
