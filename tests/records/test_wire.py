"""orjson and cbrrr change nothing but the time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cbrrr
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atdata_records import ValidationError, dag_cbor, mutations, strategies, wire
from atdata_records.ac.foundation.dataset.record import Record

RECORD = "ac.foundation.dataset.record"


@contextmanager
def standard_library_only() -> Iterator[None]:
    found, wire.optional = wire.optional, lambda name: None
    try:
        yield
    finally:
        wire.optional = found


def outcome(run: Callable[[], Any]) -> Any:
    """What a call returns, or the issues it raises."""
    try:
        return run()
    except ValidationError as error:
        return [str(issue) for issue in error.issues]


def both(run: Callable[[], Any]) -> Any:
    """The outcome, which is the same with and without the quick libraries."""
    quick = outcome(run)
    with standard_library_only():
        assert outcome(run) == quick
    return quick


def test_the_quick_libraries_are_there() -> None:
    assert wire.optional("orjson") is orjson
    assert wire.optional("cbrrr") is cbrrr
    assert wire.optional("no_such_module") is None


@settings(max_examples=200)
@given(strategies.valid_objects(RECORD))
def test_valid_records(record: Any) -> None:
    text, data = both(record.to_json), both(record.to_cbor)
    assert both(lambda: Record.from_json(text)) == record
    assert both(lambda: Record.from_cbor(data)) == record
    assert both(record.cid).startswith("bafyrei")


@settings(max_examples=300)
@given(mutations.invalid(RECORD))
def test_invalid_records(case: mutations.Invalid) -> None:
    text = json.dumps(case.record)
    assert isinstance(both(lambda: Record.from_json(text)), list)
    try:
        data = cbrrr.encode_dag_cbor(case.record)
    except (ValueError, TypeError):
        return
    assert isinstance(both(lambda: Record.from_cbor(data)), list)


BASE = (
    '"name":"a","schemaRef":"at://a.test","createdAt":"2024-01-01T00:00:00Z",'
    '"storage":{"$type":"x.y.z"},"$type":"ac.foundation.dataset.record"'
)


@pytest.mark.parametrize(
    "more",
    [
        '"size":1',
        '"size":1.0',
        '"size":1e2',
        '"size":1.5',
        '"size":-0',
        '"size":18446744073709551616',
        '"x":1e400',
        '"x":"\\ud800"',
        '"x":"\\u00e9"',
        '"x":1,"x":2',
        '"x":{"y":1,"y":1}',
        '"x":[1, 2]',
        '"x":{"$bytes":"AA=="}',
        '"x":' + "[" * 40 + "]" * 40,
        '"x":' + "[" * 2000 + "]" * 2000,
    ],
    ids=range(15),
)
def test_json_that_libraries_read_differently(more: str) -> None:
    text = f"{{{BASE},{more}}}"
    assert both(lambda: Record.from_json(text)) is not None
    assert both(lambda: Record.from_json(text.encode())) is not None


@settings(max_examples=1_000)
@given(st.lists(st.tuples(st.integers(0, 1_000), st.integers(0, 255)), max_size=3))
def test_flipped_bytes(flips: list[tuple[int, int]]) -> None:
    text, data = (bytearray(part) for part in (f"{{{BASE}}}".encode(), b""))
    data[:] = dag_cbor.encode(json.loads(f"{{{BASE}}}"))
    for place, byte in flips:
        text[place % len(text)] = byte
        data[place % len(data)] = byte
    both(lambda: Record.from_json(bytes(text)))
    both(lambda: Record.from_cbor(bytes(data)))


@pytest.mark.parametrize("value", [0.5, 2**63, 2**64, -(2**63) - 1, {"a": [1.0]}])
def test_cbor_that_the_data_model_has_not(value: Any) -> None:
    assert both(lambda: Record._parsed(wire.write_cbor({"x": value})))[0].startswith("$: ")


def test_text_that_looks_like_a_float_in_cbor() -> None:
    value = {"x": ";é;\u0080", "y": b"\xfb\x1b\xff"}
    assert both(lambda: wire.write_cbor(value)) == cbrrr.encode_dag_cbor(value)
