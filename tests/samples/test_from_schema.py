from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import atdata
from atdata.errors import SampleError, SchemaError
from atdata.samples.fields import fields_of
from atdata.samples.from_schema import type_from_document
from atdata.samples.to_schema import describe, schema_document

HOSTILE = [
    '"""',
    "{{ x }}",
    "{% raw %}",
    "a\nb",
    "a\rimport os",
    "__import__('os').system('true')",
    "__class__",
    "__init__",
    "__reduce__",
    "__atdata_codec__",
    "a b",
    "",
    "../../x",
    "a;b",
    "class",
    "lambda",
    "x" * 1_000,
    "ﬁeld",
    "\x00",
    "\u202egnp",
]
METHODS = ["packed", "as_wds", "from_bytes", "from_data"]


def document(**fields: Any) -> dict[str, Any]:
    return {
        "title": "Sample",
        "type": "object",
        "properties": fields or {"label": {"type": "integer"}},
        "required": list(fields or ["label"]),
    }


def with_enum(**changes: Any) -> dict[str, Any]:
    color = {"title": "Color", "enum": ["r", "b"], "x-atdata-members": ["R", "B"]} | changes
    return document(color={"$ref": "#/$defs/Color"}) | {"$defs": {"Color": color}}


def test_a_type_works_as_one_that_was_written() -> None:
    sample_type: Any = type_from_document(
        document(
            features={"x-atdata-type": "array", "x-atdata-dtype": "float32"},
            label={"type": "integer"},
        )
    )
    sample = sample_type(np.ones(3, "f4"), label=2)
    assert sample_type.from_bytes(sample.packed) == sample
    assert repr(sample).startswith("Sample(features=array([1., 1., 1.]")
    assert issubclass(sample_type, atdata.PackableSample)
    with pytest.raises(SampleError, match="float64"):
        _ = sample_type(np.ones(3), label=2).packed


def test_equal_documents_give_one_class_and_others_another() -> None:
    one = type_from_document(document(a={"type": "integer"}))
    assert type_from_document(document(a={"type": "integer"})) is one
    assert type_from_document(document(a={"type": "string"})) is not one
    assert type_from_document(document(a={"type": "integer"}), name="Other").__name__ == "Other"


def test_the_class_remembers_its_document_with_what_it_does_not_understand() -> None:
    foreign = document(a={"type": "integer", "minimum": 0.5, "title": "an A"})
    assert schema_document(type_from_document(foreign)) == foreign


def test_fields_that_may_be_absent_are_none_then() -> None:
    foreign = document(a={"type": "integer"}, b={"type": "string"}) | {"required": ["a"]}
    sample_type: Any = type_from_document(foreign)
    assert sample_type.from_data({"a": 1}) == sample_type(1, None)


def test_containers_as_defaults_are_made_anew() -> None:
    fields = {"a": {"type": "array", "items": {"type": "integer"}, "default": [1]}}
    sample_type: Any = type_from_document(document(**fields) | {"required": []})
    sample_type().a.append(2)
    assert sample_type().a == [1]


def test_enums_are_made_with_their_base() -> None:
    numbers = with_enum(enum=[1, 2], **{"x-atdata-base": "IntEnum", "description": "of the light"})
    color: Any = type_from_document(numbers).__annotations__["color"]
    assert (color.R, color.B, color.__doc__) == (1, 2, "of the light")


def test_samples_and_their_enums_can_be_pickled_and_copied() -> None:
    sample_type: Any = type_from_document(with_enum())
    sample = sample_type.from_data({"color": "r"})
    assert pickle.loads(pickle.dumps(sample)) == sample
    assert copy.deepcopy(sample) == sample
    assert pickle.loads(pickle.dumps(sample.color)) is sample.color


def test_subclasses_of_such_types_are_classes_as_any_other() -> None:
    assert pickle.loads(pickle.dumps(Derived)) is Derived
    assert Derived(3).twice() == 6


class Derived(type_from_document(document(label={"type": "integer"}))):  # type: ignore[misc]
    def twice(self) -> int:
        return 2 * self.label  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused_everywhere(name: str) -> None:
    for hostile in (
        document(**{name: {"type": "integer"}}),
        document() | {"title": name},
        document(a={"$ref": "#/$defs/A"}) | {"$defs": {"A": document() | {"title": name}}},
        with_enum(title=name),
        with_enum(**{"x-atdata-members": [name, "B"]}),
        document(a={"x-atdata-type": "array", "x-atdata-dtype": name}),
        with_enum(**{"x-atdata-base": name}),
    ):
        with pytest.raises(SchemaError):
            type_from_document(hostile)
    with pytest.raises(SchemaError):
        type_from_document(document(), name=name)


@pytest.mark.parametrize("name", METHODS)
def test_fields_may_not_hide_methods(name: str) -> None:
    with pytest.raises(SchemaError, match="method"):
        type_from_document(document(**{name: {"type": "integer"}}))


@pytest.mark.parametrize("name", ["mro", "_missing_", "_generate_next_value_", "__class__", "_x"])
def test_members_may_not_change_their_enum(name: str) -> None:
    with pytest.raises(SchemaError):
        type_from_document(with_enum(**{"x-atdata-members": [name, "B"]}))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_descriptions_and_values_are_plain_text(text: str) -> None:
    sample_type: Any = type_from_document(
        document(
            a={"type": "string", "default": text, "description": text},
            b={"enum": [text], "default": text},
        )
        | {"description": text}
    )
    assert sample_type.__doc__ == text
    assert sample_type().a == sample_type().b == text
    assert sample_type.from_bytes(sample_type().packed) == sample_type()


