"""Arrays as lists in JSON: what is read fits the field, and what would be lost is not written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from atdata.errors import SampleError
from atdata.samples.arrays import to_npy
from atdata.samples.json_arrays import from_lists, to_lists
from atdata.samples.kinds import ArrayOf


@pytest.mark.parametrize(
    ("kind", "data", "dtype"),
    [
        (ArrayOf(), [1, 2], "int64"),
        (ArrayOf(), [1, 0.5], "float64"),
        (ArrayOf(), [[True]], "bool"),
        (ArrayOf(), 3, "int64"),
        (ArrayOf(), [], "float64"),
        (ArrayOf(np.integer), [], "int64"),
        (ArrayOf(np.unsignedinteger), [1], "uint64"),
        (ArrayOf(np.floating), [1, 2], "float64"),
        (ArrayOf(np.float32), [1, 0.1], "float32"),
        (ArrayOf(np.float32), [float("inf"), float("nan")], "float32"),
        (ArrayOf(np.uint64), [1, 2**63 + 1], "uint64"),
        (ArrayOf(np.longlong), [1], "int64"),
        (ArrayOf(np.bool_), [False], "bool"),
    ],
)
def test_lists_become_arrays_of_the_field_s_dtype(kind: ArrayOf, data: Any, dtype: str) -> None:
    array = from_lists(kind, data)
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, np.array(data, dtype))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (ArrayOf(np.int8), [300]),
        (ArrayOf(np.uint8), [-1]),
        (ArrayOf(np.uint64), [2**64]),
        (ArrayOf(np.int32), [1.0]),
        (ArrayOf(np.int32), [True]),
        (ArrayOf(np.bool_), [1]),
        (ArrayOf(np.float32), [1e300]),
        (ArrayOf(np.str_), ["a"]),
        (ArrayOf(), ["a"]),
        (ArrayOf(), [None]),
        (ArrayOf(), {}),
        (ArrayOf(), [[1], [1, 2]]),
    ],
)
def test_other_lists_are_refused(kind: ArrayOf, data: Any) -> None:
    with pytest.raises(SampleError, match="expected"):
        from_lists(kind, data)


def test_an_empty_array_has_the_axes_of_the_field() -> None:
    boxes = ArrayOf(np.float32, (None, 4))
    assert to_lists(boxes, to_npy(np.zeros((0, 4), "f4"))) == []
    assert from_lists(boxes, []).shape == (0, 4)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 4)),
        np.zeros(1, complex),
        np.zeros(1, "M8[s]"),
        np.array(["a"]),
        np.array([2**63 + 1, 1], "u8"),
        np.zeros(1, [("a", "i4")]),
    ],
)
def test_arrays_that_would_be_read_as_others_are_not_written(array: Any) -> None:
    with pytest.raises(SampleError, match="JSON can't hold"):
        to_lists(ArrayOf(), to_npy(array))
