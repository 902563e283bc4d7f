"""Follows the network: streams of events, and the histories of repositories."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from atdata._extras import require
from atdata.appview.database import Database
from atdata.appview.events import Event
from atdata.appview.frames import FrameError
from atdata.appview.ledger import Ledger
from atdata.appview.network import Network
from atdata.appview.sources import Source
from atdata.errors import AtdataError

_log = logging.getLogger("atdata.appview")

_READERS = 4  # repositories that are read at the same time
_BATCH = 1000  # events of one transaction
_LARGEST = 8 * 2**20  # bytes of a message; a commit has two million at most
_GLANCE = 0.5  # seconds between looks at whether to stop
_LONGEST_PAUSE = 60.0  # seconds between attempts to connect
_LOST = ("FutureCursor", "OutdatedCursor")


class Ingest:
    """Keeps a database in step with the network, from threads of its own.

    Args:
        database: Where everything is kept.
        network: Answers questions about accounts and repositories.
        sources: Where to hear of events.
    """

    def __init__(self, database: Database, network: Network, sources: Iterable[Source]) -> None:
        self.ledger = Ledger(database)
        self.heard: dict[str, int] = {}
        """Events heard, by URL of the source."""
        self._network = network
        self._sources = list(sources)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listings: dict[str, threading.Event] = {}
        self._busy: set[str] = set()
        self._choosing = threading.Lock()

    def start(self) -> None:
        """Begin to follow; returns at once."""
        for source in self._sources:
            self._spawn(partial(self._follow, source), f"follow {source.url}")
        for number in range(_READERS):
            self._spawn(self._read_repositories, f"read {number}")

    def stop(self) -> None:
        """Stop following; returns when nothing is being written any more."""
        self._stopping.set()
        self.ledger.work.set()
        for thread in self._threads:
            thread.join()

    def _spawn(self, run: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    # -- streams

    def _follow(self, source: Source) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._listen(source)
            except FrameError as error:
                _log.warning("%s: %s", source.url, error)
                if error.code in _LOST:
                    self.ledger.forget(source)
            except (OSError, AtdataError) as error:
                _log.warning("%s: %s", source.url, error)
            except Exception:
                _log.exception("%s", source.url)
            failures = 1 if time.monotonic() - began > _LONGEST_PAUSE else failures + 1
            self._stopping.wait(min(2.0 ** (failures - 2), _LONGEST_PAUSE))

    def _listen(self, source: Source) -> None:
        """Take in a stream until it ends."""
        client = require("websockets.sync.client", extra="appview")
        exceptions = require("websockets.exceptions", extra="appview")
        position, is_listed = self.ledger.position(source)
        try:
            with client.connect(source.stream_url(position), max_size=_LARGEST) as stream:
                _log.info("%s: following from %s", source.url, position or "now")
                if not is_listed:
                    # Only now, so that nothing can happen between the listing and the stream.
                    self._begin_listing(source)
                while not self._stopping.is_set():
                    self._hear(source, stream)
        except exceptions.WebSocketException as error:
            raise ConnectionError(f"the stream ended: {error}") from error

    def _hear(self, source: Source, stream: object) -> None:
        """Take in what has arrived, in one transaction."""
        events: list[Event] = []
        wait = _GLANCE
        try:
            while len(events) < _BATCH:
                message = stream.recv(timeout=wait)  # type: ignore[attr-defined]
                wait = 0
                if event := source.read(message):
                    events.append(event)
        except TimeoutError:
            pass
        finally:
            # Also when the stream breaks: what arrived before it counts.
            self.ledger.hear(source, events)
            self.heard[source.url] = self.heard.get(source.url, 0) + len(events)

    def _begin_listing(self, source: Source) -> None:
        if earlier := self._listings.get(source.url):
            earlier.set()
        obsolete = self._listings[source.url] = threading.Event()
        self._spawn(partial(self._list, source, obsolete), f"list {source.url}")

    def _list(self, source: Source, obsolete: threading.Event) -> None:
        failures = 0
        while not (self._stopping.is_set() or obsolete.is_set()):
            try:
                for dids in self._network.repositories(source):
                    self.ledger.expect(dids)
            except AtdataError as error:
                _log.warning("%s: no listing: %s", source.url, error)
                failures += 1
                self._stopping.wait(min(2.0**failures, _LONGEST_PAUSE))
            else:
                if not obsolete.is_set():
                    self.ledger.is_listed(source)
                return

    # -- repositories

    def _read_repositories(self) -> None:
        while not self._stopping.is_set():
            self.ledger.work.clear()
            with self._choosing:
                repo = self.ledger.to_read(but=self._busy)
                if repo is not None:
                    self._busy.add(repo["did"])
            if repo is None:
                self.ledger.work.wait(_GLANCE)
                continue
            did = repo["did"]
            try:
                self._read(did, history=bool(repo["needs_history"]))
            except AtdataError as error:
                _log.warning("%s: %s", did, error)
                self.ledger.try_later(did)
            except Exception:
                # A repository that makes us stumble must not keep the others from being read.
                _log.exception("%s", did)
                self.ledger.try_later(did)
            finally:
                self._busy.discard(did)

    def _read(self, did: str, *, history: bool) -> None:
        who = self._network.refresh(did)
        self.ledger.identify(did, who.pds, who.handle)
        if not history:
            return
        status, rev = self._network.state(did)
        if status != "active":
            self.ledger.set_status(did, status)
            return
        for piece in self._network.history(did, rev):
            if self._stopping.is_set():
                return
            self.ledger.put_page(piece)
        self.ledger.has_history(did, rev)
