from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from atdata.appview.database.opening import open_database
from atdata.appview.database.protocol import Database
from atdata.appview.database.reading import CursorError, Reading, SchemaSearch, Search
from atdata.appview.database.tables import ADDED
from atdata.appview.database.writing import (
    drop_all,
    drop_older,
    put_records,
    restore,
    show_or_hide,
    take_down,
)
from atdata.appview.events import Write
from atdata_records import cid
from atdata_records.ac.foundation.dataset.record import Record

from ..content import DID, OTHER, SCHEMA_CID, dataset, deleted, rev, schema, write


def put(
    database: Database, *values: tuple[str, dict[str, Any]], did: str = DID, at: int = 1
) -> None:
    with database.write() as tx:
        put_records(tx, did, rev(at), [write(rkey, value) for rkey, value in values])


def names(database: Database, search: Search | None = None, limit: int = 50) -> list[str]:
    return [row["name"] for row in Reading(database).datasets(search or Search(), limit).rows]


def test_the_newest_come_first_and_pages_join_without_gap(database: Database) -> None:
    put(database, *((f"r{n}", dataset(f"name {n}")) for n in range(7)))
    reading, seen, cursor = Reading(database), [], None
    for size in (3, 3, 1):
        page = reading.datasets(Search(), 3, cursor)
        assert len(page.rows) == size
        seen += [row["name"] for row in page.rows]
        cursor = page.cursor
    assert seen == [f"name {n}" for n in reversed(range(7))]
    assert cursor is None


def test_words_are_found_by_their_beginnings_and_the_name_weighs_most(database: Database) -> None:
    put(
        database,
        ("a", dataset("birds", description="pictures of feathered animals and cats")),
        ("b", dataset("cats", description="pictures")),
        ("c", dataset("stones", tags=["Cats", "mineral"])),
        ("d", dataset("none")),
    )
    assert names(database, Search(words="CAT"))[0] == "cats"
    assert set(names(database, Search(words="cat"))) == {"birds", "cats", "stones"}
    assert names(database, Search(words="cat feather")) == ["birds"]
    assert names(database, Search(words='cat" OR name:* NOT (')) == []
    assert names(database, Search(words="'; DROP TABLE datasets; --")) == []
    assert len(names(database)) == 4


def test_pages_of_a_ranked_search_join_without_gap(database: Database) -> None:
    put(database, *((f"r{n}", dataset(f"word {'x ' * (n % 3)}{n}")) for n in range(20)))
    reading, seen, cursor = Reading(database), list[str](), None
    while True:
        page = reading.datasets(Search(words="word"), 6, cursor)
        seen += [row["rkey"] for row in page.rows]
        if (cursor := page.cursor) is None:
            break
    assert len(seen) == len(set(seen)) == 20


def test_filters_hold_together(database: Database) -> None:
    put(database, ("a", dataset("one", tags=["Image", "small"], license="CC0-1.0")))
    put(database, ("b", dataset("two", tags=["image"], schemaCid=SCHEMA_CID)), did=OTHER)
    assert names(database, Search(tags=["IMAGE"])) == ["two", "one"]
    assert names(database, Search(tags=["image", "small"])) == ["one"]
    assert names(database, Search(license="CC0-1.0", author=OTHER)) == []
    assert names(database, Search(author=OTHER, words="tw")) == ["two"]
    assert names(database, Search(schema=SCHEMA_CID)) == ["two"]
    assert names(database, Search(schema=dataset("x")["schemaRef"])) == ["two", "one"]


@pytest.mark.parametrize("cursor", ["!", "bm9uZQ", "WzEsMl0", "MS41", "W10", "bnVsbA", "é"])
def test_a_made_up_cursor_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(CursorError):
        Reading(database).datasets(Search(), 5, cursor)


def test_writing_again_replaces_and_keeps_the_place(database: Database) -> None:
    put(database, ("a", dataset("one", tags=["old"])), ("b", dataset("two")))
    put(database, ("a", dataset("uno", tags=["new"])), at=2)
    assert names(database) == ["two", "uno"]
    assert names(database, Search(words="one")) == []
    assert names(database, Search(tags=["old"])) == []
    with database.write() as tx:
        put_records(tx, DID, rev(3), [deleted("a"), deleted("b"), deleted("never was")])
    assert names(database) == []
    assert names(database, Search(words="uno")) == []
    assert database.read("SELECT * FROM tags") == []


def test_what_a_lexicon_refuses_is_kept_with_its_issues_and_not_listed(database: Database) -> None:
    put(database, ("a", dataset("one")))
    put(database, ("a", dataset("", license=5)), at=2)
    assert names(database) == []
    (row,) = database.read("SELECT * FROM refused")
    issues = json.loads(row["issues"])
    assert {issue["path"] for issue in issues} == {"$.name", "$.license"}
    assert json.loads(row["value"])["license"] == 5
    put(database, ("a", dataset("good again")), at=3)
    assert names(database) == ["good again"]
    assert database.read("SELECT * FROM refused") == []


