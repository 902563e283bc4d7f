"""Writing records to the database. Every function works inside one transaction.

Writing a record again changes nothing, and callers never go back in a repository's
revisions, so events may come twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from atdata.appview.database.protocol import Text, Transaction
from atdata.appview.database.views import dataset_summary, schema_summary
from atdata.appview.events import TABLES, Unreadable, Write, row_key
from atdata.appview.records import read_record
from atdata.base import clock
from atdata.base.text import one_line
from atdata.errors import SchemaError
from atdata.samples.schema import record_cid
from atdata_records import ValidationError, dag_cbor
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

_LONGEST = 2000  # bytes of an indexed value: PostgreSQL takes 2,704, with other columns
MOST_RECORDS = 1000
"""Records of one type that one repository may have; refused ones are counted separately."""
_MOST_TAGS = 32  # of a dataset, by which it is found
_UNREADABLE = 1000  # messages that are kept for inspection
_SHOWN = 16 * 2**10  # bytes of each that are kept
_KINDS: dict[str, Any] = {"datasets": Record, "schemas": SampleSchema}
_ACTIVE = "active"


def put_records(tx: Transaction, did: str, rev: str, writes: Iterable[Write]) -> None:
    """Put the writes of one commit into the tables.

    What a lexicon refuses goes to the table ``refused`` with all its issues, and is not listed.
    """
    hidden, now = _hidden(tx, did), clock.now()
    for write in writes:
        key = did, write.collection, write.rkey
        table, row = TABLES[write.collection], row_key(write.collection, write.rkey)
        tx.run("DELETE FROM refused WHERE did = ? AND collection = ? AND rkey = ?", key)
        if write.content is None:
            _drop(tx, table, "did = ? AND rkey = ?", (did, row))
            continue
        try:
            record = read_record(did, write)
        except ValidationError as error:
            _drop(tx, table, "did = ? AND rkey = ?", (did, row))
            issues = [issue.to_dict() for issue in error.issues]
            _refuse(tx, did, rev, write, issues)
            continue
        if _is_full(tx, table, did, row):
            continue
        is_visible = not hidden & {did, f"at://{did}/{write.collection}/{write.rkey}"}
        common = (did, row, rev, str(write.cid), now, int(is_visible))
        if isinstance(record, Record):
            _put_dataset(tx, record, common)
        else:
            _put_schema(tx, record, common)


def drop_older(tx: Transaction, did: str, rev: str) -> None:
    """Delete a repository's records that are older than this revision."""
    for table in _KINDS:
        _drop(tx, table, "did = ? AND rev < ?", (did, rev))
    tx.run("DELETE FROM refused WHERE did = ? AND rev < ?", (did, rev))


def drop_all(tx: Transaction, did: str) -> None:
    """Delete all records of a repository."""
    for table in _KINDS:
        _drop(tx, table, "did = ?", (did,))
    tx.run("DELETE FROM refused WHERE did = ?", (did,))


def show_or_hide(tx: Transaction, did: str) -> None:
    """Show or hide a repository's records, by its account's status and takedowns."""
    hidden = sorted(_hidden(tx, did))
    for table, kind in _KINDS.items():
        # A row's key contains the collection if that is not atdata's.
        own = f"'{kind.NSID}/' || rkey"
        path = f"CASE replace(rkey, '!', '/') WHEN rkey THEN {own} ELSE replace(rkey, '!', '/') END"
        uri = f"'at://' || did || '/' || {path}"
        marks = ", ".join("?" * len(hidden)) or "''"
        tx.run(
            f"UPDATE {table} SET visible = CASE WHEN did IN ({marks}) OR {uri} IN ({marks})"
            " THEN 0 ELSE 1 END WHERE did = ?",
            (*hidden, *hidden, did),
        )


def keep_unreadable(tx: Transaction, source: str, messages: Sequence[Unreadable]) -> None:
    """Keep unreadable messages for inspection, in place of the oldest ones."""
    for one in messages[-_UNREADABLE:]:
        tx.run(
            "INSERT INTO unreadable (source, position, reason, size, message, heard_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                source,
                one.position,
                one_line(one.reason),
                len(one.message),
                one.message[:_SHOWN].hex(),
                clock.now(),
            ),
        )
    if messages:
        tx.run(
            "DELETE FROM unreadable WHERE id <= (SELECT max(id) FROM unreadable) - ?",
            (_UNREADABLE,),
        )


def take_down(tx: Transaction, subject: str, reason: str) -> None:
    """Stop listing and serving a repository (its DID) or a record (its AT URI)."""
    tx.run(
        "INSERT INTO takedowns (subject, reason) VALUES (?, ?)"
        " ON CONFLICT (subject) DO UPDATE SET reason = excluded.reason",
        (subject, reason),
    )
    show_or_hide(tx, _did_of(subject))


def restore(tx: Transaction, subject: str) -> None:
    """Undo ``take_down``."""
    tx.run("DELETE FROM takedowns WHERE subject = ?", (subject,))
    show_or_hide(tx, _did_of(subject))


