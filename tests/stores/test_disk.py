from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import atdata
from atdata.errors import StorageError
from atdata.stores import LocalDiskStore

from .conftest import Number, numbers

MakeDataset = Callable[[int], atdata.Dataset[Number]]


def test_by_default_it_is_in_the_data_folder(isolated_home: Path) -> None:
    assert LocalDiskStore().root == isolated_home / "data" / "atdata" / "shards"


def test_a_relative_root_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(2)
    monkeypatch.chdir(tmp_path)
    store = LocalDiskStore("here")
    monkeypatch.chdir("/")
    (url,) = store.write_shards(dataset, prefix="p")
    assert Path(url).is_relative_to(tmp_path / "here")
    assert store.read_url(url) == url
    assert list(atdata.Dataset[Number](url).ordered()) == numbers(2)


def test_shards_can_be_read_by_others_as_the_umask_says(
    tmp_path: Path, make_dataset: MakeDataset
) -> None:
    (url,) = LocalDiskStore(tmp_path / "store").write_shards(make_dataset(1), prefix="p")
    umask = os.umask(0)
    os.umask(umask)
    assert Path(url).stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_damaged_shard_is_mended_by_the_next_run(
    tmp_path: Path, make_dataset: MakeDataset
) -> None:
    store = LocalDiskStore(tmp_path / "store")
    (url,) = store.write_shards(make_dataset(3), prefix="p")
    good = Path(url).read_bytes()
    Path(url).write_bytes(b"damaged")
    store.write_shards(make_dataset(3), prefix="p")
    assert Path(url).read_bytes() == good


def test_what_a_killed_process_left_is_removed_after_a_day(
    tmp_path: Path, make_dataset: MakeDataset
) -> None:
    store = LocalDiskStore(tmp_path / "store")
    old, new = (store.root / ".incoming" / name for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "000000.tar").write_bytes(b"part")
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    store.write_shards(make_dataset(1), prefix="p")
    assert [path.name for path in (store.root / ".incoming").iterdir()] == ["new"]


def test_a_root_that_is_a_file(tmp_path: Path, make_dataset: MakeDataset) -> None:
    root = tmp_path / "file"
    root.write_text("not a folder")
    with pytest.raises(StorageError, match="file"):
        LocalDiskStore(root).write_shards(make_dataset(1), prefix="p")
    assert root.read_text() == "not a folder"
