from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import SchemaError
from atdata.samples import canonical
from atdata.samples.canonical import canonical_text, parse_document

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('abc"é\n'), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text('abc"é\n'), JSON))
def test_documents_come_back(document: dict[str, object]) -> None:
    assert parse_document(canonical_text(document)) == document


@given(st.dictionaries(st.text('abc"é\n'), JSON))
def test_the_order_of_keys_does_not_matter(document: dict[str, object]) -> None:
    backwards = dict(reversed(document.items()))
    assert canonical_text(backwards) == canonical_text(document)


def test_the_text_is_sorted_and_has_no_spaces() -> None:
    assert canonical_text({"b": [1, 0.5], "a": "é"}) == '{"a":"é","b":[1,0.5]}'


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), b"bytes", object(), {1: 2, "a": 3}, "\ud800"]
)
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(SchemaError):
        canonical_text({"a": value})


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "3", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100_000, "9" * 5_000, "{} {}"],
    ids=lambda text: text[:20],
)
def test_texts_that_hold_no_object_are_refused(text: str) -> None:
    with pytest.raises(SchemaError):
        parse_document(text)


def test_depth_is_bounded() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(SchemaError):
        canonical_text({"a": deep})


def test_size_is_bounded() -> None:
    fits = {"a": "x" * (canonical.MAX_TEXT - len('{"a":""}'))}
    assert len(canonical_text(fits)) == canonical.MAX_TEXT
    with pytest.raises(SchemaError, match="larger"):
        canonical_text({"a": fits["a"] + "x"})
    with pytest.raises(SchemaError, match="larger"):
        parse_document(json.dumps({"a": fits["a"] + "x"}))


def test_a_document_is_bounded_in_bytes_not_in_characters() -> None:
    text = '{"a": "%s"}'
    assert parse_document(text % ("é" * 249_000))
    with pytest.raises(SchemaError, match="larger than 500000 bytes"):
        parse_document(text % ("é" * 251_000))
