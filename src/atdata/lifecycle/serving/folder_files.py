"""The files of a serving store in a local folder, or in one of a shared file system."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from atdata.base.disk import link_file, make_folder, move_file, write_file
from atdata.base.locks import Busy, held
from atdata.base.scratch import scratch_folder, sweep
from atdata.errors import AtdataError, EntryConflict, StorageError
from atdata.lifecycle.serving.files import FileStat
from atdata.shards.info import ShardInfo

_WORK = ".work"
_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """Files in a folder; see :class:`~atdata.lifecycle.serving.files.StoreFiles`.

    Attributes:
        root: The folder; it is made when something is written.
    """

    root: Path

    @property
    def location(self) -> str:
        """The folder."""
        return str(self.root)

    @property
    def least_grace(self) -> float:
        """Zero: the lock keeps publications and garbage collection apart."""
        return 0.0

    def url(self, key: str) -> str:
        """Return the file's path."""
        return str(self.root / key)

    def read(self, key: str, limit: int) -> bytes | None:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        with self._told(key):
            try:
                with (self.root / key).open("rb") as file:
                    return file.read(limit + 1)
            except FileNotFoundError:
                return None

    def open(self, key: str) -> IO[bytes]:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        return open_plain(self.root / key)

    def stat(self, key: str) -> FileStat | None:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        with self._told(key):
            try:
                return self._stat(key, (self.root / key).stat())
            except FileNotFoundError:
                return None

    def create(self, key: str, data: bytes) -> bool:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        with self._told(key), self._written(key, data) as written:
            return link_file(written, self.root / key)

    def replace(self, key: str, data: bytes) -> None:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        with self._told(key), self._written(key, data) as written:
            move_file(written, self.root / key)

    def put_shard(self, key: str, path: Path, info: ShardInfo, *, replace: bool = False) -> None:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        target = self.root / key
        with self._told(key):
            make_folder(target.parent)
            # The same bytes replace those in the store, in case these are damaged.
            move_file(path, target)

    def find(self, prefix: str) -> Iterator[FileStat]:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        with self._told(prefix):
            for path in sorted(_plain_files(self.root / prefix)):
                with contextlib.suppress(FileNotFoundError):  # removed in the meantime
                    yield self._stat(path.relative_to(self.root).as_posix(), path.stat())

    def delete(self, key: str) -> None:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        with self._told(key):
            (self.root / key).unlink(missing_ok=True)

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        with self._told(_WORK):
            make_folder(self._work)
            with scratch_folder(self._work) as folder:
                yield folder

    def sweep(self) -> list[str]:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        with self._told(_WORK):
            return [folder.relative_to(self.root).as_posix() for folder in sweep(self._work)]

    @contextlib.contextmanager
    def lock(self, *, exclusive: bool) -> Iterator[None]:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`. A killed holder releases it."""
        with self._told(_LOCK):
            make_folder(self.root)
            with contextlib.ExitStack() as holding:
                try:
                    holding.enter_context(held(self.root / _LOCK, exclusive=exclusive))
                except Busy:
                    raise EntryConflict(
                        "another command holds the store's lock",
                        uri=self.location,
                        hint="Wait for it to end, and run this one again.",
                        code="STORE_BUSY",
                    ) from None
                yield

    @contextlib.contextmanager
    def _written(self, key: str, data: bytes) -> Iterator[Path]:
        """Write a file in a workspace, and make the folder that it will be moved to."""
        make_folder((self.root / key).parent)
        with self.workspace() as folder:
            write_file(folder / "file", data)
            yield folder / "file"

    @property
    def _work(self) -> Path:
        return self.root / _WORK

    def _stat(self, key: str, status: os.stat_result) -> FileStat:
        return FileStat(key, status.st_size, time.time() - status.st_mtime)

    @contextlib.contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """Turn errors of the file system into atdata's, with the place and what to do next."""
        try:
            yield
        except AtdataError:
            raise
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            raise StorageError(
                f"the store can't be used: {error.strerror or error}",
                uri=str(error.filename or self.root / key),
                hint="make room, then run it again: nothing half is left" if full else None,
            ) from error


def _plain_files(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder of a store.

    Raises:
        StorageError: There is a symbolic link: its target is not the store's (``FILE_LINK``).
    """
    if folder.is_symlink():
        raise StorageError(
            f"{folder} is a symbolic link, and what it leads to is not the store's: remove it, or "
            "put the files themselves in its place",
            code="FILE_LINK",
        )
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                yield folder / entry.name
            else:
                yield from _plain_files(folder / entry.name)


def open_plain(path: Path) -> IO[bytes]:
    """Open a plain local file as a stream; symbolic links are not followed.

    Raises:
        StorageError: There is no such file (code ``SHARD_MISSING``), it is a link or not a plain
            file (``FILE_LINK``), or it can't be read (``UNREADABLE``).
    """
    try:
        file = _open(path)
    except OSError as error:
        code = {errno.ENOENT: "SHARD_MISSING", errno.ELOOP: "FILE_LINK"}
        raise StorageError(
            f"can't open {path.name}: {error.strerror}",
            uri=str(path),
            code=code.get(error.errno or 0, "UNREADABLE"),
        ) from error
    try:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise StorageError(f"{path.name} is not a plain file", uri=str(path), code="FILE_LINK")
    except BaseException:
        file.close()
        raise
    return file


def _open(path: Path) -> IO[bytes]:
    return open(path, "rb", buffering=0, opener=_open_no_link)


def _open_no_link(path: str, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    except AttributeError:  # Windows has neither
        if os.path.islink(path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path) from None
        return os.open(path, flags)
