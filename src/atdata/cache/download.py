"""Download of a whole file, several parts at a time."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import IO

from atdata.base.redact import redacted
from atdata.shards.expected import ExpectedShard, mismatch
from atdata.shards.info import ShardInfo
from atdata.storage.objects import StoredObject
from atdata.storage.resume import Opened, Resuming, open_patiently
from atdata_records import cid as cids

LARGEST = 1 << 40
"""Bytes of the largest file that is accepted without knowing its size beforehand."""
CHUNK = 8 << 20
"""Bytes that one request asks for."""
_THREADS = 4


class Cancelled(Exception):
    """The caller cancelled the download."""


class TooLarge(Exception):
    """The file has more bytes than there is room for."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be fetched.

    Attributes:
        object: Where it is.
        expected: What its bytes must be; None to accept any, in one state of the file.
        is_cancelled: Called now and then; True to give up.
    """

    object: StoredObject
    expected: ShardInfo | ExpectedShard | None = None
    is_cancelled: Callable[[], bool] = lambda: False

    def begin(self) -> Opened:
        """Open the first part, which reports the size of the whole file and its state.

        Raises:
            AtdataError: What the place raises, after the last attempt.
        """
        return open_patiently(self.object.ask, self.object.url, stop=CHUNK)

    def tag(self) -> str | None:
        """Return the tag of the file's present state; raises as :meth:`begin`."""
        opened = open_patiently(self.object.ask, self.object.url, stop=1)
        opened.stream.close()
        return opened.tag

    def write(
        self,
        first: Opened,
        file: IO[bytes],
        *,
        limit: int = LARGEST,
        make_room: Callable[[], None] = lambda: None,
    ) -> tuple[str, int]:
        """Fetch the rest, and write all of it.

        Args:
            first: What :meth:`begin` returned.
            file: The file to write to.
            limit: Bytes that there is room for.
            make_room: Called while it is written, again after every 8 MiB or 1/16 of the limit.

        Returns:
            The CID and the number of the bytes.

        Raises:
            DigestMismatch: They are not those that were expected.
            Cancelled: The caller cancelled it.
            TooLarge: It has more than ``limit`` bytes.
            OSError: The file can't be written.
            AtdataError: What the place raises, after the last attempt.
        """
        sha256 = hashlib.sha256()
        size = next_room = 0
        for piece in self._written(first, file):
            if self.is_cancelled():
                raise Cancelled
            size += len(piece)
            if size > self._most():
                break
            if size > limit:
                raise TooLarge
            if size >= next_room:
                make_room()
                next_room = size + min(CHUNK, limit // 16)
            sha256.update(piece)
        found = cids.from_digest(sha256.digest())
        if self.expected:
            self._check(found, size)
        return found, size

    def _check(self, cid: str, size: int) -> None:
        assert self.expected  # noqa: S101 - the caller has looked
        shard, wanted = redacted(self.object.url), self.expected
        if size > self._most():
            raise mismatch(f"the shard is longer than the {wanted.size} bytes expected", shard)
        if size < (wanted.size or 0):
            raise mismatch(f"the shard ends after {size} of {wanted.size} bytes", shard)
        if cid != wanted.cid:
            raise mismatch(
                f"the shard's bytes are not those expected: {cid}, not {wanted.cid}", shard
            )

    def _most(self) -> int:
        """Return the largest number of bytes to accept."""
        size = self.expected.size if self.expected else None
        return LARGEST if size is None else size

    def _written(self, first: Opened, file: IO[bytes]) -> Iterator[bytes]:
        """Yield the bytes in order; each piece is in the file before it is yielded."""
        size = first.size
        if not first.is_part or size is None or size <= CHUNK:
            for piece in self._part(0, None, first).pieces():
                file.write(piece)
                yield piece
            return
        size = min(size, self._most() + 1)
        parts = ((start, min(start + CHUNK, size)) for start in range(0, size, CHUNK))
        for part in _in_order(partial(self._whole, *part, first) for part in parts):
            # By one thread: those that write to one file at once wait for each other.
            for piece in part:
                file.write(piece)
                yield piece

    def _whole(self, start: int, stop: int, first: Opened) -> list[bytes]:
        """Fetch one part."""
        part = self._part(start, stop, first)
        pieces = []
        try:
            for piece in part.pieces():
                if self.is_cancelled():
                    raise Cancelled
                pieces.append(piece)
            return pieces
        finally:
            part.close()

    def _part(self, start: int, stop: int | None, first: Opened) -> Resuming:
        return Resuming(
            self.object.ask,
            self.object.url,
            start=start,
            stop=stop,
            tag=first.tag,
            opened=None if start else first,
            is_checked=self.expected is not None,
        )


def _in_order(tasks: Iterator[Callable[[], list[bytes]]]) -> Iterator[list[bytes]]:
    """Yield the results of tasks in order; threads run up to four tasks ahead."""
    pool = ThreadPoolExecutor(_THREADS, "atdata-download")
    running: deque[Future[list[bytes]]] = deque()
    try:
        for task in tasks:
            running.append(pool.submit(task))
            if len(running) > _THREADS:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
