from __future__ import annotations

from pathlib import Path

import atdata
from atdata.local.stub_text import stub_text
from atdata.local.stubs import StubFolder


@atdata.packable
class Point:
    x: float
    y: float


def test_a_folder_of_stubs(tmp_path: Path) -> None:
    stubs = StubFolder(tmp_path / "stubs")
    path = stubs.write(Point, "Point", "1.0.0-rc.1+x")
    assert path == tmp_path / "stubs" / "local" / "Point_1_0_0_rc_1_x.pyi"
    assert path.read_text() == stub_text(Point, "Point")
    assert stubs.import_path("Point", "1.0.0") == "local.Point_1_0_0"
    stubs.write(Point, "Point", "1.0.0")
    assert [one.suffix for one in path.parent.iterdir()] == [".pyi"] * 2
    assert stubs.clear() == 2
    assert stubs.clear() == 0
    assert not path.exists()


def test_by_default_it_is_in_the_data_folder(isolated_home: Path) -> None:
    assert StubFolder().root == isolated_home / "data" / "atdata" / "stubs"
