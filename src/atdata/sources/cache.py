"""Shards on this machine's disk, by the CID of their bytes. The least recently used go first.

Any number of processes may use one folder at once: files appear in it by renaming, whole and on
the disk; what is being written is in a scratch folder of its own; and the operating system opens
the locks of a process that was killed. A file that is dropped while somebody reads it stays
readable for them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from atdata.base.disk import move_file, remove_unused
from atdata.base.locks import locked
from atdata.base.scratch import scratch_folder, sweep
from atdata.errors import StorageError
from atdata_records import cid as cids

_NEW, _NAMES, _LOCKS, _TURN = ".new", ".names", ".locks", ".turn"


@dataclass(frozen=True, slots=True)
class CachedShard:
    """A shard in the cache.

    Attributes:
        cid: Of its bytes.
        size: How many there are.
        used: When it was last read; seconds since 1970.
    """

    cid: str
    size: int
    used: float


@dataclass(frozen=True, slots=True)
class Known:
    """What was found at a URL that nobody has told the digest of.

    Attributes:
        url: The URL, without secrets.
        tag: The state that it was in.
        cid: Of the bytes.
        size: How many there were.
    """

    url: str
    tag: str
    cid: str
    size: int


class ShardCache:
    """A folder of verified shards.

    Args:
        folder: Where; made when missing, for this user alone.
        limit: Bytes of all shards together.

    Attributes:
        folder: As given.
        limit: As given.

    Raises:
        StorageError: The folder can't be used.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self.prepare()
        with _told(folder):
            sweep(self.folder / _NEW)

    def prepare(self) -> None:
        """Make the folder, which somebody may have deleted.

        Raises:
            StorageError: It can't be made.
        """
        with _told(self.folder):
            for place in (self.folder, *(self.folder / name for name in (_NEW, _NAMES, _LOCKS))):
                place.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def size(self) -> int:
        """Bytes of all shards together."""
        return sum(shard.size for shard in self.shards())

    def shards(self) -> list[CachedShard]:
        """What is there, least recently used first."""
        found = []
        now = time.time_ns()
        with _told(self.folder), os.scandir(self.folder) as entries:
            for entry in entries:
                if cids.is_cid(entry.name):
                    with contextlib.suppress(FileNotFoundError):
                        found.append(_looked_at(entry, now))
        return sorted(found, key=lambda shard: (shard.used, shard.cid))

    def find(self, cid: str, size: int | None = None) -> Path | None:
        """Where a shard is, which counts as a use of it; None when it is not here.

        Args:
            cid: Of its bytes.
            size: How many there must be: a file that somebody has cut is dropped.
        """
        path = self.folder / cid
        try:
            if size is not None and path.stat().st_size != size:
                path.unlink(missing_ok=True)
                return None
            _use(path)
        except OSError:
            return None
        return path

    def open(self, cid: str) -> IO[bytes] | None:
        """A shard, opened; None when it is not here. The caller closes it."""
        path = self.find(cid)
        try:
            return path.open("rb") if path else None
        except OSError:
            return None

    @contextlib.contextmanager
    def new_file(self) -> Iterator[IO[bytes]]:
        """A file for what is not verified yet; gone after the block, unless it was kept.

        Raises:
            OSError: There is no room for it.
        """
        with (
            scratch_folder(self.folder / _NEW) as folder,
            tempfile.NamedTemporaryFile(dir=folder, delete=False) as file,
        ):
            yield file

    def keep(self, path: Path, cid: str) -> Path:
        """Take in a file whose bytes were verified; others make room for it.

        Args:
            path: The file, closed: some systems rename no open ones.
            cid: Of its bytes.

        Returns:
            Where it is now.

        Raises:
            OSError: The disk is full, or broken.
        """
        _use(path)
        target = self.folder / cid
        with self._turn():
            move_file(path, target)
            self._drop(self.limit, spared=cid)
        return target

    def prune(self, limit: int) -> list[CachedShard]:
        """Drop the least recently used shards until the rest has no more than ``limit`` bytes."""
        with _told(self.folder), self._turn():
            sweep(self.folder / _NEW)
            dropped = self._drop(limit)
            there = {shard.cid for shard in self.shards()}
            for path, known in self._names():
                if known is None or known.cid not in there:
                    path.unlink(missing_ok=True)
        return dropped

    def known(self, name: str) -> Known | None:
        """What is remembered under a name."""
        return _read_name(self._name(name))

    def remember(self, name: str, known: Known) -> None:
        """Remember under a name what was found there; the name itself is not written down."""
        with self.new_file() as file:
            file.write(json.dumps(asdict(known)).encode())
            file.close()
            Path(file.name).replace(self._name(name))

    def urls(self) -> dict[str, str]:
        """A URL for each CID that one is remembered for."""
        return {known.cid: known.url for _, known in self._names() if known}

    @contextlib.contextmanager
    def filling(self, key: str) -> Iterator[None]:
        """A block that one thread of one process at a time is in, for this shard."""
        # A bounded number of locks: files for them that were deleted could be locked twice.
        number = hashlib.sha256(key.encode()).hexdigest()[:2]
        with contextlib.ExitStack() as held:
            with _told(self.folder):
                held.enter_context(locked(self.folder / _LOCKS / number))
            yield

    def _turn(self) -> contextlib.AbstractContextManager[None]:
        return locked(self.folder / _TURN)

    def _drop(self, limit: int, spared: str | None = None) -> list[CachedShard]:
        shards = self.shards()
        total = sum(shard.size for shard in shards)
        dropped = []
        for shard in shards:
            if total <= limit:
                break
            if shard.cid != spared and remove_unused(self.folder / shard.cid):
                dropped.append(shard)
                total -= shard.size
        return dropped

    def _name(self, name: str) -> Path:
        return self.folder / _NAMES / hashlib.sha256(name.encode()).hexdigest()

    def _names(self) -> Iterator[tuple[Path, Known | None]]:
        for path in (self.folder / _NAMES).iterdir():
            yield path, _read_name(path)


def _looked_at(entry: os.DirEntry[str], now: int) -> CachedShard:
    state = entry.stat()
    used = state.st_mtime_ns
    if used > now:
        # A clock was wrong. From here on it ages like the others, and does not stay for ever.
        used = now
        os.utime(entry.path, ns=(used, used))
    return CachedShard(entry.name, state.st_size, used / 1e9)


def _use(path: Path) -> None:
    now = time.time_ns()  # finer than the clock by which the operating system stamps files
    os.utime(path, ns=(now, now))


def _read_name(path: Path) -> Known | None:
    try:
        return Known(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cache_error(error, folder) from error


def cache_error(error: OSError, folder: Path) -> StorageError:
    """An error of the file system as ours, with what to do next."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return StorageError(
        f"the cache can't be used: {error.strerror or error}",
        uri=str(folder),
        hint="make room (atdata cache prune --to 1GB), or have it elsewhere or nowhere: "
        "ATDATA_CACHE=/other/folder, ATDATA_CACHE=off"
        if full
        else "set ATDATA_CACHE to a folder of yours, or to off",
    )
