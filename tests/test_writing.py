from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import atdata
from atdata import Dataset
from atdata.errors import SampleError, SchemaError
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
