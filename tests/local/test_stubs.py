from __future__ import annotations

from pathlib import Path

import pytest

import atdata
from atdata.errors import SchemaError, StorageError
from atdata.local.stubs import StubFolder
from atdata.samples.stub_text import stub_text


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


def test_schemas_of_the_same_letters_share_no_file_where_case_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs = StubFolder(tmp_path)
    path = stubs.write(Point, "Point", "1.0.0")
    earlier = path.read_bytes()
    # As a file system does that ignores case: both names are there, and one is listed.
    exists = Path.exists
    monkeypatch.setattr(
        Path, "exists", lambda one: exists(one) or one.name.lower() == path.name.lower()
    )
    with pytest.raises(SchemaError, match="same letters"):
        stubs.write(Point, "POINT", "1.0.0")
    assert path.read_bytes() == earlier
    assert stubs.write(Point, "Point", "1.0.0") == path


def test_a_folder_that_can_not_be_written_raises(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="can't be written"):
        StubFolder(tmp_path / "file").write(Point, "Point", "1.0.0")
