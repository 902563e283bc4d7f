"""Locks between processes, which the system opens when their holder dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


class Busy(TimeoutError):
    """Another process, or another thread of this one, holds the lock."""


@contextmanager
def locked(path: Path, *, timeout: float = -1) -> Iterator[None]:
    """Hold a lock for the length of a block.

    Args:
        path: The lock's file, made when missing, in an existing folder. Its content means nothing.
        timeout: Seconds to wait; 0 tries once, negative waits as long as it takes.

    Raises:
        Busy: It was not free in time.
        OSError: The file can't be made.
    """
    lock = FileLock(path, timeout=timeout)
    try:
        lock.acquire()
    except Timeout:
        raise Busy(f"{path} is locked") from None
    try:
        yield
    finally:
        lock.release()
