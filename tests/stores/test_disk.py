from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import atdata
from atdata.base.scratch import scratch_folder
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


def test_what_a_killed_process_left_is_removed_by_the_next_run(
    tmp_path: Path, make_dataset: MakeDataset
) -> None:
    store = LocalDiskStore(tmp_path / "store")
    incoming = store.root / ".incoming"
    incoming.mkdir(parents=True)
    left = incoming / ".scratch-0"
    left.mkdir()
    (left / "000000.tar").write_bytes(b"part")
    (incoming / ".scratch-0.lock").touch()
    with scratch_folder(incoming) as used:
        assert not left.exists()
        os.utime(used, (0, 0))  # its owner lives, however old it is
        store.write_shards(make_dataset(1), prefix="p")
        assert used.exists()
    assert list(incoming.iterdir()) == []


def test_a_root_that_is_a_file(tmp_path: Path, make_dataset: MakeDataset) -> None:
    root = tmp_path / "file"
    root.write_text("not a folder")
    with pytest.raises(StorageError, match="file"):
        LocalDiskStore(root).write_shards(make_dataset(1), prefix="p")
    assert root.read_text() == "not a folder"
