"""Servers that took too long: their repositories are left to the reader of failed ones."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from atdata.appview.ingest.limits import LimitExceeded
from atdata.appview.proxy.upstream import address_of
from atdata.errors import NetworkError

_SECONDS = 600.0  # that a server counts as slow
_MOST = 10_000  # servers that are remembered


class SlowServers:
    """Remembers slow servers by address, because names and ports cost nothing."""

    def __init__(self) -> None:
        self._since: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def guarded(self, pds: str, *, allow_slow: bool) -> Iterator[None]:
        """Hold a block that reads a server's repository, and note the server if it is too slow.

        Args:
            pds: URL of the server.
            allow_slow: Read slow servers too.

        Raises:
            NetworkError: The server is slow, and ``allow_slow`` is False.
        """
        address = address_of(pds)
        if not allow_slow and self._is_slow(address):
            raise NetworkError("the server was too slow recently", uri=pds)
        try:
            yield
        except LimitExceeded:
            self._note(address)
            raise

    def _is_slow(self, address: str) -> bool:
        with self._lock:
            return time.monotonic() - self._since.get(address, -_SECONDS) < _SECONDS

    def _note(self, address: str) -> None:
        with self._lock:
            self._since[address] = time.monotonic()
            while len(self._since) > _MOST:
                self._since.popitem(last=False)
