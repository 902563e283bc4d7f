from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given
from numpy.typing import NDArray

import atdata
from atdata import DictSample
from atdata.samples.writable import writable
from samples.strategies import Case, cases


@atdata.packable
class Inner:
    values: NDArray[np.float32]


@atdata.packable(frozen=True, unknown_fields="keep")
class Nest:
    inner: Inner
    several: list[Inner]
    named: dict[str, NDArray[Any]]
    pair: tuple[NDArray[Any], int]
    anything: Any
    missing: NDArray[Any] | None = None


@dataclass(slots=True)
class Slotted(atdata.PackableSample):
    values: NDArray[np.int16]


def arrays_in(value: Any) -> list[np.ndarray[Any, Any]]:
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, list | tuple):
        return [array for one in value for array in arrays_in(one)]
    if isinstance(value, dict | DictSample):
        return arrays_in(list(value.values()))
    if hasattr(value, "__dataclass_fields__"):
        names = list(value.__dataclass_fields__)
        return arrays_in([getattr(value, name) for name in names]) + arrays_in(
            atdata.kept_fields(value)
        )
    return []


@given(cases())
def test_every_array_can_be_written_to_and_nothing_else_differs(case: Case) -> None:
    for sample in case.samples:
        read = case.sample_type.from_bytes(sample.packed)
        made = writable(case.sample_type.from_bytes(sample.packed))
        assert type(made) is type(read)
        assert made.packed == read.packed
        assert all(array.flags.writeable for array in arrays_in(made))
        for one, other in zip(arrays_in(read), arrays_in(made), strict=True):
            assert one.dtype == other.dtype
            assert one.flags.f_contiguous == other.flags.f_contiguous


def test_arrays_at_any_depth_can_be_written_to() -> None:
    values = np.arange(3, dtype=np.float32)
    nest = Nest(Inner(values), [Inner(values)], {"a": values}, (values, 1), {"b": [values]})
    packed = DictSample({**DictSample.from_bytes(nest.packed).to_dict(), "more": values}).packed
    read = writable(Nest.from_bytes(packed))
    assert len(arrays_in(read)) == 6
    for array in arrays_in(read):
        array[:] += 1
        assert array.tolist() == [1, 2, 3]
    untyped = writable(DictSample.from_bytes(packed))
    assert all(array.flags.writeable for array in arrays_in(untyped))
    slotted = writable(Slotted.from_bytes(Slotted(np.ones(2, np.int16)).packed))
    slotted.values *= 2
    assert slotted.values.tolist() == [2, 2]


def test_an_array_that_can_be_written_to_is_not_copied() -> None:
    values = np.zeros(3)
    assert writable([values])[0] is values