def _did_of(subject: str) -> str:
    return subject.removeprefix("at://").partition("/")[0]


def _hidden(tx: Transaction, did: str) -> set[str]:
    """Return the DID if the whole repository is hidden, and the URIs of its hidden records."""
    rows = tx.run(
        "SELECT subject FROM takedowns WHERE subject = ? OR (subject > ? AND subject < ?)",
        (did, f"at://{did}/", f"at://{did}0"),  # "0" follows "/"
    )
    hidden = {str(row["subject"]) for row in rows}
    repo = tx.run("SELECT status FROM repos WHERE did = ?", (did,))
    return hidden | {did} if repo and repo[0]["status"] != _ACTIVE else hidden


def _is_full(tx: Transaction, table: str, did: str, rkey: str) -> bool:
    """Return whether a repository may add no more records; it may still change its own."""
    (row,) = tx.run(
        "SELECT count(*) AS known, coalesce(sum(CASE WHEN rkey = ? THEN 1 ELSE 0 END), 0) AS same"
        f" FROM {table} WHERE did = ?",
        (rkey, did),
    )
    return row["known"] >= MOST_RECORDS and not row["same"]


def _refuse(
    tx: Transaction, did: str, rev: str, write: Write, issues: list[dict[str, str]]
) -> None:
    if _is_full(tx, "refused", did, write.rkey):
        return
    tx.run(
        "INSERT INTO refused (did, collection, rkey, rev, cid, value, issues, indexed_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            did,
            write.collection,
            write.rkey,
            rev,
            # It may be any text: databases accept neither NUL nor half of a surrogate pair.
            ascii(write.cid)[1:201],
            _shown(write.content),
            json.dumps(issues),
            clock.now(),
        ),
    )


def _shown(content: bytes | dict[str, Any] | None) -> str:
    """Return refused content as text: hexadecimal digits when it is not even DAG-CBOR."""
    if isinstance(content, bytes):
        try:
            return json.dumps(dag_cbor.decode(content), default=str)
        except (dag_cbor.CborError, RecursionError):
            return content.hex()
    try:
        return json.dumps(content)
    except RecursionError:
        return "null"


def _put_dataset(tx: Transaction, record: Record, common: tuple[Any, ...]) -> None:
    row = (
        *common,
        _plain(record.name),
        _plain(record.license),
        _plain(record.schema_ref),
        record.schema_cid,
        record.to_json().decode(),
        dataset_summary(record),
    )
    (found,) = tx.run(
        "INSERT INTO datasets (did, rkey, rev, cid, indexed_at, visible,"
        " name, license, schema_ref, schema_cid, value, summary)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (did, rkey) DO UPDATE SET rev = excluded.rev, cid = excluded.cid,"
        " visible = excluded.visible, name = excluded.name, license = excluded.license,"
        " schema_ref = excluded.schema_ref, schema_cid = excluded.schema_cid,"
        " value = excluded.value, summary = excluded.summary RETURNING id",
        row,
    )
    found_by = islice(record.tags or (), _MOST_TAGS)
    tags = dict.fromkeys(str(_plain(tag)).lower() for tag in found_by)
    tx.run("DELETE FROM tags WHERE dataset = ?", (found["id"],))
    for tag in tags:
        tx.run("INSERT INTO tags (tag, dataset) VALUES (?, ?)", (tag, found["id"]))
    description = str(_plain(record.description or "", most=30_000))
    tx.put_text(found["id"], Text(str(row[6]), " ".join(tags), description))


def _put_schema(tx: Transaction, record: SampleSchema, common: tuple[Any, ...]) -> None:
    try:
        schema_cid = record_cid(record)
    except SchemaError:
        # An unknown format: the record as a whole is the best identity there is.
        schema_cid = common[3]
    tx.run(
        "INSERT INTO schemas (did, rkey, rev, cid, indexed_at, visible,"
        " name, version, schema_cid, value, summary)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (did, rkey) DO UPDATE SET rev = excluded.rev, cid = excluded.cid,"
        " visible = excluded.visible, name = excluded.name, version = excluded.version,"
        " schema_cid = excluded.schema_cid, value = excluded.value,"
        " summary = excluded.summary",
        (
            *common,
            _plain(record.name),
            _plain(record.version),
            schema_cid,
            record.to_json().decode(),
            schema_summary(record),
        ),
    )


def _drop(tx: Transaction, table: str, where: str, parameters: tuple[Any, ...]) -> None:
    for row in tx.run(f"SELECT id FROM {table} WHERE {where}", parameters):
        if table == "datasets":
            tx.drop_text(row["id"])
        tx.run(f"DELETE FROM {table} WHERE id = ?", (row["id"],))


def _plain(text: str | None, most: int = _LONGEST) -> str | None:
    """Return text that can be indexed; PostgreSQL accepts no NUL."""
    if text is None:
        return None
    return text.replace("\0", "").encode()[:most].decode(errors="ignore")
