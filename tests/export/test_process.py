from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atdata import Dataset
from atdata.engines import engine
from atdata.errors import StorageError
from atdata.testing.samples import Thing, things, write_things


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset[Thing]:
    """Three shards of four samples."""
    return write_things(tmp_path / "data", 12)


def total(samples: list[Thing]) -> int:
    return sum(one.number for one in samples)


def total_with_failure(samples: list[Thing]) -> int:
    if samples[0].number == 4:
        raise RuntimeError("stopped")
    return total(samples)


TOTALS = [6, 22, 38]


@pytest.mark.parametrize("processes", [None, 1, 2])
def test_a_function_takes_the_samples_of_each_shard(
    dataset: Dataset[Thing], processes: int | None, tmp_path: Path
) -> None:
    options: dict[str, Any] = {} if processes is None else {"engine": engine(processes=processes)}
    wanted = dict(zip(dataset.list_shards(), TOTALS, strict=True))
    assert dataset.process_shards(total, **options) == wanted
    for _ in range(2):
        assert dataset.process_shards(total, checkpoints=tmp_path / "kept", **options) == wanted


def test_shards_that_are_done_are_not_done_again(dataset: Dataset[Thing], tmp_path: Path) -> None:
    done: list[int] = []

    def seen(samples: list[Thing]) -> int:
        done.append(samples[0].number)
        return total_with_failure(samples)

    for _ in range(2):
        with pytest.raises(RuntimeError, match="stopped"):
            dataset.process_shards(seen, checkpoints=tmp_path / "a" / "kept")
    assert done == [0, 4, 4]
    found = dataset.process_shards(total, checkpoints=tmp_path / "a" / "kept")
    assert list(found.values()) == TOTALS


def test_after_a_failure_other_workers_results_are_kept(
    dataset: Dataset[Thing], tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="stopped"):
        dataset.process_shards(
            total_with_failure, engine=engine(processes=3), checkpoints=tmp_path / "kept"
        )
    assert (tmp_path / "kept").is_dir()
    found = dataset.process_shards(total, checkpoints=tmp_path / "kept")
    assert list(found.values()) == TOTALS


def test_results_are_the_same_before_and_after_they_are_kept(
    dataset: Dataset[Thing], tmp_path: Path
) -> None:
    first, again = (
        dataset.process_shards(lambda samples: {1: (len(samples),)}, checkpoints=tmp_path / "kept")
        for _ in range(2)
    )
    assert list(first.values()) == list(again.values()) == [{"1": [4]}] * 3


def test_what_json_can_not_hold_is_an_error(dataset: Dataset[Thing], tmp_path: Path) -> None:
    assert next(iter(dataset.process_shards(list).values())) == things(4)
    with pytest.raises(StorageError, match="can't be kept as JSON") as caught:
        dataset.process_shards(list, checkpoints=tmp_path / "kept")
    assert caught.value.shard == dataset.list_shards()[0]


def test_an_unsound_checkpoint_is_an_error_that_names_it(
    dataset: Dataset[Thing], tmp_path: Path
) -> None:
    dataset.process_shards(total, checkpoints=tmp_path / "kept")
    path = min((tmp_path / "kept").iterdir())
    for text in ("{", "[]", "{}", "3"):
        path.write_text(text)
        with pytest.raises(StorageError, match="checkpoint can't be read") as caught:
            dataset.process_shards(total, checkpoints=tmp_path / "kept")
        assert caught.value.uri == str(path)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="can't be written"):
        dataset.process_shards(total, checkpoints=tmp_path / "file" / "kept")
