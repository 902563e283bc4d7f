"""The committed test vectors and JSON Schema, as somebody in another language would use them."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

import atdata_records
from atdata_records import strategies

GENERATED = Path(__file__).parents[2] / "generated"
FILES = sorted((GENERATED / "vectors").glob("*.json"))
SCHEMA = json.loads((GENERATED / "jsonschema" / "records.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

# What JSON Schema can't express, or expresses as a wider bound: see the bundle's description.
NOT_IN_SCHEMA = {"max-length", "max-graphemes", "float", "blob", "format"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_vectors(path: Path) -> None:
    content: dict[str, Any] = json.loads(path.read_text())
    for case in content["valid"]:
        record = atdata_records.parse(case["record"])
        assert record.to_cbor() == b64decode(case["cbor"]), case["name"]
        assert record.cid() == case["cid"], case["name"]  # type: ignore[attr-defined]
        assert record.to_dict() == case["record"]
        VALIDATOR.validate(case["record"])
    for case in content["invalid"]:
        issues = atdata_records.check(case["record"])
        found = {(issue.path, issue.code) for issue in issues}
        expected = case["issue"]
        assert (expected["path"], expected["code"]) in found, (case["name"], issues)
        if expected["code"] not in NOT_IN_SCHEMA:
            assert not VALIDATOR.is_valid(case["record"]), case["name"]
    assert len(content["valid"]) >= 5
    assert len(content["invalid"]) >= 20


def test_there_are_vectors_of_every_record() -> None:
    from atdata_records.registry import RECORDS

    assert {path.stem for path in FILES} == RECORDS


@settings(max_examples=100)
@given(strategies.valid("ac.foundation.dataset.record"))
def test_the_schema_accepts_what_is_valid(record: dict[str, Any]) -> None:
    VALIDATOR.validate(record)


def test_the_bundle_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert "graphemes" in SCHEMA["description"]
    assert "x-lexicon-maxGraphemes" in json.dumps(SCHEMA)
