"""A file that threads hash and flush to the disk while it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO

from atdata.base.disk import sync_data

# Bytes after which written data is flushed to the disk, so that the last flush is short.
_SYNC = 8 << 20


class Sink:
    """Writes to a file, while threads hash the written bytes and flush them to the disk.

    Both release the GIL, so the caller can make the next bytes meanwhile. No thread starts for a
    file that is written by :meth:`finish` alone.

    Args:
        file: Open for writing; it stays the caller's to close, after :meth:`finish` or
            :meth:`abandon`.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._pool = ThreadPoolExecutor(2, "atdata-sink")
        self._hashing: Future[None] | None = None
        self._syncing: Future[None] | None = None
        self._unsynced = 0

    def write(self, pieces: Iterable[bytes | memoryview]) -> None:
        """Write these bytes; calls of about 1 MiB are the most efficient.

        Raises:
            OSError: The disk refuses.
        """
        data = b"".join(pieces)
        _wait(self._hashing)
        self._hashing = self._pool.submit(self._sha256.update, data)
        self._put(data)
        if self._unsynced >= _SYNC:
            _wait(self._syncing)
            self._file.flush()
            self._syncing = self._pool.submit(sync_data, self._file.fileno())
            self._unsynced = 0

    def finish(self, pieces: Iterable[bytes | memoryview] = ()) -> bytes:
        """Write the last bytes, and flush all of them to the disk.

        Returns:
            The sha256 of everything.

        Raises:
            OSError: The disk refuses.
        """
        data = b"".join(pieces)
        _wait(self._hashing)
        self._sha256.update(data)
        self._put(data)
        self._file.flush()
        _wait(self._syncing)
        sync_data(self._file.fileno())
        self._pool.shutdown()
        return self._sha256.digest()

    def abandon(self) -> None:
        """Stop: nothing is under way after this."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _put(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]
        self._unsynced += len(data)


def _wait(work: Future[None] | None) -> None:
    # The operating system reports a disk error only once.
    if work is not None:
        work.result()
