"""A folder of lexicons, made into one catalog with every reference resolved."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lexgen import ir
from lexgen.collisions import find_collisions
from lexgen.document import Document, DocumentError, Finding, parse
from lexgen.errors import CatalogError
from lexgen.rules import lint

LOCK_FILE = "lexicons.lock"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder of lexicons as read; ``catalog`` is None when a finding is an error."""

    documents: tuple[Document, ...]
    findings: tuple[Finding, ...]
    catalog: ir.Catalog | None

    def sound_catalog(self) -> ir.Catalog:
        """The catalog, or ``CatalogError``."""
        if self.catalog is None:
            raise CatalogError([f for f in self.findings if f.severity == "error"])
        return self.catalog


def load(folder: Path, *, third_party: bool = False) -> Project:
    """Read, check and resolve every lexicon below a folder."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.json"))
    }
    return load_files(files, folder.as_posix(), third_party=third_party)


def load_files(
    files: Mapping[str, bytes], folder: str = "", *, third_party: bool = False
) -> Project:
    """Do as ``load`` does with files that were read already, by their paths below the folder."""
    documents: list[Document] = []
    findings: list[Finding] = []
    for path, data in sorted(files.items()):
        name = f"{folder}/{path}" if folder else path
        try:
            documents.append(parse(data, name, path))
        except DocumentError as error:
            findings.append(Finding("json", error.message, name, error.line, error.column))
    findings += lint(documents, third_party=third_party)
    if any(finding.severity == "error" for finding in findings):
        return Project(tuple(documents), tuple(findings), None)
    catalog = build_catalog(documents)
    collisions = find_collisions(catalog, documents)
    return Project(tuple(documents), (*findings, *collisions), None if collisions else catalog)


def build_catalog(documents: Iterable[Document]) -> ir.Catalog:
    """Make the catalog of documents that lint has found nothing wrong with."""
    by_nsid = {document.value["id"]: document for document in documents}
    builder = _Builder(by_nsid)
    lexicons = tuple(builder.lexicon(nsid) for nsid in sorted(by_nsid))
    by_id = {d.id: d for lexicon in lexicons for d in lexicon.definitions}
    return ir.Catalog(lexicons, by_id)


def resolve(reference: str, nsid: str) -> ir.DefId:
    """The definition that a reference in lexicon ``nsid`` speaks of."""
    target, _, name = reference.partition("#")
    return ir.DefId(target or nsid, name or "main")


_OBJECTS = ("object", "record")


class _Builder:
    """Converts documents; holds the lexicon it is in."""

    def __init__(self, documents: dict[str, Document]) -> None:
        self._documents = documents
        self._inline: list[ir.Object] = []

    def lexicon(self, nsid: str) -> ir.Lexicon:
        document = self._documents[nsid]
        self._inline = []
        definitions = [
            self._definition(ir.DefId(nsid, name), raw)
            for name, raw in document.value["defs"].items()
        ]
        return ir.Lexicon(
            nsid,
            document.sha256,
            document.value.get("description", ""),
            (*definitions, *self._inline),
        )

    def _definition(self, def_id: ir.DefId, raw: dict[str, Any]) -> ir.Definition:
        kind, description = raw["type"], raw.get("description", "")
        if kind == "record":
            return self._object_definition(
                def_id, raw["record"], description=description, key=raw["key"]
            )
        if kind == "object":
            return self._object_definition(def_id, raw, description=description)
        if kind == "token":
            return ir.Token(def_id, description)
        if kind in ("query", "procedure", "subscription"):
            return self._endpoint(def_id, raw)
        if kind == "permission-set":
            return _permission_set(def_id, raw)
        return ir.Alias(def_id, self.type(raw, def_id), description)

    def _object_definition(
        self,
        def_id: ir.DefId,
        raw: dict[str, Any],
        *,
        description: str = "",
        key: str | None = None,
        typed: bool = True,
    ) -> ir.Object:
        required, nullable = raw.get("required", ()), raw.get("nullable", ())
        fields = tuple(
            ir.Field(
                name,
                self.type(field, ir.DefId(def_id.nsid, f"{def_id.name}.{name}")),
                name in required,
                name in nullable,
                field.get("description", ""),
            )
            for name, field in raw.get("properties", {}).items()
        )
        return ir.Object(def_id, fields, description or raw.get("description", ""), key, typed)

    def type(self, raw: dict[str, Any], def_id: ir.DefId) -> ir.Type:
        """Convert a type; ``def_id`` names it if it is an inline object."""
        return getattr(self, f"_{raw['type'].replace('-', '_')}")(raw, def_id)  # type: ignore[no-any-return]

    def _boolean(self, raw: dict[str, Any], def_id: ir.DefId) -> ir.Type:
        return ir.Boolean(raw.get("const"), raw.get("default"))

    def _integer(self, raw: dict[str, Any], def_id: ir.DefId) -> ir.Type:
        return ir.Integer(
            raw.get("minimum"),
            raw.get("maximum"),
            raw.get("const"),
            _values(raw, "enum"),
            raw.get("default"),
        )

    def _string(self, raw: dict[str, Any], def_id: ir.DefId) -> ir.Type:
        return ir.String(
            raw.get("format"),
            raw.get("minLength"),
            raw.get("maxLength"),
            raw.get("minGraphemes"),
            raw.get("maxGraphemes"),
            raw.get("const"),
            _values(raw, "enum"),
            _values(raw, "knownValues"),
            raw.get("default"),
        )

    def _bytes(self, raw: dict[str, Any], def_id: ir.DefId) -> ir.Type:
        return ir.Bytes(raw.get("minLength"), raw.get("maxLength"))

    def _cid_link(self, raw: dict[str, Any], def_id: ir.DefId) -> ir.Type:
        return ir.Link()

    def _blob(self, raw: dict[str, Any], def_id: ir.DefId) -> ir.Type:
        return ir.Blob(_values(raw, "accept"), raw.get("maxSize"))

    def _unknown(self, raw: dict[str, Any], def_id: ir.DefId) -> ir.Type:
        return ir.Unknown()

    def _array(self, raw: dict[str, Any], def_id: ir.DefId) -> ir.Type:
        items = self.type(raw["items"], ir.DefId(def_id.nsid, f"{def_id.name}.item"))
        return ir.Array(items, raw.get("minLength"), raw.get("maxLength"))

    def _ref(self, raw: dict[str, Any], def_id: ir.DefId) -> ir.Type:
        target = resolve(raw["ref"], def_id.nsid)
        found = self._find(target)
        if found is None:
            return ir.Opaque(target.full)
        if found["type"] in _OBJECTS:
            return ir.Ref(target)
        if found["type"] == "token":
            return ir.String(const=target.full)
        return self.type(found, target)

    def _union(self, raw: dict[str, Any], def_id: ir.DefId) -> ir.Type:
        members = (resolve(reference, def_id.nsid) for reference in raw["refs"])
        known = tuple(member for member in members if self._find(member) is not None)
        # A member that is not in the catalog can't be refused: its objects are kept unread.
        closed = raw.get("closed", False) and len(known) == len(raw["refs"])
        return ir.Union(known, closed)

    def _find(self, def_id: ir.DefId) -> dict[str, Any] | None:
        document = self._documents.get(def_id.nsid)
        return None if document is None else document.value["defs"].get(def_id.name)

    def _object(self, raw: dict[str, Any], def_id: ir.DefId) -> ir.Type:
        # Not in the Lexicon language, but seen in the wild and in the official test documents.
        self._inline.append(self._object_definition(def_id, raw, typed=False))
        return ir.Ref(def_id)

    def _endpoint(self, def_id: ir.DefId, raw: dict[str, Any]) -> ir.Endpoint:
        parameters = None
        if "parameters" in raw:
            parameters = ir.DefId(def_id.nsid, f"{def_id.name}.params")
            self._inline.append(self._object_definition(parameters, raw["parameters"], typed=False))
        message = None
        if "schema" in raw.get("message", {}):
            message = self.type(
                raw["message"]["schema"], ir.DefId(def_id.nsid, f"{def_id.name}.message")
            )
        return ir.Endpoint(
            def_id,
            raw["type"],
            parameters,
            self._body(raw.get("input"), ir.DefId(def_id.nsid, f"{def_id.name}.input")),
            self._body(raw.get("output"), ir.DefId(def_id.nsid, f"{def_id.name}.output")),
            message,
            tuple((error["name"], error.get("description", "")) for error in raw.get("errors", ())),
            raw.get("description", ""),
        )

    def _body(self, raw: dict[str, Any] | None, def_id: ir.DefId) -> ir.Body | None:
        if raw is None:
            return None
        schema = self.type(raw["schema"], def_id) if "schema" in raw else None
        return ir.Body(raw["encoding"], schema, raw.get("description", ""))


def _values(raw: dict[str, Any], key: str) -> tuple[Any, ...] | None:
    return tuple(raw[key]) if key in raw else None


def _permission_set(def_id: ir.DefId, raw: dict[str, Any]) -> ir.PermissionSet:
    permissions = json.dumps(raw["permissions"], sort_keys=True, separators=(",", ":"))
    return ir.PermissionSet(
        def_id, raw.get("title", ""), raw.get("detail", ""), permissions, raw.get("description", "")
    )


def inner_types(kind: ir.Type) -> Iterator[ir.Type]:
    """A type, and the types of the items in it."""
    yield kind
    if isinstance(kind, ir.Array):
        yield from inner_types(kind.items)
