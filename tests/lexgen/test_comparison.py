"""The evolution table, row by row: what each change breaks, and what breaks nobody."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from lexgen import ir
from lexgen.catalog import load_files
from lexgen.changes import RULES
from lexgen.comparison import compare

RECORD: dict[str, Any] = {
    "lexicon": 1,
    "id": "org.example.thing",
    "defs": {
        "main": {
            "type": "record",
            "key": "any",
            "record": {
                "type": "object",
                "required": ["name"],
                "nullable": ["nothing"],
                "properties": {
                    "name": {"type": "string", "maxLength": 100, "minLength": 2},
                    "free": {"type": "string"},
                    "number": {"type": "integer", "minimum": 1, "maximum": 9},
                    "plain": {"type": "integer"},
                    "when": {"type": "string", "format": "datetime"},
                    "kind": {"type": "string", "enum": ["a", "b"]},
                    "hint": {"type": "string", "knownValues": ["a"], "default": "a"},
                    "fixed": {"type": "string", "const": "x"},
                    "nothing": {"type": "boolean"},
                    "open": {"type": "union", "refs": ["#one", "#two"]},
                    "closed": {"type": "union", "refs": ["#one", "#two"], "closed": True},
                    "part": {"type": "ref", "ref": "#one"},
                    "list": {"type": "array", "items": {"type": "integer"}, "maxLength": 5},
                    "file": {"type": "blob", "accept": ["a/b", "c/d"], "maxSize": 10},
                    "data": {"type": "bytes", "maxLength": 10},
                },
            },
        },
        "one": {"type": "object", "properties": {"a": {"type": "integer"}}},
        "two": {"type": "object", "properties": {"a": {"type": "integer"}}},
        "other": {"type": "object", "properties": {"a": {"type": "string"}}},
        "three": {"type": "object", "properties": {}},
        "token": {"type": "token"},
        "word": {"type": "string", "maxLength": 5},
    },
}
ENDPOINT: dict[str, Any] = {
    "lexicon": 1,
    "id": "org.example.ask",
    "defs": {
        "main": {
            "type": "procedure",
            "parameters": {"type": "params", "properties": {"limit": {"type": "integer"}}},
            "input": {
                "encoding": "application/json",
                "schema": {"type": "object", "properties": {"a": {"type": "integer"}}},
            },
            "output": {
                "encoding": "application/json",
                "schema": {
                    "type": "object",
                    "required": ["b"],
                    "properties": {"b": {"type": "integer"}, "c": {"type": "integer"}},
                },
            },
            "errors": [{"name": "Gone"}],
        }
    },
}

P = "defs.main.record.properties"
R = "defs.main.record"

# Where, what is put there (None removes it), and the rules that must be found: (rule, direction).
Row = tuple[str, Any, set[tuple[str, str | None]]]
ROWS: list[Row] = [
    # nothing
    (f"{P}.more", {"type": "integer"}, {("optional-field-added", None)}),
    (f"{P}.open.refs", ["#one", "#two", "#three"], {("open-union-member-added", None)}),
    (f"{P}.hint.knownValues", ["b", "c"], {("known-values", None)}),
    (f"{P}.hint.default", "b", {("default", None)}),
    (f"{P}.name.description", "A name.", {("description", None)}),
    ("defs.four", {"type": "object", "properties": {}}, {("definition-added", None)}),
    (f"{P}.part.ref", "#two", set()),
    # backward
    (f"{R}.required", ["name", "free"], {("field-now-required", "backward")}),
    (f"{P}.name.maxLength", 99, {("limit-tightened", "backward")}),
    (f"{P}.name.minLength", 3, {("limit-tightened", "backward")}),
    (f"{P}.name.maxGraphemes", 50, {("limit-tightened", "backward")}),
    (f"{P}.free.maxLength", 1000, {("limit-tightened", "backward")}),
    (f"{P}.number.minimum", 2, {("limit-tightened", "backward")}),
    (f"{P}.number.maximum", 8, {("limit-tightened", "backward")}),
    (f"{P}.list.maxLength", 4, {("limit-tightened", "backward")}),
    (f"{P}.list.items.minimum", 0, {("limit-tightened", "backward")}),
    (f"{P}.file.maxSize", 9, {("limit-tightened", "backward")}),
    (f"{P}.file.accept", ["a/b"], {("accept-narrowed", "backward")}),
    (f"{P}.data.minLength", 1, {("limit-tightened", "backward")}),
    (f"{P}.free.enum", ["x"], {("values-narrowed", "backward")}),
    (f"{P}.kind.enum", ["a"], {("values-narrowed", "backward")}),
    (f"{P}.plain.const", 4, {("values-narrowed", "backward")}),
    (f"{P}.free.format", "uri", {("format-added", "backward")}),
    (f"{R}.nullable", [], {("null-refused", "backward")}),
    (f"{P}.closed.refs", ["#one"], {("closed-union-member-removed", "backward")}),
    ("defs.word.maxLength", 4, {("limit-tightened", "backward")}),
    # forward
    (f"{R}.required", [], {("field-now-optional", "forward")}),
    (f"{P}.name.maxLength", 101, {("limit-loosened", "forward")}),
    (f"{P}.name.maxLength", None, {("limit-loosened", "forward")}),
    (f"{P}.number.minimum", 0, {("limit-loosened", "forward")}),
    (f"{P}.kind.enum", ["a", "b", "c"], {("values-widened", "forward")}),
    (f"{P}.kind.enum", None, {("values-widened", "forward")}),
    (f"{P}.fixed.const", None, {("values-widened", "forward")}),
    (f"{P}.when.format", None, {("format-dropped", "forward")}),
    (f"{R}.nullable", ["nothing", "free"], {("null-allowed", "forward")}),
    (f"{P}.file.accept", ["*/*"], {("accept-widened", "forward")}),
    (f"{P}.closed.refs", ["#one", "#two", "#three"], {("closed-union-member-added", "forward")}),
    # both
    (f"{P}.plain.type", "boolean", {("type", "both")}),
    (f"{P}.list.items.type", "string", {("type", "both")}),
    (f"{P}.when.format", "did", {("format-changed", "both")}),
    (f"{P}.fixed.const", "y", {("values-changed", "both")}),
    (f"{P}.open.closed", True, {("union-closed", "both")}),
    (f"{P}.closed.closed", False, {("union-opened", "both")}),
    ("defs.main.key", "tid", {("record-key", "both")}),
    ("defs.token", None, {("definition-removed", "both")}),
    ("defs.word", {"type": "token"}, {("definition-kind", "both")}),
    (f"{P}.part.ref", "#other", {("type", "both")}),
    (
        f"{P}.file.accept",
        ["a/b", "e/f"],
        {("accept-narrowed", "backward"), ("accept-widened", "forward")},
    ),
    # policy
    (f"{P}.open.refs", ["#one"], {("open-union-member-removed", "forbidden")}),
    (f"{P}.plain", None, {("optional-field-removed", "policy")}),
]
ENDPOINT_ROWS: list[Row] = [
    (
        "defs.main.parameters.properties.more",
        {"type": "integer"},
        {("optional-field-added", None)},
    ),
    ("defs.main.parameters.required", ["limit"], {("field-now-required", "backward")}),
    ("defs.main.input.encoding", "application/cbor", {("encoding", "both")}),
    ("defs.main.output.encoding", "application/cbor", {("encoding", "both")}),
    ("defs.main.output.schema.required", [], {("field-now-optional", "forward")}),
    ("defs.main.output.schema.properties.c", None, {("optional-field-removed", "policy")}),
    ("defs.main.errors", [{"name": "Left"}], {("error-removed", "forward"), ("error-added", None)}),
    ("defs.main.output", None, {("body-removed", "forward")}),
    ("defs.main.type", "query", {("definition-kind", "both")}),
]


def changed(document: dict[str, Any], where: str, value: Any) -> dict[str, Any]:
    copy = deepcopy(document)
    *way, last = where.split(".")
    place: Any = copy
    for step in way:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return copy


def catalog_of(document: dict[str, Any]) -> ir.Catalog:
    path = document["id"].replace(".", "/") + ".json"
    files = {path: json.dumps(document).encode()}
    return load_files(files, third_party=True).sound_catalog()


def found(old: dict[str, Any], new: dict[str, Any]) -> set[tuple[str, str | None]]:
    changes = compare(catalog_of(old), catalog_of(new))
    return {(change.rule, change.direction) for change in changes}


def _row_id(row: Any) -> str | None:
    return row if isinstance(row, str) else None


@pytest.mark.parametrize(("where", "value", "expected"), ROWS, ids=_row_id)
def test_row(where: str, value: Any, expected: set[tuple[str, str | None]]) -> None:
    assert found(RECORD, changed(RECORD, where, value)) == expected


@pytest.mark.parametrize(("where", "value", "expected"), ENDPOINT_ROWS, ids=_row_id)
def test_endpoint_row(where: str, value: Any, expected: set[tuple[str, str | None]]) -> None:
    new = changed(ENDPOINT, where, value)
    if value == "query":
        del new["defs"]["main"]["input"]
    assert found(ENDPOINT, new) == expected


def test_required_fields() -> None:
    new = changed(RECORD, f"{P}.fresh", {"type": "integer"})
    new["defs"]["main"]["record"]["required"] = ["name", "fresh"]
    assert found(RECORD, new) == {("required-field-added", "backward")}
    assert found(new, RECORD) == {("required-field-removed", "forward")}


def test_whole_lexicons() -> None:
    one = catalog_of(RECORD)
    files = {
        f"{d['id'].replace('.', '/')}.json": json.dumps(d).encode() for d in (RECORD, ENDPOINT)
    }
    both = load_files(files, third_party=True).sound_catalog()
    assert [change.rule for change in compare(one, both)] == ["lexicon-added"]
    assert [change.rule for change in compare(both, one)] == ["lexicon-removed"]


def test_the_same_catalog_has_no_changes() -> None:
    assert compare(catalog_of(RECORD), catalog_of(RECORD)) == []


def test_every_rule_is_found_by_some_row() -> None:
    rows = [rule for _, _, expected in (*ROWS, *ENDPOINT_ROWS) for rule, _ in expected]
    elsewhere = {
        *("required-field-added", "required-field-removed", "lexicon-added", "lexicon-removed"),
        *("body-added", "permissions"),
    }
    assert RULES.keys() <= {*rows, *elsewhere}
