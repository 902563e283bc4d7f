"""Entries damaged by another program, and a name that several processes want."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable

import pytest
import redis

import atdata
from atdata.errors import RecordError, StorageError
from atdata.local import LocalIndex
from atdata.local.backend import EntryRow

from .samples import Reading

DS = atdata.Dataset[Reading]("s3://b/k.tar")


def damage(place: str, table: str, key: str, text: bytes) -> None:
    """Overwrite what the database holds under a key."""
    if place.startswith("redis://"):
        with redis.Redis.from_url(place) as client:
            client.hset("{atdata}:" + table, key, b"cid\n" * (table == "entries") + text)
        return
    column = "name" if table == "entries" else "key"
    connection = sqlite3.connect(place)
    with connection:
        statement = f"UPDATE {table} SET body = CAST(? AS TEXT) WHERE {column} = ?"
        assert connection.execute(statement, (text, key)).rowcount == 1
    connection.close()


@pytest.mark.parametrize("text", [b"\xff{ damaged", b"{}", b"", b"[1]", b'{"name": "\xff"}'])
def test_a_damaged_entry_is_named_and_can_be_replaced(
    index: LocalIndex, place: str, text: bytes
) -> None:
    whole = index.insert_dataset(DS, name="readings")
    damage(place, "entries", "readings", text)
    refused: list[Callable[[], object]] = [
        lambda: index.get_dataset("readings"),
        lambda: list(index.list_datasets()),
        lambda: index.insert_dataset(DS, name="readings"),
    ]
    for act in refused:
        with pytest.raises(RecordError, match="'readings'"):
            act()
    replaced = index.insert_dataset(DS, name="readings", replace=True)
    assert index.list_datasets() == [replaced]
    assert replaced.cid == whole.cid


@pytest.mark.parametrize("text", [b"\xff{ damaged", b"{}", b"", b"[1]"])
def test_a_damaged_schema_is_named(index: LocalIndex, place: str, text: bytes) -> None:
    ref = index.publish_schema(Reading)
    damage(place, "schemas", "Reading@1.0.0", text)
    refused: list[Callable[[], object]] = [
        lambda: index.get_schema(ref),
        lambda: list(index.list_schemas()),
        lambda: index.insert_dataset(DS, name="readings"),
    ]
    for act in refused:
        with pytest.raises(RecordError, match=r"Reading@1\.0\.0"):
            act()


def test_an_entry_under_a_name_that_is_not_its_own(index: LocalIndex) -> None:
    entry = index.insert_dataset(DS, name="readings")
    row = EntryRow("other", entry.cid, entry.to_text())
    assert index.backend.put_entry(row, before=None)
    with pytest.raises(RecordError, match="'other' is that of 'readings'"):
        index.get_dataset("other")


def test_a_name_that_others_write_all_the_time(index: LocalIndex) -> None:
    backend, put = index.backend, index.backend.put_entry
    turns = itertools.count(1)

    def too_late(row: EntryRow, *, before: EntryRow | None) -> bool:
        """Somebody else is always faster."""
        others = row._replace(text=row.text + " " * next(turns))
        assert put(others, before=backend.entry(row.name))
        return put(row, before=before)

    backend.put_entry = too_late  # type: ignore[method-assign]
    with pytest.raises(StorageError, match="could not be written"):
        index.insert_dataset(DS, name="readings")
