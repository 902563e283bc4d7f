from __future__ import annotations

from dataclasses import MISSING, InitVar, dataclass, field
from typing import Annotated, Any, ClassVar

import pytest

import atdata
from atdata.errors import SchemaError
from atdata.samples.fields import check_identifier, check_name, fields_of
from atdata.samples.kinds import Scalar


def test_fields_are_those_of_the_dataclass() -> None:
    @atdata.packable
    class Sample:
        constant: ClassVar[int] = 3
        label: int
        notes: Annotated[list[str], "some notes"] = field(default_factory=list)
        name: str = field(default="", kw_only=True, metadata={"description": "a name"})
        computed: int = field(init=False, default=0)

    label, notes, name = fields_of(Sample)
    assert (label.name, label.kind, label.required) == ("label", Scalar(int), True)
    assert (label.default, label.description) == (MISSING, None)
    assert (notes.required, notes.fallback(), notes.description) == (False, [], "some notes")
    assert notes.fallback() is not notes.fallback()
    assert (name.keyword_only, name.fallback(), name.description) == (True, "", "a name")


def test_members_are_those_of_annotations_or_of_names() -> None:
    @atdata.packable
    class Sample:
        Label: int
        caption: Annotated[str, "what it shows", atdata.Member("txt")]
        note: Annotated[str, atdata.Member("note.txt")] | None = None

    assert [field.member for field in fields_of(Sample)] == ["label", "txt", "note.txt"]
    given = [field.annotated_member for field in fields_of(Sample)]
    assert given == [None, "txt", "note.txt"]


def test_two_fields_of_one_member_are_refused_and_named() -> None:
    with pytest.raises(SchemaError, match=r"'txt' and 'caption' are both the member 'txt'"):

        @atdata.packable
        class Sample:
            txt: str
            caption: Annotated[str, atdata.Member("txt")]


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[str, atdata.Member],
        Annotated[str, atdata.Member("a"), atdata.Member("b")],
        Annotated[Annotated[str, atdata.Member("a")] | None, atdata.Member("b")],
    ],
)
def test_a_field_has_one_member_with_its_extension(annotation: Any) -> None:
    with pytest.raises(SchemaError, match=r"Sample\.caption: a field has one member"):
        atdata.packable(type("Sample", (), {"__annotations__": {"caption": annotation}}))


def test_later_annotations_of_a_field_win() -> None:
    @dataclass
    class Base:
        value: object

    @atdata.packable
    class Derived(Base):
        value: int

    assert fields_of(Derived)[0].kind == Scalar(int)


def test_types_of_two_scopes_are_not_mixed_up() -> None:
    def base() -> type:
        class Kind(int):
            pass

        Value = int  # noqa: N806

        @atdata.packable
        class Base:
            first: Value  # type: ignore[valid-type]

        return Base

    Value = str  # noqa: N806

    @atdata.packable
    class Derived(base()):  # type: ignore[misc]
        second: Value  # type: ignore[valid-type]

    assert [field.kind for field in fields_of(Derived)] == [Scalar(int), Scalar(str)]


def test_annotations_that_stand_for_nothing_name_class_and_field() -> None:
    with pytest.raises(SchemaError, match=r"Wrong\.value.*complex"):

        @atdata.packable
        class Wrong:
            value: complex


def test_init_may_want_no_more_than_the_fields() -> None:
    @atdata.packable
    class Scaled:
        value: int
        scale: InitVar[int] = 2

        def __post_init__(self, scale: int) -> None:
            self.value *= scale

    assert [field.name for field in fields_of(Scaled)] == ["value"]
    with pytest.raises(SchemaError, match="scale"):

        @atdata.packable
        class Wrong:
            value: int
            scale: InitVar[int]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "1a",
        "class",
        "None",
        "__class__",
        "__init__",
        "a.b",
        "a\n",
        "ﬁeld",  # which Python reads as "field"
        "x" * 300,
        '"""',
        "{{x}}",
        "../x",
        "__import__('os')",
    ],
)
def test_names_that_are_no_identifiers_are_refused(name: str) -> None:
    with pytest.raises(SchemaError):
        check_identifier(name, "a field")
    with pytest.raises(SchemaError):
        atdata.packable(_with_field(name))


def _with_field(name: str) -> type:
    return type("T", (), {"__annotations__": {name: int}})


def test_the_names_of_methods_are_refused() -> None:
    with pytest.raises(SchemaError, match="method"):
        check_name("packed")


@pytest.mark.parametrize("name", ["größe", "self", "type", "match", "_x", "MISSING", "object"])
def test_other_names_are_fields(name: str) -> None:
    sample_type = atdata.packable(_with_field(name))
    sample = sample_type(3)
    assert sample_type.from_bytes(sample.packed) == sample  # type: ignore[attr-defined]