@pytest.mark.parametrize(
    "kind",
    [
        3,
        None,
        [],
        False,
        {"type": "null"},
        {"type": ["string", "null"]},
        {"type": "number", "x-atdata-type": 3, "default": "x"},
        {"x-atdata-type": "tensor"},
        {"x-atdata-type": ["array"]},
        {"x-atdata-type": "array", "x-atdata-dtype": "object"},
        {"x-atdata-type": "array", "x-atdata-dtype": 3},
        {"x-atdata-type": "array", "x-atdata-shape": 3},
        {"x-atdata-type": "array", "x-atdata-shape": [-1]},
        {"x-atdata-type": "array", "x-atdata-shape": [True]},
        {"x-atdata-type": "array", "x-atdata-shape": [2**63]},
        {"x-atdata-type": "array", "x-atdata-shape": [1] * 40},
        {"$ref": "#/$defs/Missing"},
        {"$ref": "https://example.com/schema"},
        {"$ref": 3},
        {"$ref": ["#"]},
        {"anyOf": []},
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {"anyOf": [{"type": "null"}, {"type": "null"}]},
        {"anyOf": "x"},
        {"enum": []},
        {"enum": [None]},
        {"enum": [[1]]},
        {"enum": [0.5]},
        {"enum": "abc"},
        {"type": "array", "prefixItems": []},
        {"type": "array", "prefixItems": 3},
        {"type": "object", "properties": {"a": {}}},
        {"type": "integer", "default": "3"},
        {"type": "integer", "default": 2**64},
        {"x-atdata-type": "array", "default": "x"},
        {"$ref": "#", "default": {}},
        {"type": "array", "items": {"$ref": "#"}, "default": [{}]},
        {"type": "string", "description": 3},
        {"type": "string", "x-atdata-member": None},
        {"type": "string", "x-atdata-member": 3},
        {"type": "string", "x-atdata-member": ["txt"]},
        {"type": "string", "x-atdata-member": ""},
        {"type": "string", "x-atdata-member": "TXT"},
        {"type": "string", "x-atdata-member": "../txt"},
        {"type": "string", "x-atdata-member": "a\nb"},
        {"type": "string", "x-atdata-member": "pyd"},
        {"type": "string", "x-atdata-member": "x" * 1_000},
    ],
    ids=str,
)
def test_kinds_that_are_none_are_refused(kind: Any) -> None:
    with pytest.raises(SchemaError):
        type_from_document(document(a=kind))


@pytest.mark.parametrize(
    "changes",
    [
        {"title": None},
        {"title": ["x"]},
        {"type": "array"},
        {"properties": []},
        {"required": "label"},
        {"required": ["other"]},
        {"required": [["label"]]},
        {"x-atdata-order": ["label", "label"]},
        {"x-atdata-order": ["other"]},
        {"x-atdata-keyword-only": {"label": True}},
        {"$defs": []},
        {"$defs": {"A": 3}},
        {"$defs": {"A": {"type": "object"}}},
        {"description": b"bytes"},
        {"description": {}},
    ],
    ids=str,
)
def test_documents_of_no_class_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SchemaError):
        type_from_document(document() | changes)


def test_fields_have_the_members_of_the_document() -> None:
    caption = {"type": "string", "x-atdata-member": "txt"}
    optional = {"type": "integer", "x-atdata-member": "note.txt"}
    made = type_from_document(document(caption=caption, note=optional) | {"required": ["caption"]})
    assert [field.member for field in fields_of(made)] == ["txt", "note.txt"]
    assert type_from_document(describe(made)) is not made
    assert describe(made)["properties"]["caption"] == caption


def test_two_fields_of_one_member_are_refused() -> None:
    twice = {"type": "string", "x-atdata-member": "txt"}
    with pytest.raises(SchemaError, match="both the member 'txt'"):
        type_from_document(document(a=twice, b=twice))


def test_required_fields_after_optional_ones_are_refused() -> None:
    fields = {"a": {"type": "integer", "default": 1}, "b": {"type": "integer"}}
    with pytest.raises(SchemaError, match="default"):
        type_from_document(document(**fields))


def test_sizes_are_bounded() -> None:
    many = {f"field_{number}": {"type": "integer"} for number in range(1_001)}
    with pytest.raises(SchemaError, match="fields"):
        type_from_document(document(**many))
    classes = {f"C{number}": document() | {"title": f"C{number}"} for number in range(101)}
    with pytest.raises(SchemaError, match="classes"):
        type_from_document(document() | {"$defs": classes})
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"type": "array", "items": deep}
    with pytest.raises(SchemaError, match="deeper"):
        type_from_document(document(a=deep))


WORDS = [
    "title", "type", "object", "array", "string", "integer", "properties", "required", "items",
    "default", "enum", "anyOf", "$ref", "#", "$defs", "#/$defs/A", "A", "a", "null", "prefixItems",
    "x-atdata-type", "x-atdata-dtype", "x-atdata-shape", "x-atdata-order", "x-atdata-members",
    "x-atdata-base", "x-atdata-keyword-only", "additionalProperties", "float32", "bytes", "tuple",
    "description",
]  # fmt: skip
NOISE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(st.sampled_from(WORDS), NOISE), st.dictionaries(st.sampled_from("ab"), NOISE)
)
def test_documents_of_any_form_give_a_type_or_a_schema_error(
    changes: dict[str, Any], fields: dict[str, Any]
) -> None:
    try:
        sample_type = type_from_document(document(**fields) | changes)
    except SchemaError:
        return
    assert issubclass(sample_type, atdata.PackableSample)
