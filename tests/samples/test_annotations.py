# ruff: noqa: UP007, UP045 - the older spellings are what is tested

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Optional, TypeVar, Union

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

from atdata.errors import SchemaError
from atdata.samples import kinds
from atdata.samples.annotations import annotation_of, description_of, kind_of

from .strategies import choices

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"


class Odd(enum.Enum):
    PAIR = (1, 2)


class Bits(enum.Flag):
    ONE = 1


class Empty(enum.Enum):
    pass


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (int, kinds.Scalar(int)),
        (Any, kinds.Plain()),
        (datetime, kinds.Temporal(datetime)),
        (date, kinds.Temporal(date)),
        (Color, kinds.EnumMember(Color)),
        (NDArray, kinds.ArrayOf()),
        (NDArray[Any], kinds.ArrayOf()),
        (np.ndarray, kinds.ArrayOf()),
        (NDArray[np.float32], kinds.ArrayOf(np.float32)),
        (NDArray[np.uint8], kinds.ArrayOf(np.uint8)),
        (NDArray[np.floating[Any]], kinds.ArrayOf(np.floating)),
        (NDArray[np.generic], kinds.ArrayOf()),
        (NDArray[np.longlong], kinds.ArrayOf(np.int64)),
        (np.ndarray[Any, np.dtype[np.bool_]], kinds.ArrayOf(np.bool_)),
        (np.ndarray[tuple[int, ...], np.dtype[np.int8]], kinds.ArrayOf(np.int8)),
        (np.ndarray[tuple[int, int], np.dtype[Any]], kinds.ArrayOf(None, (None, None))),
        (np.ndarray[tuple[()], np.dtype[np.int8]], kinds.ArrayOf(np.int8, ())),
        (
            np.ndarray[tuple[int, Literal[3]], np.dtype[np.int8]],
            kinds.ArrayOf(np.int8, (None, 3)),
        ),
        (Optional[int], kinds.Nullable(kinds.Scalar(int))),
        (None | int, kinds.Nullable(kinds.Scalar(int))),
        (Union[int, float], kinds.Scalar(float)),
        (int | float | None, kinds.Nullable(kinds.Scalar(float))),
        (Any | None, kinds.Plain()),
        (Literal["a", 1], kinds.Choice(("a", 1))),
        (Literal["a", None], kinds.Nullable(kinds.Choice(("a",)))),
        (list, kinds.Sequence(kinds.Plain())),
        (list[NDArray], kinds.Sequence(kinds.ArrayOf())),
        (Sequence[int], kinds.Sequence(kinds.Scalar(int))),
        (tuple, kinds.Sequence(kinds.Plain(), tuple)),
        (tuple[int, ...], kinds.Sequence(kinds.Scalar(int), tuple)),
        (tuple[int, str], kinds.FixedTuple((kinds.Scalar(int), kinds.Scalar(str)))),
        (dict, kinds.Map(kinds.Plain())),
        (dict[str, bytes], kinds.Map(kinds.Scalar(bytes))),
        (Mapping[str, bytes], kinds.Map(kinds.Scalar(bytes))),
        (Annotated[int, "a note"], kinds.Scalar(int)),
    ],
    ids=str,
)
def test_annotations_stand_for_kinds(annotation: Any, kind: kinds.Kind) -> None:
    assert kind_of(annotation) == kind
    assert kind_of(annotation_of(kind)) == kind


@given(choices())
def test_annotations_of_kinds_lead_back_to_them(choice: Any) -> None:
    kind = kind_of(choice.annotation)
    assert kind_of(annotation_of(kind)) == kind


@pytest.mark.parametrize(
    "annotation",
    [
        object,
        complex,
        set[int],
        timedelta,
        np.float32,
        int | str,
        NDArray[np.object_],
        NDArray[np.float32 | np.float64],
        np.ndarray[tuple[str], np.dtype[np.int8]],
        np.ndarray[tuple[Literal[-1]], np.dtype[np.int8]],
        dict[int, str],
        tuple[()],
        Literal[b"a"],
        Literal[None],
        None,
        Odd,
        Bits,
        Empty,
        T,
        "text",
    ],
    ids=str,
)
def test_other_annotations_are_refused(annotation: Any) -> None:
    with pytest.raises(SchemaError):
        kind_of(annotation)


def test_descriptions_are_the_first_text_of_annotated() -> None:
    assert description_of(Annotated[int, 3, "a note", "another"]) == "a note"
    assert description_of(Annotated[int, 3]) is None
    assert description_of(int) is None
