"""Importing this makes the process like one on Windows, as far as Linux can play that.

Nothing of POSIX that Windows lacks is in ``os``; ``fcntl`` and its kin can't be imported; folders
can't be opened; a file that is open can't be removed, renamed or replaced, nor a folder with one;
a rename replaces nothing; new processes are spawned, and import this again with their main module.

filelock and platformdirs are imported first: they choose other modules on Windows, where their
own tests run; here filelock keeps ``fcntl``. What can't be played is ``os.name``, by which the
standard library chooses; so no path is a Windows path.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import shutil
import sys
import types
from collections.abc import Callable
from typing import Any

import filelock
import platformdirs  # noqa: F401

MISSING = [
    *("O_CLOEXEC", "O_DIRECTORY", "O_DSYNC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC"),
    *("fdatasync", "posix_fadvise", "posix_fallocate", "pread", "preadv", "pwrite", "pwritev"),
    *("fork", "forkpty", "register_at_fork", "sched_getaffinity", "sched_setaffinity"),
    *("chown", "fchmod", "fchown", "lchown", "mkfifo", "mknod", "statvfs", "fstatvfs"),
    *("getegid", "geteuid", "getgid", "getgroups", "getuid", "killpg", "setsid"),
]
REFUSED = ["fcntl", "grp", "pwd", "readline", "resource", "syslog", "termios", "tty"]


def _open_files() -> list[str]:
    """Files that this process has open, or mapped into its memory."""
    with open("/proc/self/maps") as maps:
        mapped = {line.split(maxsplit=5)[-1].rstrip() for line in maps}
    links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return [*(os.readlink(link) for link in links if os.path.lexists(link)), *mapped]


def _check_unused(path: Any) -> None:
    place = os.path.realpath(os.fsdecode(path))
    used = [file for file in _open_files() if file == place or file.startswith(place + os.sep)]
    if used:
        raise PermissionError(13, f"used by this process: {used}", os.fsdecode(path))


def _remover(remove: Callable[..., None]) -> Callable[..., None]:
    def checked(path: Any, **options: Any) -> None:
        if os.path.lexists(path) and not os.path.islink(path):
            _check_unused(path)
        remove(path, **options)

    return checked


def _mover(move: Callable[..., None], *, replaces: bool) -> Callable[..., None]:
    def checked(source: Any, target: Any, **options: Any) -> None:
        _check_unused(source)
        if os.path.lexists(target):
            if not replaces or os.path.isdir(target):
                raise FileExistsError(17, "it is there", os.fsdecode(target))
            _check_unused(target)
        move(source, target, **options)

    return checked


def _opener(opened: Callable[..., int]) -> Callable[..., int]:
    def checked(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        if os.path.isdir(path):
            raise PermissionError(13, "Windows opens no folders", os.fsdecode(path))
        return opened(path, flags, mode, **options)

    return checked


def _spare_filelock() -> None:
    """Leave filelock all of ``os``, and ``fcntl``."""
    whole = types.SimpleNamespace(**vars(os))
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == filelock.__name__ and hasattr(module, "os"):
            module.os = whole  # type: ignore[attr-defined]


def _become() -> None:
    _spare_filelock()
    for name in MISSING:
        delattr(os, name)
    shutil._use_fd_functions = False  # type: ignore[attr-defined]
    for name in REFUSED:
        sys.modules[name] = None  # type: ignore[assignment]
    load = ctypes.CDLL

    def loaded(name: str | None, *arguments: Any, **options: Any) -> ctypes.CDLL:
        if name is None:
            raise TypeError("Windows loads no nameless library")
        return load(name, *arguments, **options)

    changed: dict[str, Any] = {
        "open": _opener(os.open),
        "unlink": _remover(os.unlink),
        "remove": _remover(os.remove),
        "rename": _mover(os.rename, replaces=False),
        "replace": _mover(os.replace, replaces=True),
    }
    for name, function in changed.items():
        setattr(os, name, function)
    ctypes.CDLL = loaded  # type: ignore[assignment,misc]
    multiprocessing.set_start_method("spawn", force=True)
    multiprocessing.get_all_start_methods = lambda: ["spawn"]


_become()
