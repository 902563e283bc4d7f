"""Loading: from the network, from an index, from files by split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import atdata
from atdata import DatasetDict, DictSample, load_dataset
from atdata.atmosphere import AtmosphereClient, AtmosphereIndex
from atdata.errors import (
    EntryNotFound,
    StorageError,
    UrlError,
)
from atdata.local import LocalIndex
from readings import Reading, labels, write_readings

pytestmark = pytest.mark.xdist_group("pds")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Shards of two splits, and of none."""
    made = write_readings(tmp_path / "made", 12)
    data = tmp_path / "data"
    data.mkdir()
    for path, name in zip(made, ("x-train-0", "x-train-1", "x-test-0"), strict=True):
        Path(path).rename(data / f"{name}.tar")
    return data


def test_a_file_is_the_training_split(folder: Path) -> None:
    splits = load_dataset(str(folder / "x-train-0.tar"), Reading)
    assert isinstance(splits, DatasetDict)
    assert list(splits) == ["train"]
    assert labels(splits["train"]) == [0, 1, 2, 3]
    assert labels(load_dataset(folder / "x-train-0.tar", Reading, split="train")) == [0, 1, 2, 3]


def test_without_a_type_samples_are_dicts(folder: Path) -> None:
    ds = load_dataset(folder / "x-train-0.tar", split="train")
    assert ds.sample_type is DictSample
    assert [sample.label for sample in ds.ordered()] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "path", ["{folder}", "{folder}/", "{folder}/*.tar", "{folder}/**/*.tar", "{folder}/x-*-?.tar"]
)
def test_splits_by_name(folder: Path, path: str) -> None:
    splits = load_dataset(path.replace("{folder}", str(folder)), Reading)
    assert {name: labels(ds) for name, ds in splits.items()} == {
        "test": [8, 9, 10, 11],
        "train": list(range(8)),
    }
    assert splits.num_shards == {"test": 1, "train": 2}
    assert splits.sample_type is Reading


def test_splits_of_a_pattern(folder: Path) -> None:
    splits = load_dataset(f"{folder}/x-{{train,test}}-0.tar", Reading)
    assert {name: labels(ds) for name, ds in splits.items()} == {
        "train": [0, 1, 2, 3],
        "test": [8, 9, 10, 11],
    }
    one = load_dataset(f"{folder}/x-train-{{0..1}}.tar", Reading, split="train")
    assert one.source.urls == [f"{folder}/x-train-{{0..1}}.tar"]
    assert labels(one) == list(range(8))


def test_splits_by_folder(tmp_path: Path) -> None:
    for start, split in ((0, "training"), (10, "dev"), (20, "testing"), (30, "other")):
        write_readings(tmp_path / "data" / split, 4, start=start)
    splits = load_dataset(tmp_path / "data", Reading)
    assert {name: labels(ds)[0] for name, ds in splits.items()} == {
        "validation": 10,
        "train": 30,
        "test": 20,
    }
    assert labels(splits["train"]) == [30, 31, 32, 33, 0, 1, 2, 3]


@pytest.mark.parametrize("alias", ["validation", "val", "valid", "dev", "development"])
def test_other_names_of_a_split(tmp_path: Path, alias: str) -> None:
    write_readings(tmp_path / "val", 4)
    assert labels(load_dataset(tmp_path, Reading, split=alias)) == [0, 1, 2, 3]


def test_every_name_of_a_split_is_in_the_dict_and_can_be_got(tmp_path: Path) -> None:
    write_readings(tmp_path / "val", 4)
    splits = load_dataset(tmp_path, Reading)
    for name in ("val", "valid", "validation", "dev", "development"):
        assert name in splits
        assert splits.get(name) is splits[name]
    assert "train" not in splits
    assert splits.get("training") is None
    assert splits.get("training", "none") == "none"
    assert 3 not in splits
    assert "dev" in DatasetDict({"dev": splits["val"]})


def test_a_dict_of_splits_has_the_sample_type_that_was_given() -> None:
    assert DatasetDict({}, sample_type=Reading).sample_type is Reading
    assert DatasetDict({}, Reading, streaming=True).streaming
    assert DatasetDict().sample_type is None


def test_words_that_only_hold_the_name_of_a_split(tmp_path: Path) -> None:
    write_readings(tmp_path / "latest-contest-trains-invalid", 4)
    assert list(load_dataset(tmp_path, Reading)) == ["train"]


