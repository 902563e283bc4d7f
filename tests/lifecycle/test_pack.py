"""A pack is written whole or not at all, and what can be known early is reported early."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atdata.base import disk
from atdata.errors import StorageError
from atdata.lifecycle import pack, verify_pack

from .conftest import BuildRoot


class NoEngine:
    """An engine of a command that must not read shards."""

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        pytest.fail("shards were read although the answer was known")


@pytest.mark.parametrize("link", [False, True])
def test_an_output_that_exists_is_reported_before_shards_are_read(
    build_root: BuildRoot, tmp_path: Path, link: bool
) -> None:
    target = tmp_path / "pack.tar"
    if link:
        target.symlink_to(tmp_path / "nowhere")
    else:
        target.write_bytes(b"mine")
    report = pack(build_root(), target, engine=NoEngine())
    assert [finding.code for finding in report.findings] == ["PACK_EXISTS"]
    assert report.checks["digests"] == "skipped"
    assert report.trust == "unverified"


def test_a_shard_that_is_too_large_is_reported_before_shards_are_read(
    build_root: BuildRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[pack.__module__], "MAX_SHARD", 1024)
    report = pack(build_root(), tmp_path / "pack.tar", engine=NoEngine())
    assert {finding.code for finding in report.findings} == {"PACK_TOO_LARGE"}
    assert not (tmp_path / "pack.tar").exists()


class Rewriting(NoEngine):
    """The schema of a build root is rewritten when the work on its shards begins."""

    def __init__(self, root: Path) -> None:
        self._path = root / "schema.json"

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        self._path.write_bytes(self._path.read_bytes().replace(b"label", b"other"))
        yield from map(function, items)


def test_a_schema_rewritten_after_its_check_is_not_what_is_packed(
    build_root: BuildRoot, tmp_path: Path
) -> None:
    root, target = build_root(), tmp_path / "pack.tar"
    assert pack(root, target, engine=Rewriting(root)).outcome == "packed"
    assert verify_pack(target, deep=True).ok


def test_a_full_disk_leaves_nothing_in_the_way_of_the_next_pack(
    build_root: BuildRoot, pack_disk: Path
) -> None:
    root, target, ballast = build_root(), pack_disk / "pack.tar", pack_disk / "ballast"
    for free in range(0, 16 << 10, 4 << 10):
        ballast.write_bytes(bytes((64 << 10) - free))
        with pytest.raises(StorageError, match=r"space|full"):
            pack(root, target)
        assert list(pack_disk.iterdir()) == [ballast]
    ballast.unlink()
    assert pack(root, target).outcome == "packed"
    assert list(pack_disk.iterdir()) == [target]


def test_a_name_that_does_not_reach_the_disk_is_taken_back(
    build_root: BuildRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, target = build_root(), tmp_path / "packs" / "pack.tar"
    target.parent.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(disk, "sync_folder", full)
        with pytest.raises(StorageError, match="No space"):
            pack(root, target)
    assert list(target.parent.iterdir()) == []
    assert pack(root, target).outcome == "packed"


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_folder_that_does_not_exist_is_not_made(build_root: BuildRoot, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="pack"):
        pack(build_root(), tmp_path / "nowhere" / "pack.tar")
    assert not (tmp_path / "nowhere").exists()


def test_what_is_left_of_a_run_killed_after_its_last_step_is_removed(
    build_root: BuildRoot, tmp_path: Path
) -> None:
    root, target = build_root(), tmp_path / "packs" / "pack.tar"
    target.parent.mkdir()
    assert pack(root, target).outcome == "packed"
    left = target.parent / ".atdata-pack-0"
    left.mkdir()
    (left / "pack.tar").hardlink_to(target)
    left.with_name(".atdata-pack-0.lock").touch()
    assert [finding.code for finding in pack(root, target).findings] == ["PACK_EXISTS"]
    assert list(target.parent.iterdir()) == [target]
