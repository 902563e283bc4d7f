"""The state of repositories: how far each was followed, and what remains to be read.

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
    IdentityChange,
    Unreadable,
)
from atdata.appview.ingest.pending import PendingCommits
from atdata.appview.ingest.sources import Source
from atdata.base.text import one_line
from atdata.errors import StorageError

_log = logging.getLogger("atdata.appview")

_LONGEST_PAUSE = 3600.0  # seconds between attempts to read a repository
# A value of ``needs_history``: to be read, and once more after that.
_READ_TWICE = 2
# A value of ``listed``: all repositories with the record types that are kept now are known. Sources
# that were listed before a type was added (1) are listed again.
_LISTED = 2
_MOST_TRIES = 2**31 - 1  # more tries than any repository gets


class Ledger:
    """Keeps the database in step with events. Safe to share between threads.

    Args:
        database: The database to write to.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._pending = PendingCommits()
        self.unreadable: Counter[str] = Counter()
        """Messages that were skipped, by name of the source."""
        self.work = threading.Event()
        """Set when a repository may be due to be read."""

    # -- streams

    def position(self, source: Source) -> tuple[int, bool]:
        """Return where to resume a stream (0: from now), and whether its past has been listed."""
        rows = self._database.read(
            "SELECT position, listed FROM sources WHERE url = ?", (source.name,)
        )
        if not rows or not rows[0]["position"]:
            return 0, False
        return int(rows[0]["position"]), rows[0]["listed"] == _LISTED

    def forget(self, source: Source) -> None:
        """Forget a source's position and listing: its stream can't resume where it stopped."""
        with self._lock, self._database.write() as tx:
            tx.run("DELETE FROM sources WHERE url = ?", (source.name,))

    def mark_listed(self, source: Source) -> None:
        """Record that all repositories of a source are known."""
        with self._lock, self._database.write() as tx:
            tx.run(
                "INSERT INTO sources (url, position, listed) VALUES (?, 0, ?)"
                " ON CONFLICT (url) DO UPDATE SET listed = excluded.listed",
                (source.name, _LISTED),
            )

    def add_repositories(self, dids: Iterable[str]) -> None:
        """Record that these repositories exist: their history is to be read."""
        with self._lock, self._database.write() as tx:
            for did in dids:
                tx.run(
                    "INSERT INTO repos (did) VALUES (?) ON CONFLICT (did)"
                    " DO UPDATE SET needs_history = 1, due = 0",
                    (did,),
                )
        self.work.set()

    def receive(self, source: Source, messages: Sequence[Event | Unreadable]) -> None:
        """Write what a source sent, in order, and its position after it.

        A message that can't be written is skipped, and kept for inspection.

        Raises:
            StorageError: The database fails; nothing was written.
        """
        if not messages:
            return
        try:
            self._write(source, messages)
        except StorageError:
            raise
        except Exception as error:  # one message must not stop all those after it
            if len(messages) > 1:
                middle = len(messages) // 2
                self.receive(source, messages[:middle])
                self.receive(source, messages[middle:])
            else:
                self._write(source, [_unreadable(messages[0], error)])

    def _write(self, source: Source, messages: Sequence[Event | Unreadable]) -> None:
        with self._lock, self._database.write() as tx:
            for event in messages:
                if isinstance(event, Event):
                    self._apply_event(tx, event, source)
            unreadable = [one for one in messages if isinstance(one, Unreadable)]
            keep_unreadable(tx, source.name, unreadable)
            positions = [one.position for one in messages if one.position is not None]
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
                "%s: skipped %d unreadable messages; the last at position %s: %s",
                source.name,
                len(unreadable),
                place,
                one_line(last.reason),
            )

    def _apply_event(self, tx: Transaction, event: Event, source: Source) -> None:
        change = event.change
        if change is None:
            return
        repo = _repo(tx, change.did)
        if isinstance(change, Commit | Gap):
            if repo is None:
                tx.run("INSERT INTO repos (did) VALUES (?)", (change.did,))
                self.work.set()
            if repo is None or (
                repo["needs_history"] and _is_authoritative(repo, source, default=True)
            ):
                self._keep_pending(tx, change, source, event.size)
            elif not repo["needs_history"]:
                self._apply(tx, repo, change, source)
        elif repo is not None and _is_authoritative(repo, source):
            self._change_account(tx, change)

    def _change_account(self, tx: Transaction, change: AccountChange | IdentityChange) -> None:
        did = change.did
        if isinstance(change, IdentityChange):
            tx.run("UPDATE repos SET needs_identity = 1, due = 0 WHERE did = ?", (did,))
        else:
            tx.run("UPDATE repos SET status = ?, due = 0 WHERE did = ?", (change.status, did))
            if change.status == "deleted":
                drop_all(tx, did)
                tx.run("UPDATE repos SET needs_history = 1, rev = '' WHERE did = ?", (did,))
            show_or_hide(tx, did)
        self.work.set()

    def _apply(self, tx: Transaction, repo: Row, change: Commit | Gap, source: Source) -> None:
        if change.rev <= repo["rev"] or not _is_authoritative(repo, source):
            return
        if isinstance(change, Gap):
            tx.run("UPDATE repos SET needs_history = 1, due = 0 WHERE did = ?", (change.did,))
            self.work.set()
            return
        put_records(tx, change.did, change.rev, change.writes)
        tx.run("UPDATE repos SET rev = ? WHERE did = ?", (change.rev, change.did))

    def _keep_pending(
        self, tx: Transaction, change: Commit | Gap, source: Source, size: int
    ) -> None:
        if isinstance(change, Gap) or not self._pending.add(change, source, size):
            self._pending.take(change.did)
            tx.run("UPDATE repos SET needs_history = ? WHERE did = ?", (_READ_TWICE, change.did))

    # -- repositories

    def next_due(self, excluding: Iterable[str] = (), *, with_failed: bool = True) -> Row | None:
        """Return the repository to read next; None if none is due.

        Args:
            excluding: DIDs of repositories that are being read.
            with_failed: Include repositories that could not be read before; they come first.
        """
        excluded = list(excluding)
        marks = ", ".join("?" * len(excluded)) or "''"
        rows = self._database.read(
            "SELECT * FROM repos WHERE needs_history + needs_identity > 0 AND status = 'active'"
            f" AND due <= ? AND tries <= ? AND did NOT IN ({marks})"
            " ORDER BY CASE WHEN tries > 0 THEN 0 ELSE 1 END, due LIMIT 1",
            (time.time(), _MOST_TRIES if with_failed else 0, *excluded),
        )
        return rows[0] if rows else None

    def identify(self, did: str, pds: str, handle: str | None) -> None:
        """Record a repository's server and handle."""
        with self._lock, self._database.write() as tx:
            # A handle belongs to one account: it is taken from any other one.
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
            self._change_account(tx, AccountChange(did, status))

    def put_page(self, commit: Commit) -> None:
        """Write a part of a repository's history, as of a revision."""
        with self._lock, self._database.write() as tx:
            put_records(tx, commit.did, commit.rev, commit.writes)

    def finish_history(self, did: str, rev: str) -> None:
        """Finish a repository's history, as of a revision, and apply the commits that waited."""
        with self._lock:
            with self._database.write() as tx:
                drop_older(tx, did, rev)
                tx.run("UPDATE repos SET rev = ?, tries = 0 WHERE did = ?", (rev, did))
            for one in self._pending.take(did):
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
        except Exception as error:  # as in ``receive``
            unreadable = [_unreadable(Event(0, commit), error)]
            with self._database.write() as tx:
                keep_unreadable(tx, source.name, unreadable)
            self._report(source, unreadable)

    def postpone(self, did: str) -> None:
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


def _is_authoritative(repo: Row, source: Source, *, default: bool = False) -> bool:
    """Return whether a source's events count; ``default`` if the repository's server is unknown."""
    if source.only_pds is None:
        return True
    return default if repo["pds"] is None else bool(repo["pds"] == source.only_pds)


def _unreadable(event: Event | Unreadable, error: Exception) -> Unreadable:
    reason = f"can't be written: {type(error).__name__}: {error!s:.300}"
    change = event.change if isinstance(event, Event) else None
    return Unreadable(event.position, reason, ascii(getattr(change, "did", "")).encode())