def test_data_files(folder: Path) -> None:
    named: dict[str, Any] = {"train": "x-train-*.tar", "val": ["x-test-0.tar"]}
    splits = load_dataset(folder, Reading, data_files=named)
    assert {name: labels(ds) for name, ds in splits.items()} == {
        "train": list(range(8)),
        "validation": [8, 9, 10, 11],
    }
    ds = load_dataset(folder, Reading, data_files="x-train-1.tar", split="train")
    assert labels(ds) == [4, 5, 6, 7]
    some = load_dataset(folder, Reading, data_files=["x-test-0.tar", str(folder / "x-train-1.tar")])
    assert list(some) == ["test", "train"]


def test_a_split_that_is_not_there(folder: Path) -> None:
    with pytest.raises(EntryNotFound, match=r"no split 'dev'.*\n.*test, train"):
        load_dataset(folder, Reading, split="dev")
    with pytest.raises(KeyError):
        load_dataset(folder, Reading)["other"]
    with pytest.raises(ValueError, match="no split"):
        load_dataset(folder, Reading)["dev"]


def test_splits_are_found_by_their_other_names(folder: Path) -> None:
    splits = load_dataset(folder, Reading)
    assert splits.get("training") is splits["train"]
    assert ("testing" in splits, "train" in splits) == (True, True)
    assert ("val" in splits, "other" in splits, None in splits) == (False, False, False)
    assert splits.get("val") is None
    assert splits.get("other", 3) == 3


def test_the_sample_type_of_splits_can_be_given() -> None:
    assert DatasetDict({}, Reading).sample_type is Reading
    assert DatasetDict(sample_type=Reading, streaming=True).streaming
    assert DatasetDict().sample_type is None


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "nothing.tar", tmp_path / "*.tar", tmp_path / "empty"):
        with pytest.raises(StorageError, match="no shards there"):
            load_dataset(path)


def test_urls_are_not_opened(folder: Path) -> None:
    splits = load_dataset("https://example.com/x-{train,test}-{0..3}.tar", streaming=True)
    assert splits.streaming
    assert splits.num_shards == {"train": 4, "test": 4}
    with pytest.raises(UrlError, match="pipe"):
        load_dataset("pipe:cat /etc/passwd")


def test_one_split_can_be_used_as_it_is(folder: Path) -> None:
    splits = load_dataset(folder / "x-train-0.tar", Reading)
    assert [sample.label for sample in splits.ordered()] == [0, 1, 2, 3]
    with pytest.raises(AttributeError, match="choose a split"):
        load_dataset(folder, Reading).ordered()


def test_from_a_local_index(folder: Path, tmp_path: Path) -> None:
    index = LocalIndex(path=tmp_path / "index.db")
    index.insert_dataset(atdata.Dataset[Reading](str(folder / "x-train-0.tar")), name="mine")
    for ref in ("mine", "@local/mine"):
        ds = load_dataset(ref, index=index, split="train")
        assert labels(ds) == [0, 1, 2, 3]
        assert ds.sample_type is not DictSample
    with pytest.raises(EntryNotFound):
        load_dataset("nothing", index=index)


def test_from_the_default_index(folder: Path) -> None:
    with LocalIndex() as index:
        index.insert_dataset(atdata.Dataset[Reading](str(folder / "x-train-0.tar")), name="a b")
    assert labels(load_dataset("@local/a b", split="train")) == [0, 1, 2, 3]
    assert list(load_dataset("@local/a b", Reading)) == ["train"]
    with pytest.raises(EntryNotFound):
        load_dataset("@local/other")


def test_from_the_network(client: AtmosphereClient, folder: Path) -> None:
    ds = atdata.Dataset[Reading](str(folder / "x-train-0.tar"))
    entry = AtmosphereIndex(client).insert_dataset(ds, name="x")
    for ref in (entry.uri, f"@{client.handle}/x", f"@{client.did}/x"):
        loaded = load_dataset(ref, split="train")
        assert labels(loaded) == [0, 1, 2, 3]
        assert loaded.sample_type is not DictSample
    assert labels(load_dataset(entry.uri, Reading)["train"]) == [0, 1, 2, 3]
    assert labels(load_dataset("x", index=AtmosphereIndex(client), split="train")) == [0, 1, 2, 3]
    with pytest.raises(EntryNotFound):
        load_dataset(f"@{client.handle}/y")
