from __future__ import annotations

from pathlib import Path

import pytest

from atdata import Dataset, load_dataset, write_shards
from atdata.errors import ManifestError, StorageError
from atdata.testing.samples import Thing, things, write_things


def test_a_folder_that_was_written_is_a_dataset(tmp_path: Path) -> None:
    made = write_shards(things(10), tmp_path / "a", maxcount=3)
    (tmp_path / "a" / "later.tar").write_bytes(b"no part of it")
    for folder in (tmp_path / "a", str(tmp_path / "a"), f"{tmp_path}/a/"):
        dataset = Dataset[Thing](folder)
        assert list(dataset) == things(10)
        assert len(dataset) == 10
        assert list(map(Path, dataset.list_shards())) == list(map(Path, made.list_shards()))
    assert list(Dataset(url=str(tmp_path / "a"))["number"]) == list(range(10))


def test_another_folder_is_an_error_that_names_what_to_write(tmp_path: Path) -> None:
    write_things(tmp_path / "a", 4)
    with pytest.raises(StorageError, match=r"no dataset.json") as caught:
        Dataset[Thing](tmp_path / "a")
    assert caught.value.uri == str(tmp_path / "a")
    assert caught.value.hint is not None
    assert "atdata.load_dataset(folder)" in caught.value.hint
    assert list(load_dataset(tmp_path / "a", Thing, split="train")) == things(4)


def test_a_folder_with_an_unsound_manifest_is_an_error(tmp_path: Path) -> None:
    write_shards(things(4), tmp_path / "a")
    (tmp_path / "a" / "dataset.json").write_bytes(b"{}")
    with pytest.raises(ManifestError) as caught:
        Dataset[Thing](tmp_path / "a")
    assert caught.value.uri == str(tmp_path / "a" / "dataset.json")
