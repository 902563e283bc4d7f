"""Locks between processes, which the system releases when their holder dies."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from atdata.base.disk import remove_unused

_ALONE, _SHARED = "alone", "shared"


class Busy(TimeoutError):
    """Another process, or another thread of this one, holds the lock."""


@contextmanager
def locked(path: Path, *, timeout: float = -1) -> Iterator[None]:
    """Hold a lock for the length of a block.

    Args:
        path: The lock's file, made when missing, in an existing folder. Its content is not used.
        timeout: Seconds to wait; 0 tries once, negative waits as long as it takes.

    Raises:
        Busy: It was not free in time.
        OSError: The file can't be made.
    """
    # Not of one thread: a generator that holds it may be closed by another.
    lock = FileLock(path, timeout=timeout, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise Busy(f"{path} is locked") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def held(path: Path, *, exclusive: bool) -> Iterator[None]:
    """Hold a shared or exclusive lock for the length of a block, without waiting for others.

    Each holder has a locked file of its own beside ``path``. The files of holders that died are
    unlocked, and the next holder removes them. (filelock's own ReadWriteLock is a SQLite
    database, which works badly with forks and shared file systems.)

    Args:
        path: The lock's file, made when missing, in an existing folder.
        exclusive: Whether no other may hold it at the same time.

    Raises:
        Busy: Another holds it exclusively, or it is held at all and ``exclusive`` was asked for.
        OSError: The files can't be made.
    """
    kind = _ALONE if exclusive else _SHARED
    own = path.with_name(f"{path.name}-{kind}-{secrets.token_hex(8)}")
    with ExitStack() as holding:
        with locked(path):
            for other in sorted(path.parent.glob(f"{path.name}-*-*")):
                if not _ended(other) and (exclusive or _ALONE in other.name):
                    raise Busy(f"{path} is locked")
            holding.callback(remove_unused, own)
            holding.enter_context(locked(own))
        yield


def _ended(holder: Path) -> bool:
    """Return whether a holder has died; if so, remove its file."""
    try:
        with locked(holder, timeout=0):
            pass
    except Busy:
        return False
    remove_unused(holder)  # after its release, since Windows can't remove an open file
    return True
