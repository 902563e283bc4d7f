"""Shards on this machine's disk, by the CID of their bytes; least recently used evicted first.

This stays ours because no cache on PyPI shares whole files, verified and mapped, between processes.

Any number of processes may use one folder at once: files appear in it by renaming, whole and on
the disk; unfinished files are in scratch folders of their own; and the operating system releases
the locks of a process that was killed. A file that is dropped while it is read stays readable
for its readers.

A shard's bytes are hashed before it is kept. When it is used again, its size, inode and times of
change are compared with those recorded for it. If they differ, it is hashed again, and dropped
if it holds other bytes. A change that leaves all of these as they were is not noticed.
"""

from __future__ import annotations

import contextlib
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
from atdata.base.locks import Busy, locked
from atdata.base.scratch import scratch_folder, sweep
from atdata.storage.objects import disk_errors
from atdata_records import cid as cids

_HINT = (
    "Make room (atdata cache prune --to 1GB), or set ATDATA_CACHE to a folder of yours, or to off."
)
_NEW, _NAMES, _LOCKS, _SEEN, _TURN = ".new", ".names", ".locks", ".seen", ".turn"


@dataclass(frozen=True, slots=True)
class CachedShard:
    """A shard in the cache.

    Attributes:
        cid: CID of its bytes.
        size: Number of bytes.
        used: When it was last read; seconds since 1970.
    """

    cid: str
    size: int
    used: float


@dataclass(frozen=True, slots=True)
class Known:
    """What was found at a URL whose digest was not known.

    Attributes:
        url: The URL, without secrets.
        tag: The state that the file was in.
        cid: CID of its bytes.
        size: Number of bytes.
    """

    url: str
    tag: str
    cid: str
    size: int


