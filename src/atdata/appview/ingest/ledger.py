"""The state of repositories: how far each was followed, and what is still to be read.

A repository's history is read from its own server; commits that arrive meanwhile wait until
history is complete. They are kept in memory only: after a crash, and when there is no room for
them, the history is read again, and contains them. All that must not be lost is in the database,
and the position in a stream is committed with what was read up to it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from atdata.appview.database.protocol import Database, Row, Transaction
from atdata.appview.database.writing import (
    drop_all,
    drop_older,
    keep_unreadable,
    put_records,
    show_or_hide,
)
from atdata.appview.events import (
    AccountChange,
    Commit,
    Event,
    Gap,
    Happening,
    IdentityChange,
    Unreadable,
)
from atdata.appview.ingest.sources import Source
from atdata.appview.ingest.waiting import WaitingRoom
from atdata.base.text import one_line
from atdata.errors import StorageError

_log = logging.getLogger("atdata.appview")

_LONGEST_PAUSE = 3600.0  # seconds between attempts to read a repository
# A value of ``needs_history``: to be read, and once more after that.
_READ_TWICE = 2
_EVER = 2**31 - 1  # more tries than any repository gets


class Ledger:
    """Keeps the database in step with events. Safe to share between threads.

    Args:
        database: The database to write to.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting = WaitingRoom()
        self.unreadable: Counter[str] = Counter()
        """Messages that were skipped, by name of the source."""
        self.work = threading.Event()
        """Set when a repository is due to be read."""

    # -- streams

    def position(self, source: Source) -> tuple[int, bool]:
        """Return where to resume a stream (0: from now), and whether its past has been listed."""
        rows = self._database.read(
            "SELECT position, listed FROM sources WHERE url = ?", (source.name,)
        )
        if not rows or not rows[0]["position"]:
            return 0, False
        return int(rows[0]["position"]), bool(rows[0]["listed"])

    def forget(self, source: Source) -> None:
        """Forget a source's position and listing: its stream can't resume where it stopped."""
        with self._lock, self._database.write() as tx:
            tx.run("DELETE FROM sources WHERE url = ?", (source.name,))

    def is_listed(self, source: Source) -> None:
        """Record that all repositories of a source are known."""
        with self._lock, self._database.write() as tx:
            tx.run(
                "INSERT INTO sources (url, position, listed) VALUES (?, 0, 1)"
                " ON CONFLICT (url) DO UPDATE SET listed = 1",
                (source.name,),
            )

    def expect(self, dids: Iterable[str]) -> None:
        """Record that these repositories exist: their history is to be read."""
        with self._lock, self._database.write() as tx:
            for did in dids:
                tx.run(
                    "INSERT INTO repos (did) VALUES (?) ON CONFLICT (did)"
                    " DO UPDATE SET needs_history = 1, due = 0",
                    (did,),
                )
        self.work.set()

    def hear(self, source: Source, heard: Sequence[Event | Unreadable]) -> None:
        """Write what a source sent, in order, and its position after it.

        A message that can't be written is skipped, and kept for inspection.

        Raises:
            StorageError: The database fails; nothing was written.
        """
        if not heard:
            return
        try:
            self._hear(source, heard)
        except StorageError:
            raise
        except Exception as error:  # one message must not stop all those after it
            if len(heard) > 1:
                middle = len(heard) // 2
                self.hear(source, heard[:middle])
                self.hear(source, heard[middle:])
            else:
                self._hear(source, [_unreadable(heard[0], error)])

    def _hear(self, source: Source, heard: Sequence[Event | Unreadable]) -> None:
        with self._lock, self._database.write() as tx:
            for event in heard:
                if isinstance(event, Event) and event.what is not None:
                    self._take(tx, event.what, source, event.size)
            unreadable = [one for one in heard if isinstance(one, Unreadable)]
            keep_unreadable(tx, source.name, unreadable)
            positions = [one.position for one in heard if one.position is not None]
            if positions:
                tx.run(
                    "INSERT INTO sources (url, position, listed) VALUES (?, ?, 0)"
                    " ON CONFLICT (url) DO UPDATE SET position = excluded.position",
                    (source.name, positions[-1]),
                )
        self._report(source, unreadable)

    def _report(self, source: Source, unreadable: Sequence[Unreadable]) -> None:
        self.unreadable[source.name] += len(unreadable)
        # One line for all of them: a source must not fill the disk with log lines.
        for last in unreadable[-1:]:
            place = "unknown" if last.position is None else last.position
            _log.warning(
                "%s: stepped over %d unreadable messages; the last at position %s: %s",
                source.name,
                len(unreadable),
                place,
                one_line(last.reason),
            )

    def _take(self, tx: Transaction, what: Happening, source: Source, size: int) -> None:
        repo = _repo(tx, what.did)
        if isinstance(what, Commit | Gap):
            if repo is None:
                tx.run("INSERT INTO repos (did) VALUES (?)", (what.did,))
                self.work.set()
            if repo is None or (repo["needs_history"] and _may_speak(repo, source, unknown=True)):
                self._wait(tx, what, source, size)
            elif not repo["needs_history"]:
                self._apply(tx, repo, what, source)
        elif repo is not None and _may_speak(repo, source):
            self._turn(tx, what)

    def _turn(self, tx: Transaction, what: AccountChange | IdentityChange) -> None:
        did = what.did
        if isinstance(what, IdentityChange):
            tx.run("UPDATE repos SET needs_identity = 1, due = 0 WHERE did = ?", (did,))
        else:
            tx.run("UPDATE repos SET status = ?, due = 0 WHERE did = ?", (what.status, did))
            if what.status == "deleted":
                drop_all(tx, did)
                tx.run("UPDATE repos SET needs_history = 1, rev = '' WHERE did = ?", (did,))
            show_or_hide(tx, did)
        self.work.set()

    def _apply(self, tx: Transaction, repo: Row, what: Commit | Gap, source: Source) -> None:
        if what.rev <= repo["rev"] or not _may_speak(repo, source):
            return
        if isinstance(what, Gap):
            tx.run("UPDATE repos SET needs_history = 1, due = 0 WHERE did = ?", (what.did,))
            self.work.set()
            return
        put_records(tx, what.did, what.rev, what.writes)
        tx.run("UPDATE repos SET rev = ? WHERE did = ?", (what.rev, what.did))

    def _wait(self, tx: Transaction, what: Commit | Gap, source: Source, size: int) -> None:
        if isinstance(what, Gap) or not self._waiting.add(what, source, size):
            self._waiting.take(what.did)
            tx.run("UPDATE repos SET needs_history = ? WHERE did = ?", (_READ_TWICE, what.did))

    # -- repositories

    def to_read(self, but: Iterable[str] = (), *, again: bool = True) -> Row | None:
        """Return a repository that is due to be read, other than ``but``; None when there is none.

        Args:
            but: DIDs of repositories that are being read.
            again: Whether also one that could not be read before; such a one comes first.
        """
        but = list(but)
        marks = ", ".join("?" * len(but)) or "''"
        rows = self._database.read(
            "SELECT * FROM repos WHERE needs_history + needs_identity > 0 AND status = 'active'"
            f" AND due <= ? AND tries <= ? AND did NOT IN ({marks})"
            " ORDER BY CASE WHEN tries > 0 THEN 0 ELSE 1 END, due LIMIT 1",
            (time.time(), _EVER if again else 0, *but),
        )
        return rows[0] if rows else None

    def identify(self, did: str, pds: str, handle: str | None) -> None:
        """Record a repository's server and handle."""
        with self._lock, self._database.write() as tx:
            # A handle stands for one account: another account that had it has it no longer.
            tx.run(
                "UPDATE repos SET handle = NULL, needs_identity = 1, due = 0"
                " WHERE handle = ? AND did <> ?",
                (handle, did),
            )
            tx.run(
                "UPDATE repos SET pds = ?, handle = ?, needs_identity = 0,"
                " tries = CASE WHEN needs_history = 0 THEN 0 ELSE tries END WHERE did = ?",
                (pds, handle, did),
            )

    def set_status(self, did: str, status: str) -> None:
        """Record the status of a repository that its own server reports."""
        with self._lock, self._database.write() as tx:
            self._turn(tx, AccountChange(did, status))

    def put_page(self, commit: Commit) -> None:
        """Write a part of a repository's history, as of a revision."""
        with self._lock, self._database.write() as tx:
            put_records(tx, commit.did, commit.rev, commit.writes)

    def has_history(self, did: str, rev: str) -> None:
        """Finish a repository's history, as of a revision, and apply the commits that waited."""
        with self._lock:
            with self._database.write() as tx:
                drop_older(tx, did, rev)
                tx.run("UPDATE repos SET rev = ?, tries = 0 WHERE did = ?", (rev, did))
            for one in self._waiting.take(did):
                self._apply_alone(one.commit, one.source)
            with self._database.write() as tx:
                tx.run(
                    "UPDATE repos SET needs_history = needs_history - 1"
                    " WHERE did = ? AND needs_history > 0",
                    (did,),
                )

    def _apply_alone(self, commit: Commit, source: Source) -> None:
        """Apply a commit in its own transaction, so that it can't undo others."""
        try:
            with self._database.write() as tx:
                if repo := _repo(tx, commit.did):
                    self._apply(tx, repo, commit, source)
        except StorageError:
            raise
        except Exception as error:  # as in ``hear``
            unreadable = [_unreadable(Event(0, commit), error)]
            with self._database.write() as tx:
                keep_unreadable(tx, source.name, unreadable)
            self._report(source, unreadable)

    def try_later(self, did: str) -> None:
        """Postpone the reading of a repository; the pause grows after each failure."""
        with self._lock, self._database.write() as tx:
            repo = _repo(tx, did)
            pause = min(2.0 ** (repo["tries"] if repo else 0), _LONGEST_PAUSE)
            tx.run(
                "UPDATE repos SET tries = tries + 1, due = ? WHERE did = ?",
                (time.time() + pause, did),
            )


def _repo(tx: Transaction, did: str) -> Row | None:
    rows = tx.run("SELECT * FROM repos WHERE did = ?", (did,))
    return rows[0] if rows else None


def _may_speak(repo: Row, source: Source, *, unknown: bool = False) -> bool:
    """Return whether a source's events count; ``unknown`` if the repository's server is unknown."""
    if source.speaks_for is None:
        return True
    return unknown if repo["pds"] is None else bool(repo["pds"] == source.speaks_for)


def _unreadable(event: Event | Unreadable, error: Exception) -> Unreadable:
    reason = f"can't be taken in: {type(error).__name__}: {error!s:.300}"
    what = event.what if isinstance(event, Event) else None
    return Unreadable(event.position, reason, ascii(getattr(what, "did", "")).encode())