@pytest.mark.parametrize("content", [b"\xff\x00", b"\xa1aa\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00"])
def test_bytes_that_are_no_record_are_kept_as_digits(database: Database, content: bytes) -> None:
    with database.write() as tx:
        put_records(tx, DID, rev(1), [Write(Record.NSID, "a", cid.of_cbor(content), content)])
    (row,) = database.read("SELECT * FROM refused")
    assert row["value"] == content.hex()


def test_a_record_with_another_cid_than_announced_is_refused(database: Database) -> None:
    from dataclasses import replace

    good = write("a", dataset("one"))
    with database.write() as tx:
        put_records(tx, DID, rev(1), [replace(good, cid=cid.of_cbor(b"other"))])
        put_records(tx, DID, rev(1), [replace(good, rkey="b", content=dataset("two"))])
    assert names(database) == []
    assert len(database.read("SELECT * FROM refused")) == 2


def test_text_that_databases_dislike_is_kept(database: Database) -> None:
    odd = "nul \0 quote ' percent % question ? \U0001f600"
    put(database, ("a", dataset(odd, tags=["a\0b", "%s"], description=odd)))
    (found,) = Reading(database).datasets(Search(words="percent"), 5).rows
    row = Reading(database).dataset(found["did"], found["rkey"])
    assert row
    assert json.loads(row["value"])["name"] == json.loads(row["summary"])["name"] == odd


def test_hidden_repositories_and_records_come_back_when_they_may(database: Database) -> None:
    put(database, ("a", dataset("one")), ("b", dataset("two")))
    put(database, ("s", schema("Sample", "1.0.0")))
    uri = f"at://{DID}/{Record.NSID}/a"
    with database.write() as tx:
        take_down(tx, uri, "asked for")
    assert names(database) == ["two"]
    with database.write() as tx:
        tx.run("INSERT INTO repos (did, status) VALUES (?, 'deactivated')", (DID,))
        show_or_hide(tx, DID)
    assert names(database) == []
    assert Reading(database).schemas(SchemaSearch(), 5).rows == []
    put(database, ("c", dataset("three")), at=2)
    assert names(database) == []
    with database.write() as tx:
        tx.run("UPDATE repos SET status = 'active' WHERE did = ?", (DID,))
        show_or_hide(tx, DID)
    assert names(database) == ["three", "two"]
    with database.write() as tx:
        restore(tx, uri)
    assert names(database) == ["three", "two", "one"]
    with database.write() as tx:
        take_down(tx, DID, "all of it")
    assert names(database) == []


def test_a_listing_drops_what_it_did_not_see(database: Database) -> None:
    put(database, ("a", dataset("one")), ("b", dataset("two")))
    put(database, ("b", dataset("two")), at=5)
    with database.write() as tx:
        drop_older(tx, DID, rev(5))
    assert names(database) == ["two"]
    with database.write() as tx:
        drop_all(tx, DID)
    assert names(database) == []


def test_versions_are_in_the_order_of_semantic_versioning(database: Database) -> None:
    versions = ["1.2.0", "1.10.0", "2.0.0-rc.1", "1.9.9", "not a version"]
    put(database, *((f"v{n}", schema("S", version)) for n, version in enumerate(versions)))
    found = [row["version"] for row in Reading(database).versions(DID, "S")]
    assert found == ["1.10.0", "1.9.9", "1.2.0", "2.0.0-rc.1", "not a version"]


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    broken = Write(Record.NSID, object())  # type: ignore[arg-type]
    with pytest.raises(Exception, match="object"), database.write() as tx:
        put_records(tx, DID, rev(1), [write("a", dataset("one")), broken])
    assert names(database) == []
    put(database, ("a", dataset("one")))
    assert names(database) == ["one"]


def test_handles_are_found_when_one_account_has_them(database: Database) -> None:
    with database.write() as tx:
        tx.run("INSERT INTO repos (did, handle) VALUES (?, ?)", (DID, "lab.test"))
    reading = Reading(database)
    assert reading.did_of("@Lab.test") == DID
    assert reading.did_of(OTHER) == OTHER
    assert reading.did_of("nobody.test") is None


def test_tables_of_an_earlier_release_get_the_columns_that_they_lack(tmp_path: Path) -> None:
    path = tmp_path / "appview.db"
    open_database(path).close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for table, column in ADDED:
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    database = open_database(path)
    put(database, ("a", dataset("one")))
    assert names(database) == ["one"]
    database.close()
