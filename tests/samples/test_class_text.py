from __future__ import annotations

from datetime import date, datetime
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

import atdata
from atdata.errors import SchemaError
from atdata.samples.class_text import class_text
from atdata.samples.from_schema import type_from_document
from atdata.samples.schema import schema_document


class Color(Enum):
    RED = "r" * 300
    BLUE = 'b"\n'


class Level(IntEnum):
    LOW = 1


class Mode(StrEnum):
    A = "a"


@atdata.packable
class Point:
    """A "place" \\ on a plane.

    With more to it.
    """

    x: float
    color: Color


@atdata.packable
class Photo:
    image: np.ndarray[tuple[int, Literal[3]], np.dtype[np.uint8]]
    mask: NDArray[np.bool_] | None
    any: NDArray[Any]
    floating: NDArray[np.floating[Any]]
    label: Annotated[int, 'one of "these" \x00\u2028']
    place: Point
    places: list[Point] | None
    level: Level
    modes: dict[str, Mode]
    kind: Literal['"""', "b", 1, True]
    many: Literal[tuple(f"value {number}" for number in range(150))]  # type: ignore[valid-type]
    day: date
    taken: datetime | None
    text: Annotated[str, atdata.Member("txt"), "what it shows"]
    note: Annotated[str, atdata.Member("note.txt")] | None
    pair: tuple[int, str]
    tags: tuple[str, ...]
    raw: bytes
    rest: Any


@atdata.packable
class Hiding:
    str: str
    int: int | None
    Point: Point
    packable: Any
    list: list[Point]
    Literal: Literal["x"]
    Member: Annotated[bool, atdata.Member("x")]
    Annotated: Annotated[bool, "text"]


@atdata.packable
class Tree:
    left: Tree | None


@atdata.packable
class Optional:
    number: int = 3


@pytest.mark.parametrize("sample_type", [Photo, Hiding, Point])
def test_the_text_runs_and_gives_the_same_schema(sample_type: type) -> None:
    decoded = type_from_document(schema_document(sample_type))
    text = class_text(decoded)
    assert text.isascii()
    scope: dict[str, Any] = {"__name__": "kept"}
    exec(compile(text, "kept.py", "exec", dont_inherit=True), scope)
    assert schema_document(scope[sample_type.__name__]) == schema_document(decoded)


def test_classes_that_have_no_such_text_are_refused() -> None:
    with pytest.raises(SchemaError, match="holds itself"):
        class_text(Tree)
    with pytest.raises(SchemaError, match="defaults"):
        class_text(Optional)
