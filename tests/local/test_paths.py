"""Entries outlive a move of their index, their shards or the home."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import atdata
from atdata.cli import main
from atdata.errors import EntryError, StorageError, UrlError
from atdata.local import LocalDatasetEntry, LocalDiskStore, LocalIndex, S3DataStore
from atdata.local.entry_table import EntryTable
from atdata.local.schema_table import SchemaTable

from .samples import Reading, readings


def inserted(index: LocalIndex, folder: Path, name: str = "a") -> LocalDatasetEntry:
    return index.insert_dataset(atdata.write_shards(readings(4), folder, maxcount=2), name=name)


def count(index: LocalIndex, name: str = "a") -> int:
    return len(list(atdata.load_dataset(name, index=index, split="train")))


def kept(path: Path) -> list[str]:
    """The URLs in the database, as they are there."""
    connection = sqlite3.connect(path)
    try:
        ((body,),) = connection.execute("SELECT body FROM entries")
    finally:
        connection.close()
    return list(json.loads(body)["urls"])


def test_the_default_index_and_its_store_move_with_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolated_home: Path
) -> None:
    for name in ("DATA", "CACHE", "CONFIG", "STATE"):
        monkeypatch.delenv(f"XDG_{name}_HOME")
    with LocalIndex(data_store=LocalDiskStore()) as index:
        before = inserted(index, tmp_path / "made")
        elsewhere = inserted(index, isolated_home / "mine", "b")
    moved = tmp_path / "another home"
    isolated_home.rename(moved)
    monkeypatch.setenv("HOME", str(moved))
    with LocalIndex() as index:
        entry = index.get_dataset("a")
        assert entry.data_urls[0].startswith(str(moved))
        assert (entry.content_cid, entry.created_at) == (before.content_cid, before.created_at)
        assert index.get_entry(elsewhere.cid).content_cid == elsewhere.content_cid
        assert count(index) == count(index, "b") == 4


def test_an_index_and_a_store_in_one_folder_move_together(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    with LocalIndex(path=folder / "index.db", data_store=LocalDiskStore(folder / "store")) as index:
        inserted(index, tmp_path / "made")
    assert all(url.startswith("./store/") for url in kept(folder / "index.db"))
    folder.rename(tmp_path / "moved")
    with LocalIndex(path=tmp_path / "moved" / "index.db") as index:
        assert count(index) == 4


def test_paths_of_others_and_urls_stay_as_they_are(tmp_path: Path, isolated_home: Path) -> None:
    with LocalIndex(path=tmp_path / "index" / "index.db") as index:
        entry = inserted(index, isolated_home / "made")
        assert entry == index.get_dataset("a")
    # The index is not in the home: it may be read by users with another one.
    assert kept(tmp_path / "index" / "index.db") == entry.data_urls
    assert all(os.path.isabs(url) for url in entry.data_urls)


def test_relocate_says_where_shards_are_now(tmp_path: Path) -> None:
    index = LocalIndex(path=tmp_path / "index" / "index.db")
    inserted(index, tmp_path / "old" / "a")
    (tmp_path / "old").rename(tmp_path / "new")
    assert index.relocate(tmp_path / "old", tmp_path / "new") == ["a"]
    assert count(index) == 4
    assert index.relocate(tmp_path / "old", tmp_path / "new") == []


def test_relocate_changes_nothing_when_a_file_is_missing(tmp_path: Path) -> None:
    index = LocalIndex(path=tmp_path / "index" / "index.db")
    before = [inserted(index, tmp_path / "old" / name, name) for name in "ab"]
    shutil.copytree(tmp_path / "old" / "a", tmp_path / "new" / "a")
    with pytest.raises(StorageError, match="no shard there"):
        index.relocate(tmp_path / "old", tmp_path / "new")
    assert index.list_datasets() == before
    with pytest.raises(UrlError, match="only one place"):
        index.relocate(tmp_path / "old")


def test_relocate_keeps_the_paths_of_earlier_versions_relative(tmp_path: Path) -> None:
    path = tmp_path / "index" / "index.db"
    index = LocalIndex(path=path)
    entry = inserted(index, tmp_path / "index" / "made")
    row = index.backend.entry("a")
    assert row is not None
    assert index.backend.put_entry(row._replace(text=entry.to_text()), before=row)
    assert kept(path) == entry.data_urls
    assert index.get_dataset("a") == entry
    assert index.relocate() == ["a"]
    assert all(url.startswith("./made/") for url in kept(path))
    assert index.get_dataset("a") == entry


def test_relocate_on_the_command_line(tmp_path: Path) -> None:
    with LocalIndex() as index:
        inserted(index, tmp_path / "old")
        (tmp_path / "old").rename(tmp_path / "new")
        asked = ["dataset", "relocate", str(tmp_path / "old"), str(tmp_path / "new"), "--json"]
        result = CliRunner().invoke(main, asked, catch_exceptions=False)
        assert json.loads(result.stdout) == {"changed": ["a"]}
        assert count(index) == 4


# -- an index that several machines share


@pytest.fixture
def shared(redis_client: Any) -> LocalIndex:
    return LocalIndex(redis=redis_client)


def test_a_shared_index_refuses_paths_of_one_machine(shared: LocalIndex, tmp_path: Path) -> None:
    ds = atdata.write_shards(readings(2), tmp_path / "made")
    with pytest.raises(EntryError, match="path of this machine") as caught:
        shared.insert_dataset(ds, name="a")
    assert "S3DataStore" in (caught.value.hint or "")
    with pytest.raises(EntryError, match="path of this machine"):
        shared.add_entry(ds, name="a")
    shared.data_store = LocalDiskStore(tmp_path / "store")
    with pytest.raises(EntryError, match="path of this machine"):
        shared.insert_dataset(ds, name="a")
    assert not (tmp_path / "store").exists()
    assert shared.list_datasets() == []


def test_a_shared_index_refuses_shards_that_are_not_there(
    shared: LocalIndex,
    s3_credentials: dict[str, str],
    s3_bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name, value in s3_credentials.items():
        monkeypatch.setenv(name, value)
    missing = atdata.Dataset[Reading](f"s3://{s3_bucket}/missing-{{0..1}}.tar")
    with pytest.raises(EntryError, match="can't be opened") as caught:
        shared.insert_dataset(missing, name="a")
    assert (caught.value.shard or "").startswith(f"s3://{s3_bucket}/missing-")
    ds = atdata.write_shards(readings(4), tmp_path / "made", maxcount=2)
    urls = S3DataStore(s3_credentials, bucket=s3_bucket).write_shards(ds, prefix="there")
    entry = shared.insert_dataset(atdata.Dataset[Reading](urls), name="a")
    assert count(shared) == 4
    assert entry.data_urls == urls


def test_a_team_with_one_file_system_says_so(redis_client: Any, tmp_path: Path) -> None:
    index = LocalIndex(redis=redis_client, check_places=False)
    entry = inserted(index, tmp_path / "made")
    assert count(index) == 4
    table = EntryTable(index.backend, SchemaTable(index.backend))
    assert table.get("a") == entry
