"""Stubs say what a class looks like, type checkers accept them, and nothing hostile enters them."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from datetime import date, datetime
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

import atdata
from atdata.errors import SchemaError
from atdata.samples.schema import schema_document, type_from_document
from atdata.samples.stub_text import stub_text
from samples.strategies import Case, cases

HOSTILE = '"""; __import__("os").system("true") #\n\u2028'


class Color(Enum):
    RED = "red"
    BLUE = 2


class Level(IntEnum):
    LOW = 1


class Mode(StrEnum):
    FAST = "fast"


class Odd(str, Enum):  # noqa: UP042 - of that kind some are, too
    A = HOSTILE


@atdata.packable
class Point:
    x: float
    y: float = 0.0


@atdata.packable
class Tree:
    value: int
    children: list[Tree]
    parent: Tree | None = None


@atdata.packable
class Everything:
    image: NDArray[np.uint8]
    any_array: NDArray
    whole: NDArray[np.integer[Any]]
    grid: np.ndarray[tuple[int, Literal[3]], np.dtype[np.float32]]
    mask: NDArray[np.bool_] | None
    label: int
    names: list[str]
    size: tuple[int, float]
    row: tuple[Point, ...]
    scores: dict[str, list[float]]
    place: Point
    tree: Tree | None
    color: Color
    level: Level
    modes: dict[str, Mode]
    odd: Odd
    kind: Literal['"""', "b", 1, True]
    day: date
    text: Annotated[str | None, atdata.Member("left.txt")]
    taken: datetime | None = None
    rest: Any = None


EXPECTED = """\
# A sample type of a local index. For editors and type checkers only.
from atdata import PackableSample
from datetime import date, datetime
from enum import Enum, IntEnum, StrEnum
from numpy import bool_, dtype, float32, integer, ndarray, uint8
from numpy.typing import NDArray
from typing import Any, Literal

class Odd(str, Enum):
    A = '\"""; __import__("os").system("true") #\\n\\u2028'

class Mode(StrEnum):
    FAST = 'fast'

class Level(IntEnum):
    LOW = 1

class Color(Enum):
    RED = 'red'
    BLUE = 2

class Tree(PackableSample):
    value: int
    children: list[Tree]
    parent: Tree | None
    def __init__(self, value: int, children: list[Tree], parent: Tree | None = ...) -> None: ...

class Point(PackableSample):
    x: float
    y: float
    def __init__(self, x: float, y: float = ...) -> None: ...

class Everything(PackableSample):
    image: NDArray[uint8]
    any_array: NDArray[Any]
    whole: NDArray[integer[Any]]
    grid: ndarray[tuple[int, Literal[3]], dtype[float32]]
    mask: NDArray[bool_] | None
    label: int
    names: list[str]
    size: tuple[int, float]
    row: tuple[Point, ...]
    scores: dict[str, list[float]]
    place: Point
    tree: Tree | None
    color: Color
    level: Level
    modes: dict[str, Mode]
    odd: Odd
    kind: Literal['\"""', 'b', 1, True]
    day: date
    text: str | None
    taken: datetime | None
    rest: Any
    def __init__(self, """


@atdata.packable(kw_only=True)
class Colliding:
    """Fields that have the names of the types that they need, and of each other's."""

    self: int
    int: float
    str: NDArray[np.float32]
    list: list[bytes]
    date: date
    Any: Any
    NDArray: NDArray
    float32: np.ndarray[tuple[int], np.dtype[np.float32]]
    Point: Point
    Literal: Literal["x"]
    Member: Annotated[int, atdata.Member("x")]
    Annotated: bool
    np: bool = False


@atdata.packable
class Bare:
    pass


def twins() -> Any:
    """A decoded class that holds two classes of one name, and one called as a type of Python."""
    document = schema_document(Everything)
    definitions = document["$defs"]
    point = next(ref for ref, one in definitions.items() if one["title"] == "Point")
    tree = next(ref for ref, one in definitions.items() if one["title"] == "Tree")
    definitions[tree]["title"] = "Point"
    definitions["other"] = definitions[point] | {"title": "datetime"}
    document["properties"]["rest"] = {"$ref": "#/$defs/other"}
    document["properties"]["day"] = {"$ref": "#/$defs/other"}
    return type_from_document(document)


def test_a_stub_says_what_the_class_looks_like() -> None:
    assert stub_text(Everything, "Everything").startswith(EXPECTED)
    decoded = type_from_document(schema_document(Everything))
    assert stub_text(decoded, "Everything") == stub_text(Everything, "Everything")


def test_names_that_fields_hide_are_spelled_otherwise() -> None:
    text = stub_text(Colliding, "Colliding")
    assert "    date: __date_type__\n" in text
    assert "    list: __list_type__[bytes]\n" in text
    assert "    Point: __Point_type__\n" in text
    assert "def __init__(_self, *, self: __int_type__, int: float, " in text
    assert "\n__Point_type__ = Point\n" in text


def test_classes_of_one_name_are_distinguished() -> None:
    text = stub_text(twins(), "Everything")
    assert "class Point(PackableSample):" in text
    assert "class Point_2(PackableSample):" in text
    assert "class datetime(PackableSample):" in text
    assert "    taken: __datetime_type__ | None\n" in text


