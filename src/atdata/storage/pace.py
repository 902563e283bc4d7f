"""Limits on the time that servers may keep a caller waiting.

A server must send at least 4 KiB a second, averaged over each minute of waiting, and waiting
for one file ends after a day, whatever its size. Only time spent waiting for servers counts, not
what a caller does between two reads. The timeouts of each scheme bound silence separately.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from atdata.errors import NetworkError

LEAST_RATE = 4096
"""Bytes a second."""
MINUTE = 60.0
"""Seconds of waiting over which the rate of one answer is an average."""
GRACE = 600.0
"""Seconds of waiting for a file beyond what the minimum rate allows, retries included."""
LONGEST = 86_400.0
"""Seconds of waiting for one file, at most."""


class Pace:
    """Holds the server at the other end of a connection to the minimum rate."""

    def __init__(self) -> None:
        self._since = 0.0
        self._waited = 0.0
        self._count = 0

    def seconds(self, timeout: float | None) -> float | None:
        """Return how long the next step on the network may take, which begins now."""
        self._since = time.monotonic()
        return timeout

    def received(self, count: int) -> None:
        """Record that ``count`` more bytes have arrived.

        Raises:
            NetworkError: The server is slower than the minimum rate.
        """
        self._waited += time.monotonic() - self._since
        self._count += count
        if self._waited >= MINUTE:
            if self._count < self._waited * LEAST_RATE:
                raise _too_slow(f"the server sends less than {LEAST_RATE:,} bytes a second")
            self._waited, self._count = 0.0, 0


class Patience:
    """Bounds the waiting for something that takes several requests.

    Args:
        seconds: Seconds of waiting that are allowed before any bytes arrive.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waited = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time that the block takes.

        Raises:
            NetworkError: The total, with earlier blocks, is too long.
        """
        since = time.monotonic()
        try:
            yield
        finally:
            self._waited += time.monotonic() - since
        if self._waited > min(self._seconds, LONGEST):
            raise _too_slow(f"the server takes longer than {min(self._seconds, LONGEST):,.0f} s")

    def received(self, count: int) -> None:
        """Allow the time that ``count`` more bytes take at the minimum rate."""
        self._seconds += count / LEAST_RATE


def _too_slow(message: str) -> NetworkError:
    return NetworkError(message, hint="Try again later, or read it from another place.")
