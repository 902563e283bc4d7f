"""A new folder in the place of an old one, in one step where the system can."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

from atdata.base.disk import sync_folder

# RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS; and AT_FDCWD, for paths from the current folder.
_SWAP = 2
_HERE = -100
_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def replace_folder(new: Path, target: Path, aside: Path) -> None:
    """Give a folder the name of an existing one.

    Where the system can swap two names, the target exists at every moment. Elsewhere it is missing
    between two renames; if the process is killed there, :func:`restore` brings the old one back.

    Args:
        new: The folder; what was at ``target`` may be here afterwards.
        target: The name of the existing folder.
        aside: A folder that does not exist yet, to which the old one may be moved.

    Raises:
        OSError: The disk refuses; the old folder is in its place.
    """
    if not exchange(new, target):
        aside.mkdir()
        target.rename(aside / target.name)
        try:
            new.rename(target)
        except OSError:
            restore(aside, target.parent)
            raise
    sync_folder(target.parent)


def restore(aside: Path, parent: Path) -> None:
    """Bring back what was moved aside, unless something has taken its place."""
    for old in aside.glob("*"):
        if not (parent / old.name).exists():
            old.rename(parent / old.name)


def exchange(first: Path, second: Path) -> bool:
    """Swap two names of one file system in one step; both exist at every moment.

    Returns:
        False where the system or the file system can't; nothing has changed then.

    Raises:
        OSError: The disk refuses.
    """
    one, other = os.fsencode(first), os.fsencode(second)
    try:
        system = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            failed = system.renamex_np(one, other, _SWAP)
        else:
            failed = system.renameat2(_HERE, one, _HERE, other, _SWAP)
    except (AttributeError, TypeError):  # an older system, or Windows
        return False
    number = ctypes.get_errno()
    if failed and number not in _UNKNOWN:
        raise OSError(number, os.strerror(number), str(second))
    return not failed
