from __future__ import annotations

import ast
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

import atdata
from atdata.errors import SchemaError
from atdata.local.stubs import StubFolder, stub_text


@atdata.packable
class Point:
    x: float
    y: float


@atdata.packable
class Everything:
    """\"\"\"; __import__("os").system("true") #"""

    image: NDArray[np.uint8]
    label: int
    names: list[str]
    size: tuple[int, int]
    scores: dict[str, float]
    place: Point
    kind: Literal['"""', "b"]
    taken: datetime | None = None
    rest: Any = None


EXPECTED = """\
class Everything(PackableSample):
    image: NDArray[Any]
    label: int
    names: list[str]
    size: tuple[int, int]
    scores: dict[str, float]
    place: Any
    kind: Any
    taken: datetime | None
    rest: Any
    def __init__(self, image: NDArray[Any], label: int, names: list[str], size: tuple[int, int], \
scores: dict[str, float], place: Any, kind: Any, taken: datetime | None = ..., rest: Any = ...\
) -> None: ...
"""


def test_a_stub_says_what_the_class_looks_like() -> None:
    text = stub_text(Everything, "Everything")
    assert text.endswith(EXPECTED)
    ast.parse(text)


def test_nothing_that_was_not_checked_enters_it() -> None:
    text = stub_text(Everything, "Everything")
    assert '"' not in text
    assert "os" not in text.replace("scores", "")


@pytest.mark.parametrize("name", ["", "a b", "class", "A(object):\n    x = 1\n#", "../A", "A.B"])
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(SchemaError):
        stub_text(Point, name)


def test_a_folder_of_stubs(tmp_path: Path) -> None:
    stubs = StubFolder(tmp_path / "stubs")
    path = stubs.write(Point, "Point", "1.0.0-rc.1+x")
    assert path == tmp_path / "stubs" / "local" / "Point_1_0_0_rc_1_x.pyi"
    assert stubs.import_path("Point", "1.0.0") == "local.Point_1_0_0"
    stubs.write(Point, "Point", "1.0.0")
    assert stubs.clear() == 2
    assert stubs.clear() == 0
    assert not path.exists()


def test_by_default_it_is_in_the_data_folder(isolated_home: Path) -> None:
    assert StubFolder().root == isolated_home / "data" / "atdata" / "stubs"
