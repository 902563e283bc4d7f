"""What is known of repositories: how far each was followed, and what is still to be read.

A repository's history is read from its own server; what happens meanwhile waits until that is
in. Events that wait are kept in memory only: after a crash the history is read again, and holds
them. All that must not be lost is in the database, and the position in a stream is committed
with what was read up to it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from atdata.appview.database import Database, Row, Transaction
from atdata.appview.events import AccountChange, Commit, Event, Gap, IdentityChange
from atdata.appview.sources import Source
from atdata.appview.writing import drop_all, drop_older, put_records, show_or_hide

_MOST_WAITING = 50_000  # events; with more, a repository's history is rather read twice
_LONGEST_PAUSE = 3600.0  # seconds between attempts to read a repository

_Waiting: TypeAlias = tuple[Commit | Gap, str | None]


class Ledger:
    """Keeps the database in step with what is heard. Safe to share between threads.

    Args:
        database: Where everything is kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting: dict[str, list[_Waiting]] = {}
        self._count = 0
        self.work = threading.Event()
        """Set when a repository is to be read."""

    # -- streams

    def position(self, source: Source) -> tuple[int, bool]:
        """Where to go on with a stream (0: from now), and whether its past is known."""
        rows = self._database.read(
            "SELECT position, listed FROM sources WHERE url = ?", (source.url,)
        )
        if not rows or not rows[0]["position"]:
            return 0, False
        return int(rows[0]["position"]), bool(rows[0]["listed"])

    def forget(self, source: Source) -> None:
        """The stream can't go on where it was left."""
        with self._lock, self._database.write() as tx:
            tx.run("DELETE FROM sources WHERE url = ?", (source.url,))

    def is_listed(self, source: Source) -> None:
        """All repositories of a source are known now."""
        with self._lock, self._database.write() as tx:
            tx.run(
                "INSERT INTO sources (url, position, listed) VALUES (?, 0, 1)"
                " ON CONFLICT (url) DO UPDATE SET listed = 1",
                (source.url,),
            )

    def expect(self, dids: Iterable[str]) -> None:
        """These repositories exist: their history is to be read."""
        with self._lock, self._database.write() as tx:
            for did in dids:
                tx.run(
                    "INSERT INTO repos (did) VALUES (?) ON CONFLICT (did)"
                    " DO UPDATE SET needs_history = 1, due = 0",
                    (did,),
                )
        self.work.set()

    def hear(self, source: Source, events: Sequence[Event]) -> None:
        """Take in events of a source, in order, and remember how far it was read."""
        if not events:
            return
        with self._lock, self._database.write() as tx:
            for event in events:
                if event.what is not None:
                    self._take(tx, event.what, source.speaks_for)
            tx.run(
                "INSERT INTO sources (url, position, listed) VALUES (?, ?, 0)"
                " ON CONFLICT (url) DO UPDATE SET position = excluded.position",
                (source.url, events[-1].position),
            )

    def _take(
        self,
        tx: Transaction,
        what: Commit | Gap | AccountChange | IdentityChange,
        speaks_for: str | None,
    ) -> None:
        repo = _repo(tx, what.did)
        if isinstance(what, Commit | Gap):
            if repo is None:
                tx.run("INSERT INTO repos (did) VALUES (?)", (what.did,))
                self.work.set()
            if repo is None or repo["needs_history"]:
                self._wait(what, speaks_for)
            else:
                self._apply(tx, repo, what, speaks_for)
        elif repo is not None and _may_speak(repo, speaks_for):
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

    def _apply(
        self, tx: Transaction, repo: Row, what: Commit | Gap, speaks_for: str | None
    ) -> None:
        if what.rev <= repo["rev"] or not _may_speak(repo, speaks_for):
            return
        if isinstance(what, Gap):
            tx.run("UPDATE repos SET needs_history = 1, due = 0 WHERE did = ?", (what.did,))
            self.work.set()
            return
        put_records(tx, what.did, what.rev, what.writes)
        tx.run("UPDATE repos SET rev = ? WHERE did = ?", (what.rev, what.did))

    def _wait(self, what: Commit | Gap, speaks_for: str | None) -> None:
        queue = self._waiting.setdefault(what.did, [])
        if self._count >= _MOST_WAITING:
            self._count -= len(queue)
            queue.clear()
            what = Gap(what.did, what.rev)
        queue.append((what, speaks_for))
        self._count += 1

    # -- repositories

    def to_read(self, but: Iterable[str] = ()) -> Row | None:
        """A repository that is to be read now, other than these."""
        but = list(but)
        marks = ", ".join("?" * len(but)) or "''"
        rows = self._database.read(
            "SELECT * FROM repos WHERE needs_history + needs_identity > 0 AND status = 'active'"
            f" AND due <= ? AND did NOT IN ({marks}) ORDER BY due LIMIT 1",
            (time.time(), *but),
        )
        return rows[0] if rows else None

    def identify(self, did: str, pds: str, handle: str | None) -> None:
        """A repository's server and handle are these."""
        with self._lock, self._database.write() as tx:
            tx.run(
                "UPDATE repos SET pds = ?, handle = ?, needs_identity = 0 WHERE did = ?",
                (pds, handle, did),
            )

    def set_status(self, did: str, status: str) -> None:
        """A repository's own server says that it is in this state."""
        with self._lock, self._database.write() as tx:
            self._turn(tx, AccountChange(did, status))

    def put_page(self, commit: Commit) -> None:
        """A part of a repository's history, as of a revision."""
        with self._lock, self._database.write() as tx:
            put_records(tx, commit.did, commit.rev, commit.writes)

    def has_history(self, did: str, rev: str) -> None:
        """A repository's history is in, as of a revision: go on with what waited."""
        with self._lock, self._database.write() as tx:
            drop_older(tx, did, rev)
            tx.run(
                "UPDATE repos SET rev = ?, needs_history = 0, tries = 0 WHERE did = ?", (rev, did)
            )
            for what, speaks_for in self._waiting.get(did, ()):
                if repo := _repo(tx, did):
                    self._apply(tx, repo, what, speaks_for)
            self._count -= len(self._waiting.pop(did, ()))

    def try_later(self, did: str) -> None:
        """A repository can't be read now: wait longer after each failure."""
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


def _may_speak(repo: Row, speaks_for: str | None) -> bool:
    return speaks_for is None or repo["pds"] in (None, speaks_for)
