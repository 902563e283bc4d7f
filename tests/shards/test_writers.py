"""Shards of other writers: read, sought in, cut, and indexed as our own, without repacking."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import webdataset as wds

import atdata
from atdata.shards.info import inspect_shard
from atdata.shards.member_group import MemberGroup
from atdata.shards.offsets import index_path, offset_index
from atdata.shards.reader import read_file
from atdata.shards.recut import recut
from readings import Reading, readings

KEYS = ["0", "000001", "größe", "train/a", "train/文/b", "f" * 60 + "/" + "k" * 60, "k" * 120]
"""Plain, not ASCII, in folders, and too long for the name of a header."""
PACKED = dict(zip(KEYS, (reading.packed for reading in readings(len(KEYS))), strict=True))

MEMBERS = {
    f"{key}.{extension}": f"{key} {extension}".encode() * number
    for number, key in enumerate(KEYS)
    for extension in ("JPG", "left.png", "txt")
}

Write = Callable[[Path, Path], None]


def by_program(*command: str, names: str = ".") -> Write:
    """Run a program on a folder of files."""

    def write(folder: Path, shard: Path) -> None:
        assert shutil.which(command[0]), f"this test runs {command[0]}"
        entries = sorted(path.name for path in folder.iterdir()) if names == "*" else [names]
        subprocess.run([*command, "-cf", str(shard), *entries], cwd=folder, check=True)

    return write


def by_tarfile(format_: int) -> Write:
    def write(folder: Path, shard: Path) -> None:
        with tarfile.open(shard, "w", format=format_) as tar:
            tar.add(folder, ".")

    return write


def by_tarwriter(folder: Path, shard: Path) -> None:
    with wds.writer.TarWriter(str(shard)) as writer:
        for key, packed in PACKED.items():
            writer.write({"__key__": key, "msgpack": packed})


WRITERS: dict[str, Write] = {
    "GNU tar": by_program("tar"),
    "GNU tar, names alone": by_program("tar", names="*"),
    "GNU tar, pax": by_program("tar", "--format=pax"),
    "GNU tar, oldgnu": by_program("tar", "--format=oldgnu"),
    "GNU tar, large owners": by_program("tar", "--owner=x:3000000", "--group=y:3000000"),
    "bsdtar": by_program("bsdtar"),
    "bsdtar, pax": by_program("bsdtar", "--format", "pax"),
    "bsdtar, gnutar": by_program("bsdtar", "--format", "gnutar"),
    "tarfile, GNU": by_tarfile(tarfile.GNU_FORMAT),
    "tarfile, PAX": by_tarfile(tarfile.PAX_FORMAT),
    "TarWriter": by_tarwriter,
}


@pytest.fixture(params=WRITERS)
def foreign(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A shard that another program wrote."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    folder = tmp_path / "files"
    for key, packed in PACKED.items():
        path = folder / f"{key}.msgpack"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(packed)
    shard = tmp_path / "foreign.tar"
    WRITERS[request.param](folder, shard)
    return shard


def by_sorted(*command: str) -> Write:
    """Run a program on the files of a folder by name, so that no sample's are apart."""

    def write(folder: Path, shard: Path) -> None:
        assert shutil.which(command[0]), f"this test runs {command[0]}"
        files = [path for path in folder.rglob("*") if path.is_file()]
        names = sorted(f"./{path.relative_to(folder)}" for path in files)
        subprocess.run([*command, "-cf", str(shard), *names], cwd=folder, check=True)

    return write


WRITERS_OF_MEMBERS: dict[str, Write] = {
    "GNU tar": by_sorted("tar"),
    "GNU tar, pax": by_sorted("tar", "--format=pax"),
    "GNU tar, oldgnu": by_sorted("tar", "--format=oldgnu"),
    "GNU tar, folders": by_program("tar", "--sort=name"),
    "bsdtar": by_sorted("bsdtar"),
    "bsdtar, gnutar": by_sorted("bsdtar", "--format", "gnutar"),
    "tarfile, GNU": by_tarfile(tarfile.GNU_FORMAT),
    "tarfile, PAX": by_tarfile(tarfile.PAX_FORMAT),
}


@pytest.mark.parametrize("write", WRITERS_OF_MEMBERS.values(), ids=WRITERS_OF_MEMBERS)
def test_members_of_another_writer_are_read_as_they_are(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    folder, shard = tmp_path / "files", tmp_path / "foreign.tar"
    for name, data in MEMBERS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    write(folder, shard)
    (tmp_path / index_path(shard.name)).write_bytes(offset_index(shard))
    dataset = atdata.Dataset(str(shard))
    assert len(dataset) == inspect_shard(shard).samples == len(KEYS)
    ordered = [payload for *_, payload in read_file(shard, shard.name)]
    assert {
        f"{group.key.removeprefix('./')}.{extension}": bytes(data)
        for group in ordered
        if isinstance(group, MemberGroup)
        for _, extension, _, data in group.members
    } == MEMBERS
    for number, sample in enumerate(dataset.ordered()):
        assert dataset[number]["txt"] == sample["txt"]


def found(shard: Path) -> dict[str, bytes]:
    """The samples by key, without the ``./`` that tar puts before names."""
    samples = read_file(shard, shard.name)
    return {key.removeprefix("./"): bytes(payload) for _, key, _, payload in samples}


def test_a_shard_of_another_writer_is_read_as_it_is(foreign: Path) -> None:
    assert found(foreign) == PACKED
    assert inspect_shard(foreign).samples == len(PACKED)


def test_samples_of_another_writer_are_found_by_number(foreign: Path) -> None:
    (foreign.parent / index_path(foreign.name)).write_bytes(offset_index(foreign))
    dataset = atdata.Dataset[Reading](str(foreign))
    assert len(dataset) == len(PACKED)
    labels = [sample.label for sample in dataset.ordered()]
    assert sorted(labels) == list(range(len(PACKED)))
    assert [dataset[n].label for n in range(len(PACKED))] == labels
    assert [label for batch in dataset.ordered(batch_size=3) for label in batch.label] == labels


def test_the_layout_of_img2dataset_gives_samples_and_names_what_it_skips(tmp_path: Path) -> None:
    shard = tmp_path / "00000.tar"
    with wds.writer.TarWriter(str(shard)) as writer:
        for n, reading in enumerate(readings(20)):
            fields = {"jpg": b"\xff\xd8", "json": json.dumps({"key": n}), "txt": f"caption {n}"}
            writer.write({"__key__": f"{n:09d}", "msgpack": reading.packed, **fields})
    with pytest.warns(UserWarning, match=r"skipped: jpg, json\.|skipped: jpg, json, txt\."):
        assert len(found(shard)) == 20


@pytest.mark.parametrize("prefix", ["", "./"])
def test_a_shard_with_times_is_cut_with_equal_samples(tmp_path: Path, prefix: str) -> None:
    shard, keys = tmp_path / "a.tar", [f"{prefix}größe/{n}" for n in range(40)]
    with tarfile.open(shard, "w", format=tarfile.PAX_FORMAT) as tar:
        for n, key in enumerate(keys):
            info = tarfile.TarInfo(f"{key}.msgpack")
            info.size, info.mtime = 700, 1_700_000_000.25
            tar.addfile(info, io.BytesIO(bytes([n]) * 700))
    pieces = [path for path, _ in recut(shard, tmp_path, maxsize=20_000)]
    assert len(pieces) > 1
    cut = [(key, bytes(data)) for path in pieces for _, key, _, data in read_file(path, "a")]
    assert cut == [(key, bytes([n]) * 700) for n, key in enumerate(keys)]
