"""Schema records of other tools, read as atdata's. They are never written.

Their documents are JSON Schema too, in ``jsonSchema`` or ``schema``: a NumPy array is a reference
to a definition ``ndarray``, bytes are text in base64. A field that is not required may be None: it
is stored as such. The oldest ones list ``fields`` with types of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from atdata.atmosphere.records import StoredRecord
from atdata.atmosphere.repositories import Repositories, readable
from atdata.errors import RecordError, SchemaError
from atdata.samples.schema import canonical_text
from atdata_records import ValidationError
from atdata_records.ac.foundation.dataset.defs import JSON_SCHEMA
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

COLLECTIONS = (
    SampleSchema.NSID,
    "ac.foundation.dataset.schema",
    "science.alt.dataset.schema",
    "app.bsky.atdata.schema",
)
"""The collections in which schema records are found; atdata's first."""
_MOST_DEPTH = 32
# An array contains its dtype and shape. What schemas state about them was wrong at times
# (``uint8`` recorded as ``int8``), and must not make the data unreadable.
_ARRAY = {"x-atdata-type": "array"}
_BYTES = {"type": "string", "x-atdata-type": "bytes"}
_ANYTHING: dict[str, Any] = {}
_SCALARS = frozenset({"string", "integer", "number", "boolean"})
_PRIMITIVES = {
    "str": {"type": "string"}, "int": {"type": "integer"}, "float": {"type": "number"},
    "bool": {"type": "boolean"}, "bytes": _BYTES,
}  # fmt: skip


def read_schema(found: StoredRecord) -> SampleSchema:
    """Return a schema record of atdata or of another tool.

    Raises:
        RecordError: It has neither shape.
    """
    try:
        document = _document(found.value)
        return found.read(SampleSchema) if document is None else _record(found.value, document)
    except RecordError as error:
        error.uri = str(found.uri)
        raise


def published_schemas(
    repositories: Repositories, repo: str | None, limit: int | None = None
) -> Iterator[SampleSchema]:
    """Return the schemas of a repository, whichever tool published them; atdata's first.

    Arguments and warnings are those of :func:`atdata.atmosphere.repositories.readable`.
    """
    return readable(repositories, COLLECTIONS, repo, read_schema, limit)


def _record(value: Mapping[str, Any], document: dict[str, Any]) -> SampleSchema:
    try:
        return SampleSchema.from_dict(
            {
                "$type": SampleSchema.NSID,
                "name": value.get("name"),
                "version": value.get("version"),
                "schemaType": JSON_SCHEMA,
                "schema": {
                    "$type": f"{SampleSchema.NSID}#jsonSchemaFormat",
                    "text": canonical_text(document),
                },
                "createdAt": value.get("createdAt"),
            }
        )
    except ValidationError as error:
        issue = error.issues[0]
        raise RecordError(f"not a schema: {issue.message}", path=issue.path) from error
    except SchemaError as error:
        raise RecordError(f"not a schema: {error.message}", path="$.schema") from error


def _document(value: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the document of another tool, in atdata's keywords; None when there is none."""
    for name in ("jsonSchema", "schema"):
        theirs = value.get(name)
        if isinstance(theirs, Mapping) and isinstance(theirs.get("properties"), Mapping):
            return _translated(theirs, value.get("name"))
    if isinstance(value.get("fields"), list):
        return _listed(value["fields"], value.get("name"))
    return None


def _translated(theirs: Mapping[str, Any], name: Any) -> dict[str, Any]:
    required = theirs.get("required", [])
    required = required if isinstance(required, list) else []
    document = {
        "title": name,
        "type": "object",
        "properties": {
            field: _field(one) if field in required else _nullable(_field(one))
            for field, one in theirs["properties"].items()
        },
        "required": required,
        "x-atdata-order": list(theirs["properties"]),
        "x-atdata-keyword-only": list(theirs["properties"]),
    }
    if isinstance(text := theirs.get("description"), str):
        document["description"] = text
    return document


def _field(theirs: Any, depth: int = 0) -> dict[str, Any]:
    if not isinstance(theirs, Mapping) or depth > _MOST_DEPTH:
        return _ANYTHING
    if "$ref" in theirs:
        return _ARRAY if str(theirs["$ref"]).rpartition("/")[2] == "ndarray" else _ANYTHING
    options = _options(theirs)
    if options is not None:
        rest = [one for one in options if one != {"type": "null"}]
        if len(rest) != 1 or len(options) != 2:
            return _ANYTHING
        return _nullable(_field(rest[0], depth + 1))
    kind = theirs.get("type")
    if kind == "string" and (theirs.get("format") == "byte" or "contentEncoding" in theirs):
        return _BYTES
    if kind == "array":
        return {"type": "array", "items": _field(theirs.get("items"), depth + 1)}
    if kind == "object":
        return {"type": "object"}
    return {"type": kind} if isinstance(kind, str) and kind in _SCALARS else _ANYTHING


def _nullable(field: dict[str, Any]) -> dict[str, Any]:
    """Return the choice of a field and null; fields that allow null already stay."""
    return field if field == _ANYTHING or "anyOf" in field else {"anyOf": [field, {"type": "null"}]}


def _options(theirs: Mapping[str, Any]) -> list[Any] | None:
    """Return the choices of a union, however it is written; None for other fields."""
    for name in ("anyOf", "oneOf"):
        if isinstance(theirs.get(name), list):
            return list(theirs[name])
    kinds = theirs.get("type")
    if isinstance(kinds, list):
        return [{**theirs, "type": one} if one != "null" else {"type": "null"} for one in kinds]
    return None


def _listed(fields: list[Any], name: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required = []
    for number, field in enumerate(fields):
        if not isinstance(field, Mapping) or not isinstance(field.get("name"), str):
            raise RecordError("expected a field with a name", path=f"$.fields[{number}]")
        kind = _listed_kind(field.get("fieldType"))
        if field.get("optional"):
            kind = _nullable(kind)
        else:
            required.append(field["name"])
        properties[field["name"]] = kind
    return {
        "title": name,
        "type": "object",
        "properties": properties,
        "required": required,
        "x-atdata-order": list(properties),
        "x-atdata-keyword-only": list(properties),
    }


def _listed_kind(theirs: Any, depth: int = 0) -> dict[str, Any]:
    if not isinstance(theirs, Mapping) or depth > _MOST_DEPTH:
        return _ANYTHING
    kind = str(theirs.get("$type", "")).rpartition("#")[2]
    if kind == "ndarray":
        return _ARRAY
    if kind == "array":
        return {"type": "array", "items": _listed_kind(theirs.get("items"), depth + 1)}
    return _PRIMITIVES.get(str(theirs.get("primitive")), _ANYTHING)
