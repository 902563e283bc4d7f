"""Follows the network: streams of events, and the histories of repositories."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from functools import partial

from atdata.appview.database.protocol import Database
from atdata.appview.events import Event, Unreadable
from atdata.appview.ingest.frames import StreamEnded
from atdata.appview.ingest.ledger import Ledger
from atdata.appview.ingest.network import Network
from atdata.appview.ingest.slow_servers import SlowServers
from atdata.appview.ingest.sources import Source
from atdata.appview.workers import Workers
from atdata.base.extras import require
from atdata.base.text import one_line
from atdata.errors import AtdataError, NetworkError, StorageError

_log = logging.getLogger("atdata.appview")

_READERS = 4  # repositories that are read at the same time
_BATCH = 1000  # messages of one transaction
_BATCH_BYTES = 64 * 2**20  # and what they may take in memory
_LARGEST = 8 * 2**20  # bytes of a message; a commit has two million at most
_QUEUED = 2  # messages that are received ahead
_TOO_LARGE = 1009  # the WebSocket status by which the client closes a stream with a larger one
_POLL_SECONDS = 0.5  # seconds between checks whether to stop
_POSITION_LOST = ("FutureCursor", "OutdatedCursor")


class Ingest:
    """Keeps a database in step with the network, from its own threads.

    Args:
        database: The database to write to.
        network: Answers questions about accounts and repositories.
        sources: The servers that send events.
    """

    def __init__(self, database: Database, network: Network, sources: Iterable[Source]) -> None:
        self.ledger = Ledger(database)
        self.received: dict[str, int] = {}
        """Events received, by name of the source."""
        self.workers = Workers()
        """Threads that follow sources and read repositories."""
        self._network = network
        self._sources = list(sources)
        self._listings: dict[str, threading.Event] = {}
        self._busy: set[str] = set()
        self._slow = SlowServers()
        self._choosing = threading.Lock()

    def start(self) -> None:
        """Begin to follow; return at once."""
        for source in self._sources:
            self.workers.start(_follower(source), partial(self._follow, source))
        for number in range(_READERS):
            # One reader is for repositories that failed before: they must not delay others.
            with_failed = number == _READERS - 1
            self.workers.start(f"read {number}", partial(self._read_next, with_failed=with_failed))

    def stop(self) -> None:
        """Stop following; return when nothing is being written any more."""
        self.workers.stopping.set()
        self.ledger.work.set()
        self.workers.stop()

    # -- streams

    def _follow(self, source: Source) -> bool:
        """Read a stream until it ends."""
        client = require("websockets.sync.client", extra="appview")
        exceptions = require("websockets.exceptions", extra="appview")
        position, is_listed = self.ledger.position(source)
        try:
            with client.connect(
                source.stream_url(position), max_size=_LARGEST, max_queue=_QUEUED
            ) as stream:
                _log.info("%s: following from %s", source.name, position or "now")
                if not is_listed:
                    # Only now: no event may be missed between the listing and the stream.
                    self._begin_listing(source)
                while not self.workers.stopping.is_set():
                    self._receive(source, stream)
                    self.workers.mark_working(_follower(source))
        except StreamEnded as error:
            if error.code in _POSITION_LOST:
                self.ledger.forget(source)
            raise
        except exceptions.ConnectionClosed as error:
            if error.sent and error.sent.code == _TOO_LARGE:
                # The position after it is unknown, so the stream begins anew.
                self.ledger.forget(source)
                self.ledger.unreadable[source.name] += 1
            raise NetworkError.passing(f"the stream ended: {error}") from error
        except exceptions.WebSocketException as error:
            raise NetworkError.passing(f"no stream: {error}") from error
        except AtdataError:
            raise
        except OSError as error:
            raise NetworkError.passing(f"no stream: {error}") from error
        return True

    def _receive(self, source: Source, stream: object) -> None:
        """Write what has arrived to the database, in one transaction."""
        messages: list[Event | Unreadable] = []
        size, wait = 0, _POLL_SECONDS
        try:
            while len(messages) < _BATCH and size < _BATCH_BYTES:
                message = stream.recv(timeout=wait)  # type: ignore[attr-defined]
                wait = 0
                if found := source.read(message):
                    messages.append(found)
                    size += found.size
        except TimeoutError:
            pass
        finally:
            # Also if the stream breaks: what arrived before counts.
            self.ledger.receive(source, messages)
            self.received[source.name] = self.received.get(source.name, 0) + len(messages)

    def _begin_listing(self, source: Source) -> None:
        if earlier := self._listings.get(source.name):
            earlier.set()
        obsolete = self._listings[source.name] = threading.Event()
        self.workers.start(f"list {source.name}", partial(self._list, source, obsolete))

    def _list(self, source: Source, obsolete: threading.Event) -> bool:
        """Read the list of all repositories of a source."""
        if obsolete.is_set():
            return False
        for dids in self._network.repositories(source):
            if obsolete.is_set() or self.workers.stopping.is_set():
                return False
            self.ledger.add_repositories(dids)
        if not obsolete.is_set():
            self.ledger.mark_listed(source)
        return False

    # -- repositories

    def _read_next(self, *, with_failed: bool) -> bool:
        """Read a repository that is due, or wait a little for one."""
        self.ledger.work.clear()
        with self._choosing:
            repo = self.ledger.next_due(self._busy, with_failed=with_failed)
            if repo is not None:
                self._busy.add(repo["did"])
        if repo is None:
            self.ledger.work.wait(_POLL_SECONDS)
            return True
        did = repo["did"]
        self._network.limits.begin()
        try:
            self._read(did, history=bool(repo["needs_history"]), allow_slow=with_failed)
        except StorageError:
            raise
        except Exception as error:  # one repository must not keep the others from being read
            unexpected = None if isinstance(error, AtdataError) else error
            _log.warning("%s: %s", did, one_line(str(error)), exc_info=unexpected)
            self.ledger.postpone(did)
        finally:
            self._network.limits.finish()
            with self._choosing:
                self._busy.discard(did)
        return True

    def _read(self, did: str, *, history: bool, allow_slow: bool) -> None:
        who = self._network.refresh(did)
        self.ledger.identify(did, who.pds, who.handle)
        if not history:
            return
        with self._slow.guarded(who.pds, allow_slow=allow_slow):
            self._read_history(did)

    def _read_history(self, did: str) -> None:
        status, rev = self._network.state(did)
        if status != "active":
            self.ledger.set_status(did, status)
            return
        for piece in self._network.history(did, rev):
            if self.workers.stopping.is_set():
                return
            self.ledger.put_page(piece)
        self.ledger.finish_history(did, rev)


def _follower(source: Source) -> str:
    return f"follow {source.name}"
