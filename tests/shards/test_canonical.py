from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import ManifestError
from atdata.shards.canonical import canonical_json, parse_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)


@given(JSON)
def test_what_is_written_is_read_and_written_the_same(value: Any) -> None:
    data = canonical_json(value)
    assert parse_json(data, limit=len(data)) == value == json.loads(data)
    assert canonical_json(parse_json(data, limit=len(data))) == data


@given(st.dictionaries(TEXT, st.integers(), min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


def test_the_spelling() -> None:
    value = {"b": [1, True, None], "a": "ä\n", "\u2028": {}}
    assert canonical_json(value) == '{"a":"ä\\n","b":[1,true,null],"\u2028":{}}'.encode()
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(float("nan"))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "JSON_INVALID"),
        (b"{", "JSON_INVALID"),
        (b"\xff", "JSON_INVALID"),
        (b"\xef\xbb\xbf{}", "JSON_INVALID"),
        (b"1.0", "JSON_INVALID"),
        (b"1e3", "JSON_INVALID"),
        (b"[NaN]", "JSON_INVALID"),
        (b"-Infinity", "JSON_INVALID"),
        (b"{} {}", "JSON_INVALID"),
        (b"[" * 100_000, "JSON_INVALID"),
        (b"9" * 10_000, "JSON_INVALID"),
        (b'{"a":1,"a":1}', "JSON_DUPLICATE_KEY"),
        (b'{"x":{"a":1,"b":2,"\\u0061":3}}', "JSON_DUPLICATE_KEY"),
    ],
)
def test_nothing_is_let_pass(data: bytes, code: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_json(data, limit=1 << 20)
    assert caught.value.code == code


def test_length_is_bounded() -> None:
    assert parse_json(b"[1]", limit=3) == [1]
    with pytest.raises(ManifestError, match="more than 2 bytes"):
        parse_json(b"[1]", limit=2)
