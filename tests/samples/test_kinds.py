from __future__ import annotations

import enum
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

import atdata
from atdata.errors import SampleError
from atdata.samples.arrays import to_npy
from atdata.samples.kinds import (
    ArrayOf,
    Choice,
    EnumMember,
    FixedTuple,
    Kind,
    Map,
    Nested,
    Nullable,
    Plain,
    Scalar,
    Sequence,
    Temporal,
    holds_samples,
)


class Level(enum.IntEnum):
    LOW = 1


@atdata.packable
class Inner:
    value: int


MOMENT = datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC)
ARRAY = np.arange(3, dtype="f4")


@pytest.mark.parametrize(
    ("kind", "value", "wire"),
    [
        (Scalar(str), "a", "a"),
        (ArrayOf(np.float32, (3,)), ARRAY, to_npy(ARRAY)),
        (ArrayOf(np.floating), ARRAY, to_npy(ARRAY)),
        (Sequence(Scalar(int)), [1, 2], [1, 2]),
        (Sequence(Scalar(int), tuple), (1, 2), [1, 2]),
        (FixedTuple((Scalar(int), Scalar(str))), (1, "a"), [1, "a"]),
        (Map(Scalar(int)), {"a": 1}, {"a": 1}),
        (Choice(("a", 1)), "a", "a"),
        (EnumMember(Level), Level.LOW, 1),
        (Temporal(datetime), MOMENT, "2026-01-31T12:00:00.000005+00:00"),
        (Temporal(date), date(2026, 1, 31), "2026-01-31"),
        (Nested(Inner), Inner(3), {"value": 3}),
        (Nullable(Scalar(int)), None, None),
        (Nullable(Scalar(int)), 1, 1),
        (Plain(), [ARRAY], [to_npy(ARRAY)]),
    ],
    ids=lambda value: str(value) if isinstance(value, Kind) else "",
)
def test_values_and_their_wire_forms(kind: Kind, value: Any, wire: Any) -> None:
    assert kind.encode(value) == wire
    again = kind.decode(wire)
    assert type(again) is type(value)
    assert np.array_equal(again, value) if kind != Plain() else len(again) == 1
    # What is decoded already passes.
    kind.decode(value)


def test_byte_order_is_free_where_a_dtype_is_named() -> None:
    big = ARRAY.astype(">f4")
    assert ArrayOf(np.float32).decode(to_npy(big)).dtype == big.dtype


def test_types_of_one_size_are_one_dtype() -> None:
    kind = ArrayOf(np.int64)
    for name in ("l", "q"):
        array = np.zeros(2, name)
        if array.itemsize == 8:
            assert kind.decode(kind.encode(array)).dtype == np.int64


def test_arrays_of_objects_are_refused_as_data_too() -> None:
    with pytest.raises(SampleError, match="refused"):
        ArrayOf().decode(np.array([None]))


@pytest.mark.parametrize(
    ("kind", "holds"),
    [
        (Nested(Inner), True),
        (Nullable(Sequence(Map(Nested(Inner)))), True),
        (FixedTuple((Scalar(int), Nested(Inner))), True),
        (FixedTuple((Scalar(int), Plain())), False),
        (ArrayOf(), False),
    ],
)
def test_kinds_know_whether_they_hold_samples(kind: Kind, holds: bool) -> None:
    assert holds_samples(kind) is holds
