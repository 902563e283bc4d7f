from __future__ import annotations

import enum
from dataclasses import field
from typing import Annotated, Any

import jsonschema
import numpy as np
import pytest
from numpy.typing import NDArray

import atdata
from atdata.errors import SchemaError
from atdata.samples.to_schema import schema_document


class Color(enum.StrEnum):
    """Of the light."""

    RED = "red"
    ROUGE = "red"
    BLUE = "blue"


@atdata.packable
class Node:
    value: int
    children: list[Node] = field(default_factory=list)
    color: Color = Color.BLUE


@atdata.packable
class Sample:
    """A sample.

    Of two lines.
    """

    features: Annotated[NDArray[np.float32], "what was measured"]
    image: np.ndarray[tuple[int, int], np.dtype[np.uint8]]
    caption: Annotated[str, atdata.Member("txt"), "what it shows"]
    label: int = 3


def test_the_whole_document() -> None:
    assert schema_document(Sample) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sample",
        "description": "A sample.\n\nOf two lines.",
        "type": "object",
        "properties": {
            "features": {
                "x-atdata-type": "array",
                "x-atdata-dtype": "float32",
                "description": "what was measured",
            },
            "image": {
                "x-atdata-type": "array",
                "x-atdata-dtype": "uint8",
                "x-atdata-shape": [None, None],
            },
            "caption": {
                "type": "string",
                "x-atdata-member": "txt",
                "description": "what it shows",
            },
            "label": {"type": "integer", "default": 3},
        },
        "required": ["features", "image", "caption"],
        "x-atdata-order": ["features", "image", "caption", "label"],
    }


def test_classes_that_hold_themselves_are_referred_to() -> None:
    document = schema_document(Node)
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["properties"]["children"] == {
        "type": "array",
        "items": {"$ref": "#"},
        "default": [],
    }
    assert document["$defs"]["Color"] == {
        "title": "Color",
        "description": "Of the light.",
        "enum": ["red", "red", "blue"],
        "x-atdata-members": ["RED", "ROUGE", "BLUE"],
        "x-atdata-base": "StrEnum",
    }


def test_classes_of_one_name_are_kept_apart() -> None:
    def inner(annotation: Any) -> type:
        return atdata.packable(type("Inner", (), {"__annotations__": {"value": annotation}}))

    fields = {"a": inner(int), "b": inner(str), "c": inner(str)}
    document = schema_document(atdata.packable(type("Outer", (), {"__annotations__": fields})))
    assert list(document["$defs"]) == ["Inner", "Inner_2", "Inner_3"]
    assert {definition["title"] for definition in document["$defs"].values()} == {"Inner"}


def test_defaults_that_json_can_not_say_make_required_fields() -> None:
    @atdata.packable
    class Defaults:
        plain: int = 1
        nan: float = float("nan")
        data: bytes = b"x"
        array: NDArray = field(default_factory=lambda: np.zeros(3))
        called: list[int] = field(default_factory=lambda: [1, 2])
        node: Node = field(default_factory=lambda: Node(1))
        last: str = "a"

    document = schema_document(Defaults)
    assert document["required"] == ["nan", "data", "array", "called", "node"]
    # Others could not declare them after ``plain`` by position.
    assert document["x-atdata-keyword-only"] == document["required"]


def test_factories_are_not_called() -> None:
    def factory() -> int:
        pytest.fail("called")

    @atdata.packable
    class Random:
        value: int = field(default_factory=factory)

    assert schema_document(Random)["required"] == ["value"]


def test_unknown_fields_are_refused_by_the_document_too() -> None:
    @atdata.packable(unknown_fields="refuse")
    class Strict:
        value: int

    assert schema_document(Strict)["additionalProperties"] is False


def test_a_default_that_does_not_fit_is_a_clear_error() -> None:
    @atdata.packable
    class Wrong:
        value: int = None  # type: ignore[assignment]

    with pytest.raises(SchemaError, match=r"Wrong\.value.*NoneType"):
        schema_document(Wrong)


def test_the_docstring_that_dataclass_writes_is_no_description() -> None:
    assert Node.__doc__ is not None
    assert "description" not in schema_document(Node)


def test_documents_are_new_each_time() -> None:
    schema_document(Sample)["properties"].clear()
    assert schema_document(Sample)["properties"]


def test_classes_of_odd_names_have_no_schema() -> None:
    odd = atdata.packable(type("not a name", (), {"__annotations__": {"value": int}}))
    with pytest.raises(SchemaError, match="name"):
        schema_document(odd)
