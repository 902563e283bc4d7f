from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import atdata
from atdata import Dataset
from atdata.errors import SampleError, SchemaError, StorageError
from atdata.testing.samples import Thing, things


def test_what_is_written_is_read_as_its_own_type(tmp_path: Path) -> None:
    dataset = atdata.write_shards(things(10), tmp_path / "a", maxcount=4)
    assert isinstance(dataset, Dataset)
    assert dataset.sample_type is Thing
    assert [thing.number for thing in dataset] == list(range(10))
    assert [Path(name).name for name in dataset.shard_list] == [
        "000000.tar", "000001.tar", "000002.tar",
    ]  # fmt: skip
    assert len(dataset) == 10
    assert dataset[-1].number == 9


def test_shards_are_bounded_by_count_and_by_size(tmp_path: Path) -> None:
    by_count = atdata.write_shards(things(9), tmp_path / "a", maxcount=2)
    assert len(by_count.shard_list) == 5
    by_size = atdata.write_shards(things(9), tmp_path / "b", maxsize=4096)
    assert max(Path(name).stat().st_size for name in by_size.shard_list) <= 4096
    assert [thing.number for thing in by_size] == list(range(9))


def test_samples_are_taken_one_at_a_time(tmp_path: Path) -> None:
    taken: list[int] = []
    written: list[int] = []

    def producer() -> Iterator[Thing]:
        for thing in things(5):
            taken.append(thing.number)
            written.append(len(list(tmp_path.glob(".atdata-write-*/*/*.tar"))))
            yield thing

    atdata.write_shards(producer(), tmp_path / "a", maxcount=2)
    assert taken == list(range(5))
    assert written[-1] > 0  # a shard was complete before the last sample was asked for


def test_a_folder_may_be_given_as_text_and_by_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = atdata.write_shards(things(3), "deep/er/a")
    assert (tmp_path / "deep" / "er" / "a" / "dataset.json").is_file()
    monkeypatch.chdir("/")
    assert len(list(dataset)) == 3


def test_samples_of_one_type_are_needed(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="there are no samples"):
        atdata.write_shards([], tmp_path / "a")
    with pytest.raises(SchemaError):
        atdata.write_shards([atdata.DictSample(a=1)], tmp_path / "a")
    with pytest.raises(SampleError, match=r"Thing\.values"):
        atdata.write_shards([Thing(np.zeros(3, object), 1)], tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_write_samples_writes_one_file_that_replaces_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.tar"
    atdata.write_samples(things(3), path)
    dataset = atdata.write_samples(things(10), path)
    assert dataset.sample_type is Thing
    assert dataset.shard_list == [str(path)]
    assert [thing.number for thing in Dataset[Thing](str(path)).ordered()] == list(range(10))
    assert [one.name for one in path.parent.iterdir()] == ["out.tar"]


def test_write_samples_numbers_its_files_when_there_is_a_limit(tmp_path: Path) -> None:
    by_count = atdata.write_samples(things(5), tmp_path / "a.tar", maxcount=2)
    assert [Path(name).name for name in by_count.shard_list] == [
        "a-000000.tar", "a-000001.tar", "a-000002.tar",
    ]  # fmt: skip
    by_size = atdata.write_samples(things(9), tmp_path / "b-%03d-100%.tar", maxsize=4096)
    assert Path(by_size.shard_list[1]).name == "b-001-100%.tar"
    assert max(Path(name).stat().st_size for name in by_size.shard_list) <= 4096
    assert [thing.number for thing in by_size] == list(range(9))


def test_write_samples_leaves_nothing_of_what_it_could_not_finish(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with pytest.raises(SampleError, match="no samples"):
        atdata.write_samples([], folder / "a.tar")
    with pytest.raises(SampleError, match="sample 1 is a int"):
        atdata.write_samples([*things(1), 5], folder / "a.tar")
    with pytest.raises(StorageError, match="can't write the shards"):
        atdata.write_samples(things(1), folder)
    assert list(folder.iterdir()) == []
