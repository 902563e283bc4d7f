"""Every document rule, broken once each; and bad input of every kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexgen.catalog import load, load_files
from lexgen.document import DocumentError, parse
from lexgen.rules import RULES

LEXICONS = Path(__file__).parents[2] / "lexicons"


def lexicon(defs: Any, **more: Any) -> dict[str, Any]:
    return {"lexicon": 1, "id": "org.example.thing", "defs": defs, **more}


def holding(field: Any, **more: Any) -> dict[str, Any]:
    return lexicon({"one": {"type": "object", "properties": {"field": field}, **more}})


def record(key: str) -> dict[str, Any]:
    return lexicon({"main": {"type": "record", "key": key, "record": {"type": "object"}}})


BROKEN: list[tuple[str, Any]] = [
    ("document", []),
    ("document", lexicon({}, id="no nsid")),
    ("document", {**lexicon({"one": {"type": "token"}}), "lexicon": 2}),
    ("document", lexicon({})),
    ("keyword-missing", {"lexicon": 1, "id": "org.example.thing"}),
    ("def-name", lexicon({"1st": {"type": "token"}})),
    ("type", lexicon({"one": {"type": "float"}})),
    ("type", holding({"type": "token"})),
    ("type", holding({"type": ["string"]})),
    ("not-definable", lexicon({"one": {"type": "union", "refs": []}})),
    ("primary-not-main", lexicon({"one": {"type": "query"}})),
    ("keyword", holding({"type": "string", "maxlength": 5})),
    ("keyword", holding({"type": "string", "pattern": ".*"})),
    ("keyword-value", holding({"type": "string", "maxLength": -1})),
    ("keyword-value", holding({"type": "string", "enum": ["a", "a"]})),
    ("keyword-value", holding({"type": "boolean", "default": 1})),
    ("keyword-missing", holding({"type": "array"})),
    ("record-key", record("literal:no/key")),
    ("record-key", record("uuid")),
    (
        "property-name",
        lexicon({"one": {"type": "object", "properties": {"$x": {"type": "bytes"}}}}),
    ),
    ("required", holding({"type": "bytes"}, required=["other"])),
    ("required", holding({"type": "bytes"}, nullable=["other"])),
    ("const-and-default", holding({"type": "integer", "const": 1, "default": 1})),
    ("limits", holding({"type": "string", "minLength": 5, "maxLength": 4})),
    ("value", holding({"type": "integer", "maximum": 4, "default": 5})),
    ("value", holding({"type": "string", "maxLength": 2, "enum": ["abc"]})),
    ("value", holding({"type": "string", "format": "did", "const": "no did"})),
    ("value", holding({"type": "blob", "accept": ["everything"]})),
    ("format", holding({"type": "string", "format": "email"})),
    ("inline-object", holding({"type": "object", "properties": {}})),
    (
        "parameters",
        lexicon(
            {
                "main": {
                    "type": "query",
                    "parameters": {"type": "params", "properties": {"a": {"type": "bytes"}}},
                }
            }
        ),
    ),
    (
        "body",
        lexicon(
            {"main": {"type": "query", "output": {"encoding": "a/b", "schema": {"type": "bytes"}}}}
        ),
    ),
    ("ref-syntax", holding({"type": "ref", "ref": "a b"})),
    ("ref-unresolved", holding({"type": "ref", "ref": "#nowhere"})),
    ("ref-unresolved", holding({"type": "ref", "ref": "org.example.nowhere"})),
    (
        "ref-target",
        lexicon(
            {
                "one": {"type": "object", "properties": {"f": {"type": "union", "refs": ["#two"]}}},
                "two": {"type": "string"},
            }
        ),
    ),
    ("ref-cycle", lexicon({"one": {"type": "array", "items": {"type": "ref", "ref": "#one"}}})),
    ("closed-union", holding({"type": "union", "refs": [], "closed": True})),
    (
        "permissions",
        lexicon({"main": {"type": "permission-set", "permissions": [{"type": "permission"}]}}),
    ),
    (
        "name-collision",
        lexicon(
            {
                "one": {
                    "type": "object",
                    "properties": {"fooBar": {"type": "bytes"}, "foo_bar": {"type": "bytes"}},
                }
            }
        ),
    ),
    ("name-collision", lexicon({"thing": {"type": "object"}, "main": {"type": "object"}})),
]


def rules(content: bytes, path: str = "org/example/thing.json") -> set[str]:
    project = load_files({path: content})
    return {finding.rule for finding in project.findings if finding.severity == "error"}


@pytest.mark.parametrize(
    ("rule", "document"), BROKEN, ids=lambda row: row if isinstance(row, str) else ""
)
def test_rule(rule: str, document: Any) -> None:
    assert rules(json.dumps(document).encode()) == {rule}


def test_rules_about_files() -> None:
    good = json.dumps(lexicon({"one": {"type": "token"}})).encode()
    assert rules(good) == set()
    assert rules(good, "org/example/other.json") == {"file-path"}
    assert rules(b'{"lexicon": 1, "lexicon": 1}') == {"json"}
    both = load_files({"org/example/thing.json": good, "copy.json": good})
    assert {finding.rule for finding in both.findings} == {"file-path", "duplicate-id"}


def test_every_rule_is_broken_once() -> None:
    assert RULES.keys() == {rule for rule, _ in BROKEN} | {"json", "file-path", "duplicate-id"}


def test_findings_have_a_place() -> None:
    document = {"lexicon": 1, "id": "org.example.thing", "defs": {"a b": {"type": "token"}}}
    text = json.dumps(document, indent=2)
    (finding,) = load_files({"org/example/thing.json": text.encode()}, "lexicons").findings
    assert str(finding) == (
        "lexicons/org/example/thing.json:5:5: error: "
        "'a b' is not a name for a definition [def-name]"
    )


def test_what_other_people_may_do_is_a_warning() -> None:
    document = holding({"type": "object", "properties": {}, "pattern": "x"})
    path = "elsewhere.json"
    project = load_files({path: json.dumps(document).encode()}, third_party=True)
    assert {finding.severity for finding in project.findings} == {"warning"}
    assert project.catalog is not None


def test_our_lexicons_are_sound() -> None:
    assert load(LEXICONS).findings == ()


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'"' + b"x" * (5 * 1024 * 1024) + b'"',
        b"1" * 100,
        b'{"a": 1, "a": 2}',
        b'"\\ud800"',
        b"\xff",
        b"",
        b"{} {}",
        b"[1 2]",
        b"NaN",
    ],
    ids=range(11),
)
def test_bombs_are_refused(text: bytes) -> None:
    with pytest.raises(DocumentError):
        parse(text, "bomb.json")


_SOURCES = [path.read_bytes() for path in sorted(LEXICONS.rglob("*.json"))]
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, item in items:
        found.append((*at, key))
        if isinstance(item, dict | list):
            found += places(item, (*at, key))
    return found


@settings(max_examples=2_500)
@given(st.sampled_from(_SOURCES), st.data())
def test_documents_with_one_value_replaced(source: bytes, data: st.DataObject) -> None:
    document = json.loads(source)
    way = data.draw(st.sampled_from(places(document)))
    place = document
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = data.draw(_VALUES)
    project = load_files({"a.json": json.dumps(document).encode()}, third_party=True)
    assert (project.catalog is None) == any(f.severity == "error" for f in project.findings)


@settings(max_examples=2_500)
@given(st.sampled_from(_SOURCES), st.data())
def test_documents_with_flipped_bytes(source: bytes, data: st.DataObject) -> None:
    broken = bytearray(source)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    project = load_files({"a.json": bytes(broken)}, third_party=True)
    assert (project.catalog is None) == any(f.severity == "error" for f in project.findings)
