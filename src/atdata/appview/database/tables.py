"""The AppView's tables, in SQLite or PostgreSQL with one small protocol.

Statements are written once, in the SQL that both accept, with ``?`` for parameters. Where the two
differ (text search, numbering rows), a database supplies its own SQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeAlias

from atdata.errors import StorageError

Row: TypeAlias = Mapping[str, Any]
Parameters: TypeAlias = Sequence[Any]


class QueryTooLong(StorageError):
    """A query that takes longer than it may."""


class Text(NamedTuple):
    """The texts that a dataset can be found by, the weightiest first."""

    name: str
    tags: str
    description: str


class Match(NamedTuple):
    """The parts of a SELECT by which a database finds datasets by words.

    Attributes:
        join: Joins ``datasets d`` with its index of words.
        where: Holds for datasets that match.
        rank: A number; smaller is better.
        words: For the one ``?`` of each ``rank`` and ``where``.
    """

    join: str
    where: str
    rank: str
    words: str


class Transaction(Protocol):
    """Statements that take effect together, or not at all."""

    def run(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Run one statement; return its rows, if it gives any."""
        ...

    def put_text(self, dataset: int, text: Text) -> None:
        """Make a dataset findable by these words, and no others."""
        ...

    def drop_text(self, dataset: int) -> None:
        """Make a dataset not findable by words."""
        ...


class Database(Protocol):
    """The AppView's database. Safe to share between threads.

    Reading and writing raise ``StorageError`` when the database fails, and may work again later.
    An error of the driver is about the values that it was given.
    """

    def read(
        self, sql: str, parameters: Parameters = (), *, seconds: float | None = None
    ) -> list[Row]:
        """Return the rows of one SELECT.

        Raises:
            QueryTooLong: It takes longer than ``seconds``.
        """
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """Run a transaction: committed at the end of the block, undone when that raises."""
        ...

    def match(self, words: Sequence[str]) -> Match:
        """Return how to find the datasets that hold words beginning with each of these."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


TABLES = """
CREATE TABLE IF NOT EXISTS sources (
    url TEXT PRIMARY KEY,
    position BIGINT NOT NULL,
    listed INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS repos (
    did TEXT PRIMARY KEY,
    handle TEXT,
    pds TEXT,
    status TEXT NOT NULL DEFAULT 'active',
    rev TEXT NOT NULL DEFAULT '',
    needs_history INTEGER NOT NULL DEFAULT 1,
    needs_identity INTEGER NOT NULL DEFAULT 1,
    tries INTEGER NOT NULL DEFAULT 0,
    due DOUBLE PRECISION NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS repos_to_do ON repos (due) WHERE needs_history + needs_identity > 0;
CREATE INDEX IF NOT EXISTS repos_by_handle ON repos (handle);

CREATE TABLE IF NOT EXISTS datasets (
    id {number},
    did TEXT NOT NULL,
    rkey TEXT NOT NULL,
    rev TEXT NOT NULL,
    cid TEXT NOT NULL,
    name TEXT NOT NULL,
    license TEXT,
    schema_ref TEXT NOT NULL,
    schema_cid TEXT,
    value TEXT NOT NULL,
    summary TEXT,
    indexed_at TEXT NOT NULL,
    visible INTEGER NOT NULL,
    UNIQUE (did, rkey)
);
CREATE INDEX IF NOT EXISTS datasets_by_author ON datasets (did, id);
CREATE INDEX IF NOT EXISTS datasets_by_schema ON datasets (schema_ref, id);
CREATE INDEX IF NOT EXISTS datasets_by_schema_cid ON datasets (schema_cid, id);
CREATE INDEX IF NOT EXISTS datasets_by_license ON datasets (license, id);

CREATE TABLE IF NOT EXISTS tags (
    tag TEXT NOT NULL,
    dataset BIGINT NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, dataset)
);
CREATE INDEX IF NOT EXISTS tags_by_dataset ON tags (dataset);

CREATE TABLE IF NOT EXISTS schemas (
    id {number},
    did TEXT NOT NULL,
    rkey TEXT NOT NULL,
    rev TEXT NOT NULL,
    cid TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    schema_cid TEXT NOT NULL,
    value TEXT NOT NULL,
    summary TEXT,
    indexed_at TEXT NOT NULL,
    visible INTEGER NOT NULL,
    UNIQUE (did, rkey)
);
CREATE INDEX IF NOT EXISTS schemas_by_name ON schemas (did, name);
CREATE INDEX IF NOT EXISTS schemas_by_cid ON schemas (schema_cid);

CREATE TABLE IF NOT EXISTS refused (
    did TEXT NOT NULL,
    collection TEXT NOT NULL,
    rkey TEXT NOT NULL,
    rev TEXT NOT NULL,
    cid TEXT NOT NULL,
    value TEXT NOT NULL,
    issues TEXT NOT NULL,
    indexed_at TEXT NOT NULL,
    PRIMARY KEY (did, collection, rkey)
);

CREATE TABLE IF NOT EXISTS unreadable (
    id {number},
    source TEXT NOT NULL,
    position BIGINT,
    reason TEXT NOT NULL,
    size BIGINT NOT NULL,
    message TEXT NOT NULL,
    heard_at TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS takedowns (subject TEXT PRIMARY KEY, reason TEXT NOT NULL);
"""


# Columns that earlier releases did not have, by table.
ADDED = (("datasets", "summary"), ("schemas", "summary"))


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script that contains no ``;`` elsewhere."""
    return (part for part in script.split(";") if part.strip())
