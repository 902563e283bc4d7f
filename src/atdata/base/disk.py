"""Files that are complete and on the disk before their name appears, on every platform."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

# Windows can't open folders, flush files opened for reading, or remove or rename open files.
_POSIX = hasattr(os, "O_DIRECTORY")
RENAMES_OPEN_FILES = _POSIX
_SYNCABLE = os.O_RDONLY if _POSIX else os.O_RDWR


def sync_data(descriptor: int) -> None:
    """Flush the bytes of an open file to the disk, and the metadata needed to read them.

    Raises:
        OSError: The disk refuses.
    """
    # macOS and Windows have no fdatasync; fsync also writes the file's times.
    getattr(os, "fdatasync", os.fsync)(descriptor)


def sync_file(path: Path | str) -> None:
    """Flush a file's bytes to the disk.

    Raises:
        OSError: The disk refuses.
    """
    _sync(path, _SYNCABLE)


def sync_folder(folder: Path | str) -> None:
    """Flush the names in a folder to the disk, where the system can open folders.

    Raises:
        OSError: The disk refuses.
    """
    if _POSIX:
        _sync(folder, os.O_RDONLY)


def make_folder(folder: Path) -> None:
    """Make a folder and the missing ones above it; their names are on the disk afterwards.

    Raises:
        OSError: The disk refuses.
    """
    missing = [folder, *folder.parents]
    missing = missing[: next(n for n, path in enumerate(missing) if path.is_dir())]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def write_file(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a file whole: readers see the earlier bytes or these, also after a crash.

    Args:
        path: Where; an earlier file is replaced.
        data: All of its bytes.
        mode: Of the new file, before the umask.

    Raises:
        OSError: The disk refuses; the earlier file is unchanged.
    """
    temporary = _temporary(path)
    try:
        _fill(temporary, data, mode)
        rename_file(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def link_file(source: Path, target: Path) -> bool:
    """Link a complete file to a new name on the same file system, unless the name is taken.

    Its earlier name stays. Of two writers at once, one gets False.

    Raises:
        OSError: The disk refuses; the new name does not exist then.
    """
    try:
        os.link(source, target)  # a rename would replace
    except FileExistsError:
        return False
    try:
        sync_folder(target.parent)
    except OSError:
        target.unlink(missing_ok=True)
        raise
    return True


def move_file(source: Path, target: Path) -> None:
    """Flush a file, and give it its final name on the same file system.

    Raises:
        OSError: The disk refuses.
    """
    sync_file(source)
    rename_file(source, target)


def rename_file(source: Path, target: Path) -> None:
    """Give a file whose bytes are on the disk its final name; one of that name is replaced.

    Raises:
        OSError: The disk refuses.
    """
    source.replace(target)
    sync_folder(target.parent)


def rename_files(moves: Iterable[tuple[Path, Path]]) -> None:
    """Give files whose bytes are on the disk their final names, as :func:`rename_file` does each.

    Raises:
        OSError: The disk refuses; some may have their final names.
    """
    folders = set()
    for source, target in moves:
        source.replace(target)
        folders.add(target.parent)
    for folder in folders:
        sync_folder(folder)


def rename_folder(source: Path, target: Path) -> None:
    """Give a folder whose contents are on the disk its final name, which must be free.

    Raises:
        OSError: The disk refuses, or a folder of that name holds something.
    """
    source.rename(target)
    sync_folder(target.parent)


def remove_unused(path: Path) -> bool:
    """Remove a file, unless it is open and the system refuses to remove open files (Windows).

    Returns:
        Whether the file is gone.

    Raises:
        OSError: It can't be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        if _POSIX:
            raise
        return False
    return True


def _temporary(path: Path) -> Path:
    return path.with_name(f".tmp-{secrets.token_hex(8)}")


def _fill(path: Path, data: bytes, mode: int) -> None:
    # "x" follows no link that another user may have put there.
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path | str, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
