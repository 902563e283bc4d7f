"""The version step follows from the direction of a change."""

from __future__ import annotations

import dataclasses
from dataclasses import field
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

import atdata
from atdata.errors import SchemaConflict
from atdata.samples.evolution import Step, following_version, step_between
from atdata.samples.schema import schema_document

Member = tuple[str, Any] | tuple[str, Any, Any]


def made(*fields: Member, name: str = "Thing", doc: str = "", **options: Any) -> type:
    plain = dataclasses.make_dataclass(name, fields, namespace={"__doc__": doc or None})
    return atdata.packable(**options)(plain)


PART = made(("x", int), name="Part")
LARGER_PART = made(("x", int), ("y", int, field(default=0)), name="Part")
OTHER_PART = made(("x", str), name="Part")
IN_CLS = Annotated[int, atdata.Member("cls")]
BASE: tuple[Member, ...] = (("a", int), ("b", str), ("c", float, field(default=0.5)))


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        (Step.PATCH, made(*BASE, doc="One."), made(*BASE, doc="Another.")),
        (Step.PATCH, made(*BASE), made(*BASE)),
        (Step.MINOR, made(*BASE), made(*BASE, ("d", str | None, field(default=None)))),
        (Step.MINOR, made(*BASE), made(*BASE[:2], ("c", float, field(default=1.0)))),
        (Step.MINOR, made(*BASE), made(BASE[1], BASE[0], BASE[2])),
        (Step.MINOR, made(*BASE), made(*BASE, unknown_fields="keep")),
        (Step.MAJOR, made(*BASE), made(*BASE, unknown_fields="refuse")),
        (Step.MAJOR, made(*BASE), made(("d", str), *BASE)),
        (Step.MAJOR, made(*BASE), made(*BASE[:2])),
        (Step.MAJOR, made(*BASE), made(("a", str), *BASE[1:])),
        (Step.MAJOR, made(*BASE), made(("a", int | None), *BASE[1:])),
        (Step.MAJOR, made(*BASE), made(*BASE[:2], ("c", float))),
        (Step.MINOR, made(*BASE[:2], ("c", float)), made(*BASE)),
        (Step.MAJOR, made(("a", NDArray[np.float32])), made(("a", NDArray[np.float64]))),
        (Step.MAJOR, made(("a", Literal["x"])), made(("a", Literal["x", "y"]))),
        (Step.MAJOR, made(("a", list[int])), made(("a", list[str]))),
        (Step.MAJOR, made(("a", int)), made(("a", IN_CLS))),
        (Step.MAJOR, made(("a", IN_CLS)), made(("a", int))),
        (Step.MAJOR, made(("a", IN_CLS)), made(("a", Annotated[int, atdata.Member("id")]))),
        (Step.PATCH, made(("a", IN_CLS)), made(("a", Annotated[IN_CLS, "a class"]))),
        (Step.MINOR, made(("a", list[PART])), made(("a", list[LARGER_PART]))),
        (Step.MAJOR, made(("a", list[PART])), made(("a", list[OTHER_PART]))),
    ],
)
def test_the_step_of_a_change(step: Step, before: type, after: type) -> None:
    assert step_between(schema_document(before), schema_document(after)) is step


def test_a_class_that_holds_itself_is_compared_once() -> None:
    @atdata.packable
    class Node:
        value: int
        next: Node | None = None

    document = schema_document(Node)
    assert step_between(document, document) is Step.PATCH


@pytest.mark.parametrize(
    ("latest", "after", "version"),
    [
        ("1.2.3", made(*BASE, doc="new"), "1.2.4"),
        ("1.2.3", made(*BASE, ("d", int, field(default=0))), "1.3.0"),
        ("1.2.3", made(*BASE[1:]), "2.0.0"),
        ("2.0.0-rc.1", made(*BASE, doc="new"), "2.0.1"),
    ],
)
def test_the_version_that_follows(latest: str, after: type, version: str) -> None:
    published = schema_document(made(*BASE))
    assert following_version(latest, published, schema_document(after)) == version


@pytest.mark.parametrize(
    "other", [made(("text", str), ("language", str)), made(("a", int), ("y", str))]
)
def test_an_unrelated_class_of_the_same_name_is_a_conflict(other: type) -> None:
    published = schema_document(made(("a", int), ("b", str)))
    with pytest.raises(SchemaConflict, match="other fields") as caught:
        following_version("1.0.0", published, schema_document(other))
    assert 'version="2.0.0"' in (caught.value.hint or "")
    assert "rename" in (caught.value.hint or "")
