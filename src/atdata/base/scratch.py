"""Folders for unfinished files: removed by their owner, or, if it was killed, by the next one.

Beside each folder is a lock that its owner holds. A folder whose lock is free no longer has an
owner, whatever its age; a folder whose lock is held is left alone.
"""

from __future__ import annotations

import atexit
import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from atdata.base.disk import remove_unused
from atdata.base.locks import locked

_LOCK = ".lock"
Salvage = Callable[[Path], None]


@contextmanager
def scratch_folder(
    parent: Path, prefix: str = ".scratch-", *, salvage: Salvage | None = None
) -> Iterator[Path]:
    """Make a folder for the length of a block, after removing those of processes that died.

    Args:
        parent: An existing folder; on the file system of the final files, so that they are
            finished by a rename.
        prefix: Start of its name, which no other files there have.
        salvage: As for :func:`sweep`.

    Yields:
        The folder. What is left in it is removed with it.

    Raises:
        OSError: The disk refuses.
    """
    parent.stat()  # FileLock would create a missing folder
    sweep(parent, prefix, salvage=salvage)
    folder, owner = parent / f"{prefix}{secrets.token_hex(8)}", os.getpid()
    with _held(folder):
        try:
            folder.mkdir(mode=0o700)
            yield folder
        finally:
            if os.getpid() == owner:  # a forked child that ends closes its copy of this generator
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a scratch folder in the system's temporary folder, for the length of a block.

    Raises:
        OSError: The disk refuses, or another user could look into the folder.
    """
    with scratch_folder(_private_folder()) as folder:
        yield folder


def lasting_folder() -> Path:
    """Return a scratch folder of this process, which is removed when the process ends.

    Raises:
        OSError: As :func:`temporary_folder`.
    """
    return _lasting(os.getpid())


@cache
def _lasting(process: int) -> Path:
    stack = ExitStack()
    folder = stack.enter_context(temporary_folder())
    atexit.register(stack.close)
    return folder


def sweep(parent: Path, prefix: str = ".scratch-", *, salvage: Salvage | None = None) -> list[Path]:
    """Remove the scratch folders of processes that died.

    Args:
        parent: Where they are.
        prefix: Start of their names.
        salvage: Called with each before it is removed, to take out what must not be lost.

    Returns:
        The folders that were removed.
    """
    swept = []
    for lock in sorted(parent.glob(f"{prefix}*{_LOCK}")):
        folder = lock.with_name(lock.name.removesuffix(_LOCK))
        try:
            with _held(folder, timeout=0):
                if salvage is not None:
                    salvage(folder)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # it has an owner, or was never one of ours, such as a link
            continue
        swept.append(folder)
    return swept


def _private_folder() -> Path:
    """Return the user's own temporary folder, where the next run finds what a killed one left.

    It is in the system's temporary folder, where other users may write too, so a folder that they
    could have made is refused.
    """
    user = os.getuid() if hasattr(os, "getuid") else None  # Windows has a folder for each user
    folder = Path(tempfile.gettempdir(), "atdata" if user is None else f"atdata-{user}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    private = user is None or (status.st_uid == user and not status.st_mode & 0o077)
    if not stat.S_ISDIR(status.st_mode) or not private:
        reason = "not a private folder of this user: remove it, or set TMPDIR"
        raise PermissionError(errno.EPERM, reason, str(folder))
    return folder


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)


@contextmanager
def _held(folder: Path, *, timeout: float = -1) -> Iterator[None]:
    """Hold a folder's lock, and remove its file at the end if the folder is gone.

    As long as the file exists, a sweep finds what is left of the folder.
    """
    lock, is_left = _lock_of(folder), False
    try:
        with locked(lock, timeout=timeout):
            try:
                yield
            finally:
                # Before its release, or it could be another's by then.
                is_left = not folder.exists() and not remove_unused(lock)
    finally:
        if is_left:  # Windows removes no file that is open
            remove_unused(lock)
