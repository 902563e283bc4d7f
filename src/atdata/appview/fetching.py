"""Each shard is fetched once, however many wait for it, and seen by nobody before it is sound.

A thread writes the bytes to a file and hashes them; those who wait read the file behind it. The
last piece is held back until the digest has been checked, so whoever got a shard whole got the
right one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from atdata.appview.upstream import Cancelled, UpstreamError, open_upstream, told
from atdata.sources.cache import ShardCache
from atdata.sources.verified import verified
from atdata_records import cid as cids

PIECE = 2**20  # bytes read and sent at once
_FETCHES, _FETCHES_OF_HOST, _MOST_WAITING = 16, 4, 256
_REMEMBERED_SECONDS = 2.0  # how long a failure is told again without asking the server


@dataclass(frozen=True, slots=True)
class Wanted:
    """A shard, and where it can be had.

    Attributes:
        cid: What its bytes must be.
        size: How many they must be.
        url: Where.
    """

    cid: str
    size: int
    url: str


class Fetch:
    """One shard on its way. Everything but the thread's own work happens on the event loop."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.readers = 0
        self.sound = 0
        """Bytes of the file that may be passed on."""
        self.is_done = False
        self.error: UpstreamError | None = None
        self._failure: UpstreamError | None = None
        self._path: Path | None = None
        self._loop = asyncio.get_running_loop()
        self._progress = asyncio.Event()
        self._cancelled = threading.Event()

    async def wait(self, size: int) -> None:
        """Wait until this many bytes may be passed on, or all there are.

        Raises:
            UpstreamError: The rest can't be had.
        """
        while self.sound < size and not self.is_done:
            await self._progress.wait()
        if self.error is not None and self.sound < size:
            raise self.error

    def open(self, cache: ShardCache) -> IO[bytes]:
        """The file to read behind, once some of it may be passed on; the caller closes it."""
        assert self._path  # noqa: S101 - there is a file before there is something in it
        try:
            return self._path.open("rb")
        except FileNotFoundError:
            # It was verified meanwhile, and has its name now.
            file = cache.open(self.wanted.cid)
            if file is None:
                raise self._failure or UpstreamError(
                    503, "Busy", "the cache is too small", 5
                ) from None
            return file

    def cancel(self) -> None:
        """Give up: nobody reads any more."""
        self._cancelled.set()

    def run(self, cache: ShardCache, buckets: frozenset[str]) -> None:
        """Fetch the shard into the cache; the work of a thread of its own."""
        seen = 0
        try:
            with cache.new_file() as file:
                self._path = Path(file.name)
                seen = self._fill(file, cache, buckets)
        except OSError as error:
            self._failure = _no_room(error)
        finally:
            self._loop.call_soon_threadsafe(self._end, seen, self._failure)

    def _fill(self, file: IO[bytes], cache: ShardCache, buckets: frozenset[str]) -> int:
        """The number of bytes; errors are noted before the file goes, for who would open it."""
        seen = 0
        try:
            with self._open(buckets) as stream, told():
                while piece := stream.read(PIECE):
                    file.write(piece)
                    file.flush()
                    self._tell(seen)
                    seen += len(piece)
            file.close()
            cache.keep(Path(file.name), self.wanted.cid)
        except UpstreamError as error:
            self._failure = error
        except Cancelled:
            self._failure = UpstreamError(503, "Cancelled", "the download was given up", 1)
        except OSError as error:
            self._failure = _no_room(error)
        return seen

    def _open(self, buckets: frozenset[str]) -> IO[bytes]:
        stream = open_upstream(
            self.wanted.url, self.wanted.size, buckets=buckets, is_cancelled=self._cancelled.is_set
        )
        with told():
            return verified(stream, self.wanted.url, cids.digest(self.wanted.cid), self.wanted.size)

    def _tell(self, sound: int) -> None:
        self._loop.call_soon_threadsafe(self._advance, sound)

    def _advance(self, sound: int) -> None:
        self.sound = sound
        self._progress.set()
        self._progress = asyncio.Event()

    def _end(self, seen: int, error: UpstreamError | None) -> None:
        self.error, self.is_done = error, True
        self._advance(self.sound if error else seen)


def _no_room(error: OSError) -> UpstreamError:
    return UpstreamError(507, "CacheFull", f"can't write the cache: {error.strerror}")


class Fetcher:
    """Shards from the cache, or from the network into it.

    Args:
        cache: Where verified shards are kept.
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
        self._running: dict[str, Fetch] = {}
        self._failed: dict[str, tuple[float, UpstreamError]] = {}
        self._all = asyncio.Semaphore(_FETCHES)
        self._of_host: dict[str, asyncio.Semaphore] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def reading(self, wanted: Wanted) -> AsyncIterator[Fetch]:
        """A fetch to read behind; given up at the end of the block unless others read it too.

        Raises:
            UpstreamError: It failed just now, is too large, or too many are waiting.
        """
        fetch = self._running.get(wanted.cid) or self._begin(wanted)
        fetch.readers += 1
        try:
            yield fetch
        finally:
            fetch.readers -= 1
            if not fetch.readers and not fetch.is_done:
                fetch.cancel()
                self._running.pop(wanted.cid, None)

    async def whole(self, wanted: Wanted) -> IO[bytes]:
        """A shard as a verified file, opened. The caller closes it.

        Raises:
            UpstreamError: It can't be had.
        """
        while (file := self.cache.open(wanted.cid)) is None:
            async with self.reading(wanted) as fetch:
                await fetch.wait(2**63)
                if fetch.error is not None:
                    raise fetch.error
        return file

    def _begin(self, wanted: Wanted) -> Fetch:
        until, error = self._failed.get(wanted.cid, (0.0, None))
        if error is not None and until > time.monotonic():
            raise error
        if wanted.size > self._largest:
            raise UpstreamError(
                501, "TooLarge", f"this service passes on shards of up to {self._largest:,} bytes"
            )
        if len(self._running) >= _MOST_WAITING:
            raise UpstreamError(503, "Busy", "too many shards are being fetched", 5)
        fetch = Fetch(wanted)
        self._running[wanted.cid] = fetch
        task = asyncio.create_task(self._run(fetch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return fetch

    async def _run(self, fetch: Fetch) -> None:
        host = _host(fetch)
        gate = self._of_host.setdefault(host, asyncio.Semaphore(_FETCHES_OF_HOST))
        async with gate, self._all:
            self.started += 1
            await _in_thread(lambda: fetch.run(self.cache, self._buckets))
        if self._running.get(fetch.wanted.cid) is fetch:
            del self._running[fetch.wanted.cid]
        if not gate.locked() and host not in map(_host, self._running.values()):
            self._of_host.pop(host, None)
        if fetch.error is not None and fetch.error.code != "Cancelled":
            self._remember(fetch.wanted.cid, fetch.error)

    def _remember(self, cid: str, error: UpstreamError) -> None:
        now = time.monotonic()
        self._failed = {name: kept for name, kept in self._failed.items() if kept[0] > now}
        self._failed[cid] = now + (error.retry_after or _REMEMBERED_SECONDS), error


def _host(fetch: Fetch) -> str:
    return urlsplit(fetch.wanted.url).netloc


async def _in_thread(run: Callable[[], None]) -> None:
    """Run in a thread of its own: the pool is for short work."""
    done = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def work() -> None:
        try:
            run()
        finally:
            loop.call_soon_threadsafe(done.set_result, None)

    threading.Thread(target=work, name="fetch", daemon=True).start()
    await done
