"""The embedded backend: one SQLite file in WAL mode, for many threads and processes."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atdata.errors import StorageError
from atdata.local.backend import EntryRow, SchemaRow

_LAYOUT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS entries (name TEXT PRIMARY KEY, cid TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS entries_by_cid ON entries (cid, name);
CREATE TABLE IF NOT EXISTS schemas (key TEXT PRIMARY KEY, body TEXT NOT NULL);
"""

# Seconds that a writer waits for another one. Each write is a single statement.
_PATIENCE = 30.0


class SqliteBackend:
    """Entries and schemas in one SQLite file, which is made if it is missing.

    A backend has one connection, which threads use in turn. A connection must not be carried
    across a fork (SQLite's own rule), so it is closed before one and reopened on the next use.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._path = path.expanduser().absolute()
        _backends.add(self)

    def __repr__(self) -> str:
        return f"SqliteBackend({str(self._path)!r})"

    def __del__(self) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """The folder of the file."""
        return self._path.parent

    def entry(self, name: str) -> EntryRow | None:
        """Look up the entry in the index of names."""
        rows = self._rows("SELECT name, cid, body FROM entries WHERE name = ?", name)
        return EntryRow(*rows[0]) if rows else None

    def entry_of(self, cid: str) -> EntryRow | None:
        """Look up the entry in the index of CIDs."""
        rows = self._rows(
            "SELECT name, cid, body FROM entries WHERE cid = ? ORDER BY name LIMIT 1", cid
        )
        return EntryRow(*rows[0]) if rows else None

    def entries(self, after: str, count: int) -> list[EntryRow]:
        """Read one range of the index of names."""
        rows = self._rows(
            "SELECT name, cid, body FROM entries WHERE name > ? ORDER BY name LIMIT ?", after, count
        )
        return [EntryRow(*row) for row in rows]

    def put_entry(self, row: EntryRow, *, before: EntryRow | None) -> bool:
        """Write by one statement, which SQLite makes atomic."""
        if before is None:
            return self._wrote(
                "INSERT INTO entries (name, cid, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                *row,
            )
        return self._wrote(
            "UPDATE entries SET cid = ?, body = ? WHERE name = ? AND CAST(body AS BLOB) = ?",
            row.cid,
            row.text,
            row.name,
            before.text.encode(errors="surrogateescape"),
        )

    def drop_entry(self, row: EntryRow) -> bool:
        """Delete by one statement, which SQLite makes atomic."""
        return self._wrote(
            "DELETE FROM entries WHERE name = ? AND CAST(body AS BLOB) = ?",
            row.name,
            row.text.encode(errors="surrogateescape"),
        )

    def schema(self, key: str) -> SchemaRow | None:
        """Look up the schema in the index of keys."""
        rows = self._rows("SELECT key, body FROM schemas WHERE key = ?", key)
        return SchemaRow(*rows[0]) if rows else None

    def schemas(self, after: str, count: int) -> list[SchemaRow]:
        """Read one range of the index of keys."""
        rows = self._rows(
            "SELECT key, body FROM schemas WHERE key > ? ORDER BY key LIMIT ?", after, count
        )
        return [SchemaRow(*row) for row in rows]

    def versions(self, name: str) -> list[str]:
        """Read one range of the index of keys."""
        # "A" is the character that follows "@": the range of all keys that start with "{name}@".
        rows = self._rows(
            "SELECT key FROM schemas WHERE key > ? AND key < ? ORDER BY key", f"{name}@", f"{name}A"
        )
        return [key[len(name) + 1 :] for (key,) in rows]

    def add_schema(self, row: SchemaRow) -> bool:
        """Write by one statement, which SQLite makes atomic."""
        return self._wrote(
            "INSERT INTO schemas (key, body) VALUES (?, ?) ON CONFLICT DO NOTHING", *row
        )

    def close(self) -> None:
        """Close the connection, if there is one."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _rows(self, statement: str, *values: object) -> list[Any]:
        with self._connected() as connection:
            return connection.execute(statement, values).fetchall()

    def _wrote(self, statement: str, *values: object) -> bool:
        with self._connected() as connection:
            return connection.execute(statement, values).rowcount == 1

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = _connect(self._path)
                yield self._connection
            except (sqlite3.Error, OSError) as error:
                raise StorageError(
                    f"the index can't be used: {error}", uri=str(self._path), hint=_hint(error)
                ) from error


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    _keep_private(path)
    connection = sqlite3.connect(
        path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )
    # Damaged text is reported when it is parsed, with the entry's name; not here.
    connection.text_factory = functools.partial(str, encoding="utf-8", errors="surrogateescape")
    try:
        # FULL: an entry that was reported as written survives a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        if _layout(connection) != _LAYOUT:
            _create(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _keep_private(path: Path) -> None:
    """Make the file, without access for others: the URLs of entries may be signed.

    SQLite gives its companion files the same mode. A group that shares a file keeps its access.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    mode = path.stat().st_mode
    if mode & 0o007:
        with contextlib.suppress(PermissionError):  # the file of another user
            path.chmod(mode & ~0o007)


def _layout(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _create(connection: sqlite3.Connection) -> None:
    _use_wal(connection)
    # Of several processes that find the file empty, the first to get the lock makes the tables.
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        found = _layout(connection)
        if found not in (0, _LAYOUT):
            raise sqlite3.DatabaseError(f"layout {found} was written by another version of atdata")
        for statement in filter(str.strip, _TABLES.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_LAYOUT}")


def _use_wal(connection: sqlite3.Connection) -> None:
    # SQLite does not wait for others here, whatever the timeout, to avoid a deadlock.
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _is_busy(error: Exception) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _hint(error: sqlite3.Error | OSError) -> str:
    if _is_busy(error):
        return "Another process holds the file; try again when it is done."
    return "Check the file and its folder, or name another one: LocalIndex(path=...)."


_backends: weakref.WeakSet[SqliteBackend] = weakref.WeakSet()
_held: list[SqliteBackend] = []


def _before_fork() -> None:
    # The locks are held until the fork is over: no thread can open a connection in between.
    for backend in list(_backends):
        backend._lock.acquire()
        _held.append(backend)
        backend.close()


def _after_fork() -> None:
    while _held:
        _held.pop()._lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
