"""A schema costs what its size costs, to read and to read samples with."""

from __future__ import annotations

from typing import Any

import pytest

from atdata.errors import SchemaError
from atdata.samples.from_schema import type_from_document

from .measure import cost

_SETUP = """
import json, msgpack
from atdata.samples.from_schema import type_from_document
type_from_document({"title": "Warm", "type": "object", "properties": {"a": {"type": "string"}}})
"""


def document(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"title": "Sample", "type": "object", "properties": properties, **more}


def enum(values: list[Any]) -> dict[str, Any]:
    names = [f"M{number}" for number in range(len(values))]
    return {"title": "E", "enum": values, "x-atdata-members": names}


COLLIDING = [number * (2**61 - 1) for number in range(1, 19_000)]
INTEGER = {"type": "integer"}
BOMBS = {
    "fields of many classes": document(
        {"a": INTEGER},
        **{
            "$defs": {
                f"C{n}": {**document({f"f{m}": INTEGER for m in range(900)}), "title": f"C{n}"}
                for n in range(40)
            }
        },
    ),
    "integers that hash alike": document({"a": {"enum": COLLIDING}}),
    "an enum of them": document(
        {"a": {"$ref": "#/$defs/E"}}, **{"$defs": {"E": enum(COLLIDING[:12_000])}}
    ),
    "many values": document({"a": {"enum": list(range(90_000))}}),
    "many values in many places": document(
        {f"a{n}": {"enum": list(range(9_000))} for n in range(10)}
    ),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_schema_is_bounded(bomb: dict[str, Any]) -> None:
    taken = cost(
        "type_from_document(arguments['document'])", setup=_SETUP, arguments={"document": bomb}
    )
    taken.assert_bounded()
    assert taken.error
    assert taken.error[0] == "SchemaError"


@pytest.mark.parametrize("kind", ["literal", "enum"])
def test_values_are_looked_up(kind: str) -> None:
    values = [f"v{number}" for number in range(30_000)]
    schema: dict[str, Any] = document(
        {"a": {"type": "array", "items": {"enum": values[:20_000]}}}, required=["a"]
    )
    if kind == "enum":
        schema["properties"]["a"]["items"] = {"$ref": "#/$defs/E"}
        schema["$defs"] = {"E": enum(values[:10_000])}
    taken = cost(
        "sample = sample_type.from_bytes(data)\nresult(len(sample.a))",
        setup=_SETUP
        + "sample_type = type_from_document(arguments['document'])\n"
        + "data = msgpack.packb({'a': ['v9999'] * 150_000})",
        arguments={"document": schema},
    )
    assert taken.answer == 150_000
    taken.assert_bounded()


def test_honest_schemas_are_read() -> None:
    wide = {f"f{number}": {"type": "integer"} for number in range(900)}
    labels = [f"label {number}" for number in range(21_841)]
    sample_type: Any = type_from_document(
        document({**wide, "label": {"enum": labels}, "n": {"enum": [-(2**63), 2**64 - 1]}})
    )
    sample = sample_type(label="label 21840", n=2**64 - 1)
    assert sample_type.from_bytes(sample.packed).label == "label 21840"
    with pytest.raises(SchemaError, match="64 bits"):
        type_from_document(document({"n": {"enum": [2**64]}}))


def test_one_is_not_true() -> None:
    sample_type: Any = type_from_document(document({"a": {"enum": [1, "x"]}}, required=["a"]))
    assert sample_type.from_bytes(sample_type(a=1).packed).a == 1
    for other in (True, 1.0, [1], {"x": 1}, None):
        with pytest.raises(ValueError, match="expected one of"):
            _ = sample_type(a=other).packed
