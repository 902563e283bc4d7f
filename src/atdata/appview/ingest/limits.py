"""Limits of time and bytes for reading one repository."""

from __future__ import annotations

import threading
import time

from atdata.errors import NetworkError

_SECONDS = 20.0  # of reading, before bytes count
_RATE = 16 * 2**10  # bytes a second that a server must send, on average
_MOST = 128 * 2**20  # bytes of a repository


class LimitExceeded(NetworkError):
    """A repository's servers took too long, or sent too much."""


class ReadLimits(threading.local):
    """Limits the connections of a thread while it reads a repository."""

    def __init__(self) -> None:
        self._end = 0.0
        self._left = 0

    def begin(self) -> None:
        """Begin to read a repository in this thread."""
        self._end, self._left = time.monotonic() + _SECONDS, _MOST

    def finish(self) -> None:
        """End the limits of this thread."""
        self._end = 0.0

    def seconds(self, timeout: float | None) -> float | None:
        """Return how long the next step on the network may take.

        Raises:
            LimitExceeded: The time is over.
        """
        if not self._end:
            return timeout
        left = self._end - time.monotonic()
        if left <= 0:
            raise LimitExceeded("the servers of this repository are too slow")
        return left if timeout is None else min(left, timeout)

    def received(self, count: int) -> None:
        """Allow the time that this many bytes take at the least rate.

        Raises:
            LimitExceeded: The servers sent too many bytes.
        """
        if self._end:
            self._end += count / _RATE
            self._left -= count
            if self._left < 0:
                raise LimitExceeded(f"a repository of more than {_MOST:,} bytes")
