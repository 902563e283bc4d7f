"""Values that are computed again only after a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Cached(Generic[T]):
    """A value that is computed at most once in a few seconds, by one thread at a time.

    Args:
        work: Computes it.
        seconds: How long it is kept.
    """

    def __init__(self, work: Callable[[], T], seconds: float = 5.0) -> None:
        self._work = work
        self._seconds = seconds
        self._until = 0.0
        self._value: T
        self._working = threading.Lock()

    def __call__(self) -> T:
        """Return the value."""
        with self._working:
            if self._until < time.monotonic():
                self._value = self._work()
                self._until = time.monotonic() + self._seconds
            return self._value
