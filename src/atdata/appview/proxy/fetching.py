"""Single-flight downloads: each shard is fetched once from each URL, for all its clients.

A thread writes the bytes to a file and hashes them; clients read the file as it grows. The
last piece is held back until the digest has been checked, so a shard that arrives complete is the
right one. Fetches and failures belong to a shard at a URL: what another record states about the
same shard does not count.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from atdata.appview.proxy.fair_queue import FairQueue, Turn
from atdata.appview.proxy.upstream import (
    Cancelled,
    UpstreamError,
    address_of,
    host_of,
    open_upstream,
    upstream_errors,
)
from atdata.appview.threads import in_thread
from atdata.cache.shard_cache import ShardCache
from atdata.shards.expected import verified
from atdata_records import cid as cids

PIECE = 2**20  # bytes read and sent at once
_FETCHES, _FETCHES_OF_HOST, _FETCHES_OF_CLIENT = 16, 4, 4
_MOST_WAITING, _MOST_WAITING_OF_CLIENT = 1024, 64
_MOST_FAILURES = 4096
_REMEMBERED_SECONDS = 2.0  # how long a failure is repeated without asking the server


@dataclass(frozen=True, slots=True)
class Target:
    """A shard to fetch: its expected bytes and its URL.

    Attributes:
        cid: Expected CID of its bytes.
        size: Expected number of bytes.
        url: The URL to fetch.
    """

    cid: str
    size: int
    url: str


class Fetch:
    """One download. Everything but the thread's own work happens on the event loop."""

    def __init__(self, target: Target, turn: Turn) -> None:
        self.target = target
        self.turn = turn
        self.readers = 0
        self.sound = 0
        """Bytes of the file that may be sent to clients."""
        self.is_done = False
        self.error: UpstreamError | None = None
        self._failure: UpstreamError | None = None
        self._path: Path | None = None
        self._loop = asyncio.get_running_loop()
        self._progress = asyncio.Event()
        self._cancelled = threading.Event()

    async def wait(self, size: int) -> None:
        """Wait until this many bytes may be sent, or all there are.

        Raises:
            UpstreamError: The rest can't be fetched.
        """
        while self.sound < size and not self.is_done:
            await self._progress.wait()
        if self.error is not None and self.sound < size:
            raise self.error

    def open(self, cache: ShardCache) -> IO[bytes]:
        """Open the file to read while it grows, once it has bytes to send; the caller closes it."""
        assert self._path  # noqa: S101 - there is a file before there is something in it
        try:
            return self._path.open("rb")
        except FileNotFoundError:
            # It was verified meanwhile, and has its final name now.
            file = cache.open(self.target.cid)
            if file is None:
                raise self._failure or UpstreamError(
                    503, "Busy", "the cache is too small", 5
                ) from None
            return file

    def cancel(self) -> None:
        """Cancel the fetch: no reader is left."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._cancelled.is_set()

    def run(self, cache: ShardCache, buckets: frozenset[str]) -> None:
        """Fetch the shard into the cache; the work of its own thread."""
        seen = 0
        try:
            # An earlier fetch may have ended since the cache was looked at.
            self._path = cache.find(self.target.cid)
            if self._path:
                seen = self._path.stat().st_size
                return
            with cache.new_file() as file:
                self._path = Path(file.name)
                seen = self._fill(file, cache, buckets)
        except OSError as error:
            self._failure = _cache_full(error)
        finally:
            self._loop.call_soon_threadsafe(self._end, seen, self._failure)

    def _fill(self, file: IO[bytes], cache: ShardCache, buckets: frozenset[str]) -> int:
        """Return the number of bytes; note an error before the file is deleted, for its readers."""
        seen = 0
        try:
            with self._open(buckets) as stream, upstream_errors():
                while piece := stream.read(PIECE):
                    file.write(piece)
                    file.flush()
                    self._report(seen)
                    seen += len(piece)
            file.close()
            cache.keep(Path(file.name), self.target.cid)
        except UpstreamError as error:
            self._failure = error
        except Cancelled:
            self._failure = UpstreamError(503, "Cancelled", "the download was cancelled", 1)
        except OSError as error:
            self._failure = _cache_full(error)
        return seen

    def _open(self, buckets: frozenset[str]) -> IO[bytes]:
        stream = open_upstream(
            self.target.url, self.target.size, buckets=buckets, is_cancelled=self._cancelled.is_set
        )
        with upstream_errors():
            return verified(stream, self.target.url, cids.digest(self.target.cid), self.target.size)

    def _report(self, sound: int) -> None:
        self._loop.call_soon_threadsafe(self._advance, sound)

    def _advance(self, sound: int) -> None:
        self.sound = sound
        self._progress.set()
        self._progress = asyncio.Event()

    def _end(self, seen: int, error: UpstreamError | None) -> None:
        self.error, self.is_done = error, True
        self._advance(self.sound if error else seen)


def _cache_full(error: OSError) -> UpstreamError:
    return UpstreamError(507, "CacheFull", f"can't write the cache: {error.strerror}")


class Fetcher:
    """Shards from the cache, or from the network through the cache.

    Args:
        cache: Holds verified shards.
        largest: Bytes of the largest shard that is fetched.
        buckets: S3 buckets that may be read.
    """

    def __init__(
        self, cache: ShardCache, *, largest: int, buckets: frozenset[str] = frozenset()
    ) -> None:
        self.cache = cache
        self.started = 0
        """Fetches from the network so far."""
        self._largest = largest
        self._buckets = buckets
        self._running: dict[Target, Fetch] = {}
        self._failed: dict[Target, tuple[float, UpstreamError]] = {}
        self._queue = FairQueue(_FETCHES, of_client=_FETCHES_OF_CLIENT, of_host=_FETCHES_OF_HOST)
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def reading(self, target: Target, client: str) -> AsyncIterator[Fetch]:
        """Yield a fetch to read from; cancel it after the block unless others read it too.

        Raises:
            UpstreamError: It failed just now, is too large, or too many are waiting.
        """
        fetch = self._running.get(target)
        if fetch is None:
            fetch = self._begin(target, client)
        else:
            self._queue.join(fetch.turn, client)
        fetch.readers += 1
        try:
            yield fetch
        finally:
            fetch.readers -= 1
            self._queue.leave(fetch.turn, client)
            if not fetch.readers and not fetch.is_done:
                self._give_up(fetch)

    async def whole(self, target: Target, client: str) -> IO[bytes]:
        """Return a shard as a verified, open file. The caller closes it.

        Raises:
            UpstreamError: It can't be fetched.
        """
        while (file := await asyncio.to_thread(self.cache.open, target.cid)) is None:
            async with self.reading(target, client) as fetch:
                await fetch.wait(2**63)
                if fetch.error is not None:
                    raise fetch.error
        return file

    def _begin(self, target: Target, client: str) -> Fetch:
        until, error = self._failed.get(target, (0.0, None))
        if error is not None and until > time.monotonic():
            raise error
        if target.size > self._largest:
            raise UpstreamError(
                501, "TooLarge", f"this service proxies shards of up to {self._largest:,} bytes"
            )
        if (
            len(self._running) >= _MOST_WAITING
            or self._queue.waiting_for(client) >= _MOST_WAITING_OF_CLIENT
        ):
            raise UpstreamError(503, "Busy", "too many shards are being fetched", 5)
        fetch = Fetch(target, self._queue.enter(host_of(target.url), client))
        self._running[target] = fetch
        task = asyncio.create_task(self._run(fetch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return fetch

    def _give_up(self, fetch: Fetch) -> None:
        fetch.cancel()
        self._queue.stop_waiting(fetch.turn)
        self._forget(fetch)

    def _forget(self, fetch: Fetch) -> None:
        if self._running.get(fetch.target) is fetch:
            del self._running[fetch.target]

    async def _run(self, fetch: Fetch) -> None:
        turn = fetch.turn
        try:
            await turn.begin()
            if fetch.is_cancelled:
                return
            # Host names cost nothing, so a host is counted by its address.
            self._queue.move(turn, await in_thread(partial(address_of, fetch.target.url)))
            await turn.begin()
            if fetch.is_cancelled:
                return
            self.started += 1
            await in_thread(partial(fetch.run, self.cache, self._buckets))
        finally:
            self._queue.end(turn)
            self._forget(fetch)
        if fetch.error is not None and fetch.error.code != "Cancelled":
            self._remember(fetch.target, fetch.error)

    def _remember(self, target: Target, error: UpstreamError) -> None:
        now = time.monotonic()
        failed = [(place, kept) for place, kept in self._failed.items() if kept[0] > now]
        self._failed = dict(failed[-_MOST_FAILURES:])
        self._failed[target] = now + (error.retry_after or _REMEMBERED_SECONDS), error