def test_a_class_without_fields() -> None:
    assert stub_text(Bare, "Bare").endswith(
        "class Bare(PackableSample):\n    def __init__(self) -> None: ...\n"
    )


@pytest.mark.parametrize("name", ["", "a b", "class", "A(object):\n    x = 1\n#", "../A", "A.B"])
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(SchemaError):
        stub_text(Point, name)


# What may stand in a stub.

MODULES = {"atdata", "builtins", "datetime", "enum", "numpy", "numpy.typing", "typing"}


def check_harmless(text: str) -> None:
    """Whether it is imports of types, classes of annotated names, and literals: nothing else."""
    tree = ast.parse(text)
    literals = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).startswith(("Lit", "__Lit"))
        for inner in ast.walk(node.slice)
    }
    for statement in tree.body:
        match statement:
            case ast.ImportFrom():
                assert statement.module in MODULES
            case ast.Assign():
                assert isinstance(statement.value, ast.Name)
            case _:
                assert isinstance(statement, ast.ClassDef)
                check_body(statement)
    values = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for inner in ast.walk(node.value)
    }
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Call | ast.Attribute | ast.Lambda | ast.JoinedStr)
        if isinstance(node, ast.Constant) and id(node) not in literals | values:
            assert node.value in (None, ...)
    text.encode()


def check_body(definition: ast.ClassDef) -> None:
    assert not definition.decorator_list
    for statement in definition.body:
        match statement:
            case ast.FunctionDef():
                assert statement.name == "__init__"
                assert ast.unparse(statement.body) == "..." or len(statement.body) == 1
            case ast.AnnAssign():
                assert statement.value is None
            case _:
                assert isinstance(statement, ast.Assign)
                assert type(ast.literal_eval(statement.value)) in (str, int, float, bool)


@settings(max_examples=100)
@given(cases())
def test_stubs_of_any_class_are_harmless(case: Case) -> None:
    document = schema_document(case.sample_type)
    check_harmless(stub_text(case.sample_type, "Sample"))
    check_harmless(stub_text(type_from_document(document), "Sample"))


def hostile() -> Any:
    """A decoded class with hostile text wherever a document may hold text."""
    document = schema_document(Everything) | {"description": HOSTILE}
    for one in document["properties"].values():
        one |= {"description": HOSTILE, "title": HOSTILE}
    document["properties"]["kind"]["enum"] = [HOSTILE, "'", '"', "\\", "\\'", "\n", "{0}", "%s"]
    for one in document["$defs"].values():
        one["description"] = HOSTILE
    return type_from_document(document)


def test_hostile_text_stays_text() -> None:
    text = stub_text(hostile(), "Everything")
    check_harmless(text)
    (found,) = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "kind"
    )
    assert ast.literal_eval(found.annotation.slice)[:3] == (HOSTILE, "'", '"')  # type: ignore[attr-defined]
    assert text.isascii()


def test_long_values_are_left_out() -> None:
    document = schema_document(Everything)
    for values, spelled in (
        (["x" * 1000], "str"),
        (list(range(1000)), "int"),
        ([1, "x" * 1000], "int | str"),
    ):
        document["properties"]["kind"]["enum"] = values
        assert f"    kind: {spelled}\n" in stub_text(type_from_document(document), "Everything")
    document["$defs"]["Color"]["enum"][0] = "x" * 1000
    text = stub_text(type_from_document(document), "Everything")
    assert "class Color(Enum):\n    RED = ...\n    BLUE = 2\n" in text


# Type checkers

USE = """
from typing import Literal, assert_type
import numpy as np
from numpy.typing import NDArray
from local.Everything import Color, Everything, Point
from local.Colliding import Colliding

point = Point(1.0)
assert_type(point.y, float)

def use(one: Everything, other: Colliding) -> None:
    assert_type(one.image, NDArray[np.uint8])
    assert_type(one.place, Point)
    assert_type(one.level.value, Literal[1])
    assert_type(one.color, Color)
    assert_type(one.packed, bytes)
    assert_type(Everything.from_bytes(b""), Everything)
    assert_type(other.list, list[bytes])
    Point("a")  # type: ignore[arg-type]
    one.missing  # type: ignore[attr-defined]
"""


def test_mypy_accepts_stubs_and_knows_their_fields(tmp_path: Path) -> None:
    folder = tmp_path / "local"
    folder.mkdir()
    (folder / "__init__.pyi").touch()
    stubs = {
        "Everything": Everything, "Colliding": Colliding, "Twins": twins(), "Bare": Bare,
        "Hostile": hostile(),
    }  # fmt: skip
    for name, sample_type in stubs.items():
        (folder / f"{name}.pyi").write_text(stub_text(sample_type, name))
    (tmp_path / "use.py").write_text(USE)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file="]
    names = [f"local.{name}" for name in stubs]
    answer = subprocess.run(
        [*command, *(word for name in ("use", *names) for word in ("-m", name))],
        capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(tmp_path)},
    )  # fmt: skip
    assert answer.stdout == "Success: no issues found in 6 source files\n", answer.stdout
