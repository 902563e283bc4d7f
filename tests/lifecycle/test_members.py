"""Shards in the members layout, through the whole life of a dataset."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import atdata
from atdata.lifecycle import Report, collect_garbage, pack, publish, verify, verify_pack
from atdata.lifecycle.checks import shard as checks
from atdata.lifecycle.serving.store import open_store
from photos import Photo, members, photo, photo_shard, root_of, tarwriter_shard


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return root_of(tmp_path / "root", [photo_shard(0, 5), photo_shard(5, 8)])


def checked(tmp_path: Path, samples: Mapping[str, Mapping[str, bytes]]) -> Report:
    """The deep report of a dataset with these members by key."""
    return verify(root_of(tmp_path / "root", [tarwriter_shard(samples)]), deep=True)


def test_a_shard_of_webdataset_is_verified_deep_and_packed_unmoved(
    root: Path, tmp_path: Path
) -> None:
    report = verify(root, deep=True)
    assert report.findings == ()
    assert report.counts["samples"] == 8
    assert pack(root, tmp_path / "photos.tar", deep=True).findings == ()
    assert verify_pack(tmp_path / "photos.tar", deep=True).findings == ()
    with tarfile.open(tmp_path / "photos.tar") as tar:
        stream = tar.extractfile("000001.tar")
        assert stream is not None
        assert stream.read() == photo_shard_of(root)


def photo_shard_of(root: Path) -> bytes:
    return (root / "000001.tar").read_bytes()


def test_it_is_published_and_verified_where_it_is_served(root: Path, store_root: str) -> None:
    assert publish(root, store_root).findings == ()
    stored = verify(store_root, name="photos", version="1.0.0", deep=True)
    assert stored.findings == ()
    assert stored.subject["content_cid"] == verify(root).subject["content_cid"]


def test_garbage_is_collected_around_the_shards_of_releases(
    root: Path, tmp_path: Path, store_root: str, no_least_grace: None
) -> None:
    publish(root, store_root)
    objects = open_store(store_root).objects
    kept = {stat.key for stat in objects.find("shards/")}
    assert len(kept) == 2
    unneeded = f"shards/{'0' * 64}.tar"
    objects.create(unneeded, photo_shard(8, 9))
    plan = collect_garbage(store_root, grace=0.0)
    assert plan.result["files"] == [unneeded]
    collect_garbage(store_root, apply=plan.result["plan"], grace=0.0).raise_for_findings()
    assert {stat.key for stat in objects.find("shards/")} == kept
    assert verify(store_root, name="photos", version="1.0.0", deep=True).findings == ()


def test_what_write_shards_wrote_is_verified_with_its_index(tmp_path: Path) -> None:
    root = tmp_path / "written"
    atdata.write_shards([photo(n) for n in range(9)], root, maxcount=4, layout="members")
    assert verify(root, deep=True).findings == ()
    index = root / "000001.idx"
    index.write_bytes(index.read_bytes().replace(b"txt", b"tyt", 1))
    assert [finding.code for finding in verify(root).findings] == ["INDEX_STALE"]


def test_index_files_of_other_tools_are_not_findings(root: Path) -> None:
    (root / ".nv-meta").mkdir()
    for name in ("index.json", "000000.tar.idx", "000001.json"):
        (root / name).write_bytes(b"{}")
    assert verify(root).findings == ()


@pytest.mark.parametrize(
    ("changed", "code", "member"),
    [
        ({"cls": b"one"}, "FIELD_TYPE", "b.cls"),
        ({"json": b"{'a': 1}"}, "FIELD_TYPE", "b.json"),
        ({"json": b"[" * 10_000 + b"]" * 10_000}, "FIELD_TYPE", "b.json"),
        ({"json": b'{"a": 1, "a": 2}'}, "FIELD_TYPE", "b.json"),
        ({"txt": b"\xff\xfe"}, "FIELD_TYPE", "b.txt"),
        ({"pyd": b"cos\nsystem\n."}, "NAME_PICKLE", "b.pyd"),
        ({"weights.pkl.gz": b"cos\nsystem\n."}, "NAME_PICKLE", "b.weights.pkl.gz"),
    ],
)
def test_a_member_that_is_wrong_is_found_where_it_is(
    tmp_path: Path, changed: dict[str, bytes], code: str, member: str
) -> None:
    samples = {"a": members(0), "b": members(1) | changed, "c": members(2)}
    (finding,) = checked(tmp_path, samples).findings
    assert (finding.code, finding.member) == (code, member)
    shard = (tmp_path / "root/000000.tar").read_bytes()
    assert finding.offset is not None
    assert shard[finding.offset :].startswith(member.encode())


def test_a_member_that_is_missing_is_found(tmp_path: Path) -> None:
    without = {name: data for name, data in members(1).items() if name not in ("cls", "txt")}
    report = checked(tmp_path, {"a": members(0), "b": without})
    assert [(found.code, found.path) for found in report.findings] == [("FIELD_MISSING", "cls")]


def test_arrays_of_objects_are_found_as_pickles(tmp_path: Path) -> None:
    import numpy as np
    from numpy.typing import NDArray

    @atdata.packable
    class Row:
        npy: NDArray[np.float32]

    file = io.BytesIO()
    np.save(file, np.array([{}], object), allow_pickle=True)
    data = tarwriter_shard({"a": {"npy": file.getvalue()}})
    report = verify(root_of(tmp_path / "root", [data], Row), deep=True)
    assert [found.code for found in report.findings] == ["FIELD_PICKLE"]


def plain(*names: str) -> bytes:
    """A shard of these names, which reading may refuse."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in names:
            data = members(0).get(name.partition(".")[2].lower(), b"")
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


