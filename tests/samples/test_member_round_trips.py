"""What is written as a member is read back: every kind of field, in every extension that fits."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from atdata.errors import SampleError, SchemaError
from atdata.samples.annotations import kind_of
from atdata.samples.arrays import to_npy
from atdata.samples.cbor import cbor_bytes, parse_cbor
from atdata.samples.contents import content_for
from atdata.samples.dict_sample import DictSample
from atdata.samples.json_text import json_bytes, parse_json
from atdata.samples.kinds import Nullable
from atdata.samples.members import member_codec
from atdata.samples.npz import npz_bytes, parse_npz

from .strategies import TEXT, Case, Choice, arrays, cases, choices

few = settings(max_examples=50)
EXTENSIONS = ["json", "txt", "cls", "npy", "npz", "cbor", "mp", "jpg", "bin"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


def alike(one: Any, other: Any) -> bool:
    """Equal, where NaN is itself, and an array its numbers whatever their dtype."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        floats = one.dtype.kind in "fc" and other.dtype.kind in "fc"
        if one.dtype.fields or not floats:
            return np.array_equal(one, other) or one.tobytes() == other.tobytes()
        return np.array_equal(one, other, equal_nan=True)
    if isinstance(one, float) and isinstance(other, float):
        return one == other or one != one != other != other
    if isinstance(one, list | tuple) and type(one) is type(other):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if dataclasses.is_dataclass(one) and type(one) is type(other):
        return alike(vars(one), vars(other))
    return type(one) is type(other) and bool(one == other)


@pytest.mark.parametrize("extension", EXTENSIONS)
@few
@given(st.data())
def test_values_survive_their_member(extension: str, data: st.DataObject) -> None:
    choice: Choice = data.draw(choices())
    kind, value = kind_of(choice.annotation), data.draw(choice.values)
    try:
        content = content_for(kind, extension)
        assume(content.holds_none or not isinstance(kind, Nullable) or value is not None)
        payload = content.write(value)
    except SchemaError:
        return  # such members hold no values of this kind
    except SampleError:
        assert extension in ("json", "npz", "txt", "cls", "bin")  # or not this value
        return
    assert alike(content.read(payload), value)
    assert content.write(content.read(payload)) == payload


@few
@given(cases())
def test_samples_survive_their_members(case: Case) -> None:
    try:
        codec = member_codec(case.sample_type)
    except SchemaError:
        return
    for sample in case.samples:
        try:
            members = codec.encode(sample)
        except SampleError:
            continue
        read = codec.decode({name: memoryview(data) for name, data in members})
        assert alike(read, sample)
        untyped = member_codec(DictSample)
        again = untyped.encode(untyped.decode(dict(members)))
        assert again == members


@given(JSON)
def test_json_is_that_of_python(value: Any) -> None:
    payload = json_bytes(value)
    assert alike(parse_json(payload), value)
    assert alike(json.loads(payload), value)


@given(JSON | st.binary())
def test_cbor_is_read_back(value: Any) -> None:
    assert alike(parse_cbor(cbor_bytes(value)), value)


@given(st.binary(max_size=30))
def test_any_bytes_are_cbor_or_a_sample_error(data: bytes) -> None:
    try:
        value = parse_cbor(data)
    except SampleError:
        return
    assert alike(parse_cbor(cbor_bytes(value)), value)


@given(st.binary(max_size=30) | st.text().map(str.encode))
def test_any_bytes_are_json_or_a_sample_error(data: bytes) -> None:
    try:
        value = parse_json(data)
    except SampleError:
        return
    assert alike(json.loads(data), value)


@few
@given(st.dictionaries(st.text("abäß .", max_size=5), arrays(), max_size=3))
def test_archives_are_those_of_numpy(named: dict[str, Any]) -> None:
    wire = {name: to_npy(array) for name, array in named.items()}
    payload = npz_bytes(wire)
    assert payload == npz_bytes(wire)
    found = parse_npz(payload)
    assert list(found) == list(named)
    with np.load(io.BytesIO(payload), allow_pickle=False) as stock:
        for name, array in named.items():
            assert found[name].tobytes() == array.tobytes() == stock[name].tobytes()


@few
@given(npst.arrays(npst.floating_dtypes(sizes=(32, 64)), npst.array_shapes(min_side=0)))
def test_archives_of_numpy_are_read(array: Any) -> None:
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, array, named=array)
        found = parse_npz(buffer.getvalue())
        assert alike(found, {"arr_0": array, "named": array}) or found.keys() == {"named", "arr_0"}
        assert found["arr_0"].tobytes() == array.tobytes()
