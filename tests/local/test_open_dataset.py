"""Datasets that are read through a local index: typed, counted and verified."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import atdata
from atdata import load_dataset
from atdata._protocols import AbstractIndex
from atdata.errors import DigestMismatch, EntryNotFound
from atdata.local import LocalDiskStore, LocalIndex, S3DataStore
from atdata.sources import verified
from atdata.storage.buckets import find_bucket
from atdata.storage.s3 import S3Bucket
from readings import Reading, labels, readings, write_readings


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Ten readings in three shards."""
    return [Path(path) for path in write_readings(tmp_path / "made", 10)]


@pytest.fixture
def filled(index: LocalIndex, paths: list[Path]) -> LocalIndex:
    """An index of them, where they are."""
    index.insert_dataset(atdata.Dataset[Reading]([str(path) for path in paths]), name="readings")
    return index


def rewrite(path: Path, start: int) -> None:
    """Other samples in a shard of the same size, written in place, its mtime put back."""
    before = path.stat()
    other = Path(write_readings(path.parent / f"other{start}", 4, start=start)[0]).read_bytes()
    assert len(other) == before.st_size
    with path.open("r+b") as file:
        file.write(other)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_an_index_opens_its_datasets(filled: LocalIndex) -> None:
    assert isinstance(filled, AbstractIndex)
    for ref in ("readings", "@local/readings", "atdata://local/dataset/readings"):
        dataset = load_dataset(ref, index=filled, split="train")
        assert len(dataset) == 10
        assert dataset[-1].label == 9
        assert labels(dataset) == list(range(10))
    assert filled.open_dataset("readings", Reading).sample_type is Reading
    with pytest.raises(EntryNotFound):
        filled.open_dataset("nothing")


def test_a_shard_that_was_rewritten_in_place_is_not_read(
    filled: LocalIndex, paths: list[Path]
) -> None:
    dataset = filled.open_dataset("readings", Reading)
    assert labels(dataset) == list(range(10))
    rewrite(paths[1], 1004)
    for read in (filled.open_dataset("readings", Reading), dataset):
        with pytest.raises(DigestMismatch, match="000001"):
            labels(read)
        with pytest.raises(DigestMismatch):
            read[4]
        assert read[0].label == 0


def test_a_change_after_the_first_reading_is_noticed(
    filled: LocalIndex, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the file counts as settled, so that its state is remembered."""
    monkeypatch.setattr(verified, "_SETTLED", -(1 << 62))
    assert labels(filled.open_dataset("readings", Reading)) == list(range(10))
    rewrite(paths[0], 1000)
    with pytest.raises(DigestMismatch, match="000000"):
        labels(filled.open_dataset("readings", Reading))


def test_a_file_is_checked_once_in_a_process(
    filled: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[str] = []
    real = verified.verified_pieces

    def pieces(stream, shard, digest, size):  # type: ignore[no-untyped-def]
        checks.append(shard)
        return real(stream, shard, digest, size)

    monkeypatch.setattr(verified, "verified_pieces", pieces)
    monkeypatch.setattr(verified, "_SETTLED", -(1 << 62))
    for _ in range(3):
        assert labels(filled.open_dataset("readings", Reading)) == list(range(10))
    assert len(checks) == 3


def test_shards_in_s3_are_checked_too(
    index: LocalIndex, tmp_path: Path, s3_credentials: dict[str, str], s3_bucket: str
) -> None:
    index.data_store = S3DataStore(s3_credentials, bucket=s3_bucket)
    ds = atdata.write_shards(readings(10), tmp_path / "built", maxcount=4)
    entry = index.insert_dataset(ds, name="readings")
    key = entry.data_urls[1].removeprefix(f"s3://{s3_bucket}/")
    other = Path(write_readings(tmp_path / "other", 4, start=1004)[0]).read_bytes()
    find_bucket(S3Bucket, s3_bucket).replace(key, other)
    dataset = index.open_dataset("readings", Reading)
    assert len(dataset) == 10
    with pytest.raises(DigestMismatch):
        labels(dataset)


def test_urls_without_digests_are_read_as_they_are(index: LocalIndex, paths: list[Path]) -> None:
    index.insert_dataset(atdata.Dataset[Reading]("https://nowhere.invalid/a.tar"), name="remote")
    dataset = index.open_dataset("remote")
    assert dataset.list_shards() == ["https://nowhere.invalid/a.tar"]
    with pytest.raises(TypeError, match="not known"):
        len(dataset)


_LOAD = """
import json, sys
from atdata import load_dataset
from atdata.local import LocalIndex
load_dataset("readings", index=LocalIndex(path=sys.argv[1]))
print(json.dumps([name for name in sys.modules if name.startswith("atdata.atmosphere")]))
"""


def test_opening_an_entry_does_not_import_the_atmosphere(tmp_path: Path) -> None:
    store = LocalDiskStore(tmp_path / "store")
    with LocalIndex(path=tmp_path / "index.db", data_store=store) as index:
        ds = atdata.Dataset[Reading](write_readings(tmp_path / "made", 4))
        index.insert_dataset(ds, name="readings")
    command = [sys.executable, "-c", _LOAD, str(tmp_path / "index.db")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout) == []