class ShardCache:
    """A folder of verified shards.

    Args:
        folder: The folder; made if missing, for this user alone.
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
        with cache_errors(folder):
            sweep(self.folder / _NEW)

    def prepare(self) -> None:
        """Make the folder, which may have been deleted.

        Raises:
            StorageError: It can't be made.
        """
        with cache_errors(self.folder):
            own = (self.folder / name for name in (_NEW, _NAMES, _LOCKS, _SEEN))
            for place in (self.folder, *own):
                place.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def size(self) -> int:
        """Bytes of all shards together."""
        return sum(shard.size for shard in self.shards())

    def shards(self) -> list[CachedShard]:
        """Return the shards in the cache, least recently used first."""
        found = []
        now = time.time_ns()
        with cache_errors(self.folder), os.scandir(self.folder) as entries:
            for entry in entries:
                if cids.is_cid(entry.name):
                    with contextlib.suppress(FileNotFoundError):
                        found.append(self._looked_at(entry, now))
        return sorted(found, key=lambda shard: (shard.used, shard.cid))

    def find(self, cid: str, size: int | None = None) -> Path | None:
        """Return the path of a shard, which counts as a use of it; None if it is not cached.

        Args:
            cid: CID of its bytes.
            size: Number of bytes that it must have; a truncated file is dropped.
        """
        path = self.folder / cid
        try:
            is_sound = size in (None, path.stat().st_size) and self._is_sound(path, cid)
            if not is_sound:
                path.unlink(missing_ok=True)
                return None
            _use(self._seen(cid))
        except OSError:
            return None
        return path

    def open(self, cid: str) -> IO[bytes] | None:
        """Open a shard; None if it is not cached. The caller closes it."""
        path = self.find(cid)
        try:
            return path.open("rb") if path else None
        except OSError:
            return None

    @contextlib.contextmanager
    def new_file(self) -> Iterator[IO[bytes]]:
        """Open a file for unverified bytes; removed after the block, unless it was kept.

        Raises:
            OSError: There is no room for it.
        """
        with (
            scratch_folder(self.folder / _NEW) as folder,
            tempfile.NamedTemporaryFile(dir=folder, delete=False) as file,
        ):
            yield file

    def keep(self, path: Path, cid: str) -> Path:
        """Move a verified file into the cache, and drop others to make room for it.

        Args:
            path: The file, closed: some systems can't rename open files.
            cid: CID of its bytes.

        Returns:
            Its path in the cache.

        Raises:
            OSError: The disk is full, or broken.
        """
        target = self.folder / cid
        with self._turn():
            move_file(path, target)
            self._see(target, cid)
            self._drop(self.limit, spared=cid)
        return target

    def make_room(self) -> None:
        """Drop the least recently used shards until there is room for those being written.

        Raises:
            OSError: The disk is broken.
        """
        with self._turn():
            self._drop(self.limit - self._unfinished())

    def prune(self, limit: int) -> list[CachedShard]:
        """Drop the least recently used shards until at most ``limit`` bytes are left."""
        with cache_errors(self.folder), self._turn():
            sweep(self.folder / _NEW)
            dropped = self._drop(limit)
            there = {shard.cid for shard in self.shards()}
            for path, known in self._names():
                if known is None or known.cid not in there:
                    path.unlink(missing_ok=True)
            for path in (self.folder / _SEEN).iterdir():
                if path.name not in there:
                    path.unlink(missing_ok=True)
        self._remove_locks()
        return dropped

    def known(self, name: str) -> Known | None:
        """Return what is remembered under a name; None if nothing is."""
        return _read_name(self._name(name))

    def remember(self, name: str, known: Known) -> None:
        """Remember under a name what was found there; the name itself is not written down."""
        with self.new_file() as file:
            file.write(json.dumps(asdict(known)).encode())
            file.close()
            Path(file.name).replace(self._name(name))

    def urls(self) -> dict[str, str]:
        """Return the remembered URL of each CID that has one."""
        return {known.cid: known.url for _, known in self._names() if known}

    @contextlib.contextmanager
    def filling(self, key: str) -> Iterator[None]:
        """Hold the lock of one shard, and of no other, for the length of a block."""
        path = self.folder / _LOCKS / hashlib.sha256(key.encode()).hexdigest()
        with contextlib.ExitStack() as held:
            with cache_errors(self.folder):
                held.enter_context(locked(path))
            try:
                yield
            finally:
                # A process that waited may hold the old lock while another takes a new one;
                # the first then finds the shard in the cache.
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def _remove_locks(self) -> None:
        """Remove the locks of processes that were killed."""
        for path in (self.folder / _LOCKS).iterdir():
            with contextlib.suppress(Busy, OSError), locked(path, timeout=0):
                path.unlink(missing_ok=True)

    def _unfinished(self) -> int:
        """Return the bytes of the files that are being written."""
        total = 0
        for folder, _, names in os.walk(self.folder / _NEW):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    total += os.stat(os.path.join(folder, name)).st_size
        return total

    def _seen(self, cid: str) -> Path:
        return self.folder / _SEEN / cid

    def _see(self, path: Path, cid: str) -> None:
        """Record the state of a verified file; this counts as a use of it, too."""
        with self.new_file() as file:
            file.write(_looks(path))
            file.close()
            Path(file.name).replace(self._seen(cid))
        _use(self._seen(cid))

    def _is_sound(self, path: Path, cid: str) -> bool:
        """Return whether a file is in the state that was verified; if not, verify it again."""
        with contextlib.suppress(FileNotFoundError):
            if self._seen(cid).read_bytes() == _looks(path):
                return True
        looks = _looks(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        if digest != cids.digest(cid):
            return False
        if looks == _looks(path):
            self._see(path, cid)
        return True

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
                self._seen(shard.cid).unlink(missing_ok=True)
                dropped.append(shard)
                total -= shard.size
        return dropped

    def _looked_at(self, entry: os.DirEntry[str], now: int) -> CachedShard:
        size, seen = entry.stat().st_size, self._seen(entry.name)
        try:
            used = seen.stat().st_mtime_ns
        except FileNotFoundError:  # kept by an earlier version; hashed when it is used
            return CachedShard(entry.name, size, min(entry.stat().st_mtime_ns, now) / 1e9)
        if used > now:
            # A clock was wrong: reset the timestamp, so that the shard can be evicted.
            used = now
            os.utime(seen, ns=(used, used))
        return CachedShard(entry.name, size, used / 1e9)

    def _name(self, name: str) -> Path:
        return self.folder / _NAMES / hashlib.sha256(name.encode()).hexdigest()

    def _names(self) -> Iterator[tuple[Path, Known | None]]:
        for path in (self.folder / _NAMES).iterdir():
            yield path, _read_name(path)


def _looks(path: Path) -> bytes:
    state = path.stat()
    looks = (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    return " ".join(map(str, looks)).encode()


def _use(path: Path) -> None:
    now = time.time_ns()  # finer than the clock by which the operating system stamps files
    os.utime(path, ns=(now, now))


def _read_name(path: Path) -> Known | None:
    try:
        return Known(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def cache_errors(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Raise errors of the file system as our own, with a hint."""
    return disk_errors("the cache can't be used", folder, _HINT)
