from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Any, Literal, Optional

import numpy as np
import pytest
from numpy.typing import NDArray

from atdata.errors import SampleError
from atdata.importing.conversions import conversion
from atdata.samples.annotations import kind_of
from atdata.samples.plain import same


class Color(Enum):
    RED = "r"


Maybe = Optional[int]  # noqa: UP045
MaybeText = Optional[str]  # noqa: UP045
Pixels = np.ndarray[tuple[Literal[2]], np.dtype[np.uint8]]


def converted(column: Any, field: Any, value: Any) -> Any:
    convert = conversion(kind_of(column), kind_of(field))
    return value if convert is None else convert(value)


@pytest.mark.parametrize(
    ("column", "field", "value", "expected"),
    [
        (str, int, "12", 12),
        (str, float, "1.5", 1.5),
        (str, bool, "TRUE", True),
        (str, date, "2026-01-31", date(2026, 1, 31)),
        (str, Maybe, "", None),
        (str, Maybe, "3", 3),
        (str, MaybeText, "", ""),
        (MaybeText, MaybeText, None, None),
        (str, Color, "r", Color.RED),
        (str, Literal["a", "b"], "b", "b"),
        (int, str, 7, "7"),
        (Maybe, MaybeText, None, None),
        (int, float, 7, 7.0),
        (list[int], NDArray[np.float32], [1, 2], np.array([1, 2], np.float32)),
        (list[int], Pixels, [0, 255], np.array([0, 255], np.uint8)),
        (list[list[float]], NDArray[Any], [[1.5], [2.5]], np.array([[1.5], [2.5]])),
    ],
)
def test_values_become_those_of_the_field(
    column: Any, field: Any, value: Any, expected: Any
) -> None:
    found = converted(column, field, value)
    assert same(found, expected)
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("column", "field", "value"),
    [
        (str, int, "1.5"),
        (str, int, ""),
        (str, bool, "yes"),
        (str, date, "31.1.2026"),
        (str, Color, "b"),
        (float, int, 1.5),
        (float, str, 1.5),
        (Maybe, str, None),
        (list[int], Pixels, [0, 256]),
        (list[int], Pixels, [0, -1]),
        (list[float], Pixels, [0, 1.5]),
        (list[int], Pixels, [1, 2, 3]),
        (list[list[int]], NDArray[np.int64], [[1], [1, 2]]),
        (list[str], NDArray[np.int64], ["1"]),
        (list[Maybe], NDArray[np.float32], [1, None]),
    ],
)
def test_values_that_would_lose_something_are_refused(column: Any, field: Any, value: Any) -> None:
    with pytest.raises(SampleError, match="expected"):
        converted(column, field, value)