WHOLE = ("a.png", "a.cls", "a.json")


@pytest.mark.parametrize(
    ("names", "code", "member"),
    [
        ((*WHOLE, "a.CLS"), "NAME_TWICE", "a.CLS"),
        ((*WHOLE, "b.png", "b.cls", "b.json", "a.txt"), "KEY_TWICE", "a.txt"),
        ((*WHOLE, "A.png", "A.cls", "A.json"), "KEY_CASE", "A.png"),
        ((*WHOLE, "b c.png", "b c.cls", "b c.json"), "NAME_NOT_PORTABLE", "b c.png"),
        ((*WHOLE, "b.png", "b.cls", "b.json", "b.msgpack"), "NAME_FIELD", "b.msgpack"),
    ],
)
def test_names_that_readers_take_differently_are_found(
    root: Path, names: tuple[str, ...], code: str, member: str
) -> None:
    (root / "000001.tar").write_bytes(plain(*names))
    found = {finding.code: finding for finding in verify(root).findings}
    assert found[code].member == member


def test_a_key_in_two_shards_is_found_once(root: Path) -> None:
    (root / "000001.tar").write_bytes(photo_shard(4, 7))
    found = [finding for finding in verify(root).findings if finding.code == "KEY_TWICE"]
    assert [finding.member for finding in found] == ["train/00004.cls"]


def test_a_damaged_member_counts_as_a_part_of_its_sample(root: Path) -> None:
    path = root / "000001.tar"
    data = bytearray(plain(*WHOLE, "b.png", "b.cls", "b.json"))
    data[data.index(b"b.cls") + 1000] = 1  # in the padding
    path.write_bytes(data)
    report = verify(root, deep=True)
    assert "TAR_PADDING" in {finding.code for finding in report.findings}
    assert report.counts["samples"] == 7
    assert "KEY_TWICE" not in {finding.code for finding in report.findings}
    assert "FIELD_MISSING" not in {finding.code for finding in report.findings}


def test_samples_over_the_limits_are_found(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(root, tmp_path / "photos.tar")
    found = verify_pack(tmp_path / "photos.tar", deep=True, max_sample=100).findings
    assert [finding.code for finding in found] == ["SAMPLE_TOO_LARGE"] * 8
    monkeypatch.setattr(checks, "MOST_MEMBERS", 4)
    found = verify_pack(tmp_path / "photos.tar").findings
    assert [finding.code for finding in found] == ["TAR_TOO_LARGE"] * 8


def test_a_class_reads_what_was_verified(root: Path) -> None:
    dataset = atdata.load_dataset(root, Photo, split="train")
    assert list(dataset) == [photo(n) for n in range(8)]
    assert len(dataset) == 8
