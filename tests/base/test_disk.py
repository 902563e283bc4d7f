from __future__ import annotations

import os
from pathlib import Path

import pytest

from atdata.base import disk


def test_write_file_replaces_and_leaves_nothing_else(empty: Path) -> None:
    path = empty / "file"
    disk.write_file(path, b"old")
    disk.write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(empty.iterdir()) == [path]


def test_write_file_that_fails_keeps_the_earlier_one(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = empty / "file"
    disk.write_file(path, b"old")

    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        disk.write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(empty.iterdir()) == [path]


def test_write_file_makes_it_with_the_mode_from_the_start(empty: Path) -> None:
    disk.write_file(empty / "secret", b"x", mode=0o600)
    assert (empty / "secret").stat().st_mode & 0o777 == 0o600


def test_a_link_never_replaces(empty: Path) -> None:
    path = empty / "file"
    for number, data in enumerate((b"first", b"second")):
        disk.write_file(empty / f"{number}", data)
    assert disk.link_file(empty / "0", path)
    assert not disk.link_file(empty / "1", path)
    assert path.read_bytes() == b"first"
    assert {file.name for file in empty.iterdir()} == {"0", "1", "file"}


def test_make_folder_makes_the_missing_ones(empty: Path) -> None:
    disk.make_folder(empty / "a" / "b")
    disk.make_folder(empty / "a" / "b")
    assert (empty / "a" / "b").is_dir()


def test_move_file_replaces(empty: Path) -> None:
    source, target = empty / "source", empty / "target"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    disk.move_file(source, target)
    assert target.read_bytes() == b"new"
    assert not source.exists()


def test_files_get_their_final_names_in_other_folders(tmp_path: Path) -> None:
    moves = []
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
        (tmp_path / f"to-{name}").mkdir()
        moves.append((tmp_path / name, tmp_path / f"to-{name}" / "final"))
    disk.rename_files(moves)
    assert [target.read_text() for _, target in moves] == ["a", "b"]
    assert not (tmp_path / "a").exists()
