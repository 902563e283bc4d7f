from __future__ import annotations

import enum
import sys
from typing import Any

import numpy as np
import pytest

from atdata.errors import SampleError
from atdata.samples import plain
from atdata.samples.arrays import to_npy


class Word(str, enum.Enum):  # noqa: UP042 - a str whose str() is another text
    A = "a"


def test_arrays_in_plain_data_become_bytes_and_arrays_again() -> None:
    value = {"a": [1, (np.arange(3), None)], "b": np.float32(0.5)}
    wire = plain.to_wire(value)
    assert wire == {"a": [1, [to_npy(np.arange(3)), None]], "b": 0.5}
    assert plain.same(plain.from_wire(wire), {"a": [1, [np.arange(3), None]], "b": 0.5})


def test_subclasses_become_the_plain_value() -> None:
    wire = plain.to_wire([Word.A, np.str_("b"), bytearray(b"c"), np.bool_(True)])
    assert wire == ["a", "b", b"c", True]
    assert [type(value) for value in wire] == [str, str, bytes, bool]


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (np.arange(3), np.arange(3), True),
        (np.arange(3), np.arange(4), False),
        (np.arange(3), [0, 1, 2], False),
        ([np.arange(3)], [np.arange(3)], True),
        ([np.arange(3)], [np.arange(3), 1], False),
        ([1], (1,), False),
        ({"a": np.arange(3)}, {"a": np.arange(3)}, True),
        ({"a": 1}, {"b": 1}, False),
        (1, 1.0, True),
        (float("nan"), float("nan"), False),
        (np.array([np.nan]), np.array([np.nan]), False),
        (np.float32(1), 1, True),
    ],
)
def test_equality_of_values_is_a_bool(left: Any, right: Any, equal: bool) -> None:
    assert plain.same(left, right) is equal


def test_an_error_far_inside_costs_one_walk() -> None:
    walked = []

    def convert(value: Any) -> Any:
        walked.append(value)
        return (
            plain.convert_items(convert, value) if isinstance(value, list) else plain.to_int(value)
        )

    deep: Any = "wrong"
    for _ in range(40):
        deep = [0, deep]
    with pytest.raises(SampleError) as caught:
        convert(deep)
    assert caught.value.path == "[1]" * 40
    assert len(walked) == 81


def test_depth_is_bounded_far_from_the_limit_of_python() -> None:
    deep: Any = 1
    for _ in range(sys.getrecursionlimit() * 2):
        deep = [deep]
    for convert in (plain.to_wire, plain.from_wire):
        with pytest.raises(SampleError, match="deeper"):
            convert(deep)
