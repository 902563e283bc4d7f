from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.base.metadata import metadata_text
from atdata.errors import EntryError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(st.dictionaries(st.text(), PLAIN, max_size=5))
def test_json_comes_back_as_it_was(metadata: dict[str, Any]) -> None:
    assert json.loads(metadata_text(metadata)) == metadata


def test_the_order_of_keys_does_not_matter() -> None:
    assert (
        metadata_text({"b": 1, "a": {"d": 0.5, "c": [1]}}) == '{"a": {"c": [1], "d": 0.5}, "b": 1}'
    )


def test_tuples_are_lists() -> None:
    assert metadata_text({"shape": (3, 4)}) == '{"shape": [3, 4]}'


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ({"a": {"b": [1, {1, 2}]}}, "$.a.b[1]"),
        ({"a": np.float32(1)}, "$.a"),
        ({"a": float("nan")}, "$.a"),
        ({"a": [float("inf")]}, "$.a[0]"),
        ({"a": b"bytes"}, "$.a"),
        ({"a": {1: 2}}, "$.a"),
        ([1], "$"),
        ("text", "$"),
    ],
)
def test_what_is_not_json_raises_with_its_place(metadata: Any, path: str) -> None:
    with pytest.raises(EntryError) as caught:
        metadata_text(metadata)
    assert caught.value.path == path


def test_what_contains_itself_is_refused() -> None:
    metadata: dict[str, Any] = {}
    metadata["self"] = metadata
    with pytest.raises(EntryError, match="levels deep"):
        metadata_text(metadata)
