"""The one document rule that is about Python: names that become equal there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lexgen import ir, names
from lexgen.document import Document, Finding, Pointer


def find_collisions(catalog: ir.Catalog, documents: Sequence[Document]) -> list[Finding]:
    """Find modules, definitions and properties whose names are the same in Python."""
    by_nsid = {document.value["id"]: document for document in documents}
    findings: list[Finding] = []
    modules: dict[tuple[str, ...], str] = {}
    for lexicon in catalog.lexicons:
        document = by_nsid[lexicon.nsid]
        other = modules.setdefault(names.module_parts(lexicon.nsid), lexicon.nsid)
        if other != lexicon.nsid:
            message = f"{lexicon.nsid} and {other} are the same module in Python"
            findings.append(document.finding("name-collision", ("id",), message))
        findings += _definition_collisions(lexicon, document)
        for definition in lexicon.definitions:
            if isinstance(definition, ir.Object):
                findings += _field_collisions(definition, document)
    return findings


def _definition_collisions(lexicon: ir.Lexicon, document: Document) -> Iterator[Finding]:
    taken: dict[str, ir.DefId] = {}
    for definition in lexicon.definitions:
        for def_id, name in top_level_names(definition):
            other = taken.setdefault(name, def_id)
            if other != def_id:
                message = f"{def_id.name} and {other.name} are both called {name} in Python"
                yield document.finding("name-collision", _place(def_id), message)


def _field_collisions(definition: ir.Object, document: Document) -> Iterator[Finding]:
    keys: dict[str, str] = {}
    for field in definition.fields:
        name = names.field_name(field.key, in_record=definition.is_record)
        other = keys.setdefault(name, field.key)
        if other != field.key:
            message = f"properties {other!r} and {field.key!r} are both called {name} in Python"
            yield document.finding("name-collision", _place(definition.id), message)


def _place(def_id: ir.DefId) -> Pointer:
    return ("defs", def_id.name.partition(".")[0])


def top_level_names(definition: ir.Definition) -> Iterator[tuple[ir.DefId, str]]:
    """The public names that a definition brings into its module."""
    def_id = definition.id
    name = names.class_name(def_id.nsid, def_id.name)
    match definition:
        case ir.Object():
            yield def_id, name
            yield def_id, f"{name}Dict"
        case ir.Alias():
            yield def_id, name
        case ir.Token() | ir.PermissionSet() | ir.Endpoint():
            yield def_id, names.constant_name(def_id.nsid, def_id.name)
    if isinstance(definition, ir.Endpoint):
        for alias in definition.aliases():
            yield alias.id, names.class_name(def_id.nsid, alias.id.name)
