"""Shards of other writers, and files that other tools keep beside shards, are sound."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import webdataset as wds

from atdata.lifecycle import pack, publish, verify, verify_pack

from .forge import Forgery, genuine, measured

KEYS = ["000000003", "folder/4", "k" * 60 + "/" + "k" * 60]


def by_tarwriter(path: Path) -> None:
    with wds.writer.TarWriter(str(path)) as writer:
        for number, key in enumerate(KEYS, 3):
            writer.write({"__key__": key, "msgpack": measured(number).packed})


def by_tarfile(format_: int) -> Callable[[Path], None]:
    """As ``tar -cf path .`` does: folders first, and ``./`` before each name."""

    def write(path: Path) -> None:
        with tarfile.open(path, "w", format=format_) as tar:
            for name in (".", "./folder"):
                folder = tarfile.TarInfo(name)
                folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(folder)
            for number, key in enumerate(KEYS, 3):
                packed = measured(number).packed
                info = tarfile.TarInfo(f"./{key}.msgpack")
                info.size, info.mtime, info.uid = len(packed), 1_700_000_000, 3_000_000
                tar.addfile(info, io.BytesIO(packed))

    return write


@pytest.fixture(
    params=[by_tarwriter, by_tarfile(tarfile.GNU_FORMAT), by_tarfile(tarfile.PAX_FORMAT)],
    ids=["TarWriter", "GNU", "PAX"],
)
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> Forgery:
    """A dataset whose second shard another program wrote."""
    request.param(tmp_path / "foreign.tar")
    forgery = genuine(tmp_path / "made")
    forgery.shards[1] = [(tmp_path / "foreign.tar").read_bytes()]
    forgery.relock()
    return forgery


def test_a_shard_of_another_writer_is_verified_deep_and_packed(
    foreign: Forgery, tmp_path: Path
) -> None:
    root = foreign.write(tmp_path / "root")
    assert verify(root, deep=True).findings == ()
    packed = pack(root, tmp_path / "pack.tar", deep=True)
    assert packed.findings == ()
    assert verify_pack(tmp_path / "pack.tar", deep=True).findings == ()
    with tarfile.open(tmp_path / "pack.tar") as tar:
        stream = tar.extractfile("000001.tar")
        assert stream is not None
        assert stream.read() == foreign.shard(1)


def test_keys_that_are_one_file_when_extracted_are_found(tmp_path: Path) -> None:
    forgery = genuine(tmp_path / "made")
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        for number, name in enumerate(("a", "./a", "b"), 3):
            info = tarfile.TarInfo(f"{name}.msgpack")
            info.size = len(measured(number).packed)
            tar.addfile(info, io.BytesIO(measured(number).packed))
    forgery.shards[1] = [(tmp_path / "a.tar").read_bytes()]
    forgery.relock()
    report = verify(forgery.write(tmp_path / "root"))
    assert [finding.code for finding in report.findings] == ["KEY_TWICE"]


def test_index_files_of_other_tools_are_not_findings(tmp_path: Path) -> None:
    root = genuine(tmp_path / "made").write(tmp_path / "root")
    (root / ".nv-meta").mkdir()
    (root / ".nv-meta" / "index.sqlite").write_bytes(b"energon")
    beside = ("000000.tar.idx", "000001.json", "000000.parquet", "000001_stats.json")
    for name in ("index.json", *beside):
        (root / name).write_bytes(b"{}")
    assert verify(root).findings == ()


def test_index_files_of_other_tools_stay_behind_in_stores_and_packs(tmp_path: Path) -> None:
    forgery = genuine(tmp_path / "made")
    root, with_indexes = forgery.write(tmp_path / "root"), forgery.write(tmp_path / "foreign")
    for name in ("index.json", "000000.tar.idx", "000001.json"):
        (with_indexes / name).write_bytes(b"{}")
    for folder, place in ((root, "a"), (with_indexes, "b")):
        assert pack(folder, tmp_path / f"{place}.tar").findings == ()
        assert publish(folder, tmp_path / place).findings == ()
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    files = [sorted(path.name for path in (tmp_path / place).rglob("*.*")) for place in "ab"]
    assert files[0] == files[1]


def test_a_finding_prints_the_path_of_an_unexpected_file(tmp_path: Path) -> None:
    root = genuine(tmp_path / "made").write(tmp_path / "root")
    (root / "notes.txt").write_text("mine")
    (root / "other.json").write_text("{}")
    shown = [str(finding) for finding in verify(root).findings]
    assert [text.partition(":")[0] for text in shown] == [
        "FILE_EXTRA at path notes.txt",
        "FILE_EXTRA at path other.json",
    ]


def test_a_link_in_place_of_another_tools_index_is_found(tmp_path: Path) -> None:
    root = genuine(tmp_path / "made").write(tmp_path / "root")
    (root / ".nv-meta").symlink_to(tmp_path)
    assert [finding.code for finding in verify(root).findings] == ["FILE_LINK"]
