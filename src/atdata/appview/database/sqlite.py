"""The embedded database: one SQLite file in WAL mode, with an FTS5 index of words."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atdata.appview.database.protocol import Parameters, QueryTooLong, Row, Text, TextSearch
from atdata.appview.database.tables import ADDED, table_statements
from atdata.errors import StorageError

_NUMBER = "INTEGER PRIMARY KEY AUTOINCREMENT"
_WORDS = """
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    name, tags, description, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
)
"""
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # A crash of the machine may lose the last transactions, never consistency; their events
    # are read again, because the cursor went with them.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -65536",
)
# SQLite's errors about the values that a statement was given, not about the database.
_VALUE_ERRORS = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.ProgrammingError)
_CHECK_STEPS = 10_000  # of SQLite's virtual machine, between two checks of the time
_LOCK_SECONDS = 30.0  # that a writer waits for another process


class SqliteDatabase:
    """One file. Each thread reads over its own connection; writers take turns.

    Raises:
        StorageError: The file can't be opened or is not a database.
    """

    text_search = TextSearch(
        join="JOIN words ON words.rowid = d.id",
        where="words MATCH ?",
        rank="bm25(words, 8, 4, 1)",
        word='"{}"',
        prefix='"{}"*',
        conjunction=" ",
    )

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._connect()
            for statement in table_statements(_NUMBER):
                self._writer.execute(statement)
            self._writer.execute(_WORDS)
            for table, column in ADDED:
                columns = self._writer.execute(f"SELECT name FROM pragma_table_info('{table}')")
                if column not in {row["name"] for row in columns}:
                    self._writer.execute(f"ALTER TABLE {table} ADD COLUMN {column} TEXT")
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"can't open the database: {error}", uri=str(path)) from error

    def read(
        self, sql: str, parameters: Parameters = (), *, seconds: float | None = None
    ) -> list[Row]:
        """Return the rows of one SELECT, which may take ``seconds`` of CPU time."""
        with self._failing():
            connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = self._connect()
            if seconds is None:
                return connection.execute(sql, parameters).fetchall()
            end = time.thread_time() + seconds
            connection.set_progress_handler(lambda: time.thread_time() > end, _CHECK_STEPS)
            try:
                return connection.execute(sql, parameters).fetchall()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                    raise QueryTooLong("the search takes too long") from None
                raise
            finally:
                connection.set_progress_handler(None, 0)

    @contextmanager
    def write(self) -> Iterator[_Transaction]:
        """Run a transaction; others wait until it ends."""
        with self._writing, self._failing():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield _Transaction(self._writer)
                self._writer.execute("COMMIT")
            except BaseException:
                # When the disk is full, SQLite has undone the transaction by itself.
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close all connections."""
        with self._writing:
            for connection in self._all:
                connection.close()
            self._all.clear()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except _VALUE_ERRORS:
            raise
        except sqlite3.Error as error:
            raise StorageError(f"the database fails: {error}", uri=str(self._path)) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        self._all.append(connection)
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        return connection


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        return self._connection.execute(sql, parameters).fetchall()

    def put_text(self, dataset: int, text: Text) -> None:
        self.drop_text(dataset)
        self.run(
            "INSERT INTO words (rowid, name, tags, description) VALUES (?, ?, ?, ?)",
            (dataset, *text),
        )

    def drop_text(self, dataset: int) -> None:
        self.run("DELETE FROM words WHERE rowid = ?", (dataset,))
