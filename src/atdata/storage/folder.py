"""Objects as the files of a local folder, or of one in a shared file system."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from atdata.base.disk import link_file, make_folder, move_file, sync_file, write_file
from atdata.base.locks import Busy, held, locked
from atdata.base.scratch import scratch_folder, sweep
from atdata.errors import EntryConflict, StorageError
from atdata.storage.objects import ABSENT, MISSING, Content, ObjectStore, Stat, disk_errors
from atdata.storage.resume import Opened

_LOCK, _TURN = ".lock", ".turn"


@dataclass(frozen=True)
class Folder(ObjectStore):
    """Files of a folder. Symbolic links are not followed.

    A file is visible only when it is complete and on the disk: it is written in a workspace,
    synced, and renamed. A stream goes on after the range that was asked for.

    Attributes:
        root: The folder; it is made when something is written.
        work: Name of the folder in it that holds the workspaces.
    """

    root: Path
    work: str = ".work"

    can_lock = True

    @property
    def location(self) -> str:
        """The folder."""
        return str(self.root)

    def url(self, key: str) -> str:
        """Return the file's path."""
        return str(self.root / key)

    def _open_range(self, key: str, start: int, stop: int | None, tag: str | None) -> Opened:
        file = self.open(key)
        status = os.fstat(file.fileno())
        if tag not in (None, _tag(status)):
            file.close()
            raise StorageError("the file has changed since reading began", uri=self.url(key))
        file.seek(start)
        return Opened(file, start, status.st_size, _tag(status), is_part=True)

    def open(self, key: str) -> IO[bytes]:
        """Open the file itself; see :func:`open_plain`."""
        return open_plain(self.root / key)

    def stat(self, key: str) -> Stat | None:
        """See :class:`~atdata.storage.objects.ObjectStore`."""
        with self._errors(key), suppress(FileNotFoundError):
            return _stat(key, (self.root / key).stat())
        return None

    def _write(self, key: str, content: Content, state: str | None, sha256: str | None) -> bool:
        target = self.root / key
        with self._errors(key), self._written(key, content) as written:
            if state == ABSENT:
                return link_file(written, target)
            if state is None:
                move_file(written, target)
                return True
            with locked(self.root / _TURN):
                found = self.stat(key)
                if found and found.tag == state:
                    move_file(written, target)
                return found is not None and found.tag == state

    def find(self, prefix: str) -> Iterator[Stat]:
        """See :class:`~atdata.storage.objects.ObjectStore`."""
        with self._errors(prefix):
            for path in sorted(_plain_files(self.root / prefix)):
                with suppress(FileNotFoundError):  # removed in the meantime
                    yield _stat(path.relative_to(self.root).as_posix(), path.stat())

    def delete(self, key: str) -> None:
        """See :class:`~atdata.storage.objects.ObjectStore`."""
        with self._errors(key):
            (self.root / key).unlink(missing_ok=True)

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Return a folder of the same file system, so that storing a file is a rename."""
        with self._errors(self.work):
            make_folder(self.root / self.work)
            with scratch_folder(self.root / self.work) as folder:
                yield folder

    def sweep(self) -> list[str]:
        """See :class:`~atdata.storage.objects.ObjectStore`."""
        with self._errors(self.work):
            swept = sweep(self.root / self.work)
            return [folder.relative_to(self.root).as_posix() for folder in swept]

    @contextmanager
    def lock(self, *, exclusive: bool) -> Iterator[None]:
        """See :class:`~atdata.storage.objects.ObjectStore`. A killed holder releases it."""
        with self._errors(_LOCK), ExitStack() as holding:
            make_folder(self.root)
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

    @contextmanager
    def _written(self, key: str, content: Content) -> Iterator[Path]:
        """Yield a complete file with the content, and make the folder that it will be moved to."""
        make_folder((self.root / key).parent)
        if isinstance(content, Path):
            sync_file(content)
            yield content
            return
        with self.workspace() as folder:
            write_file(folder / "file", content)
            yield folder / "file"

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        """Raise errors of the file system as our own, with the path and what to do next."""
        with disk_errors("the store can't be used", self.root / key):
            yield


def _stat(key: str, status: os.stat_result) -> Stat:
    return Stat(key, status.st_size, time.time() - status.st_mtime, _tag(status))


def _tag(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


def _plain_files(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder of a store.

    Raises:
        StorageError: There is a symbolic link: its target is not the store's (``FILE_LINK``).
    """
    if folder.is_symlink():
        raise StorageError(
            f"{folder} is a symbolic link, and what it leads to is not the store's",
            hint="Remove it, or put the files themselves in its place.",
            code="FILE_LINK",
        )
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
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
        file = open(path, "rb", buffering=0, opener=_open_no_link)  # noqa: SIM115
    except OSError as error:
        code = {errno.ENOENT: MISSING, errno.ELOOP: "FILE_LINK"}
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


def _open_no_link(path: str, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    except AttributeError:  # Windows has neither
        if os.path.islink(path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path) from None
        return os.open(path, flags)
