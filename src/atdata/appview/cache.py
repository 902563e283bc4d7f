"""Verified shards on this machine's disk, by CID. The least recently used go first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import IO

from atdata.errors import StorageError
from atdata_records import cid as cids

_UNFINISHED = ".part"


class ShardCache:
    """A folder of files named by the CID of their bytes.

    Only what was verified gets in. A file that is dropped while somebody reads it stays readable
    for them, as the operating system has it.

    Args:
        folder: Where; made when missing. It belongs to one process.
        limit: Bytes of all files together.

    Raises:
        StorageError: The folder can't be used.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._lock = threading.Lock()
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._number = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._take_over()
        except OSError as error:
            raise StorageError(f"can't use the cache: {error.strerror}", uri=str(folder)) from error

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(self._sizes.values())

    def open(self, cid: str) -> IO[bytes] | None:
        """The file of this CID, opened; None when it is not here. The caller closes it."""
        with self._lock:
            if cid not in self._sizes:
                return None
            self._sizes.move_to_end(cid)
            try:
                return (self._folder / cid).open("rb")
            except OSError:
                del self._sizes[cid]
                return None

    def new_file(self) -> Path:
        """Where to write what is not verified yet. The caller keeps or deletes the file."""
        with self._lock:
            self._number += 1
            return self._folder / f"{self._number}{_UNFINISHED}"

    def keep(self, path: Path, cid: str) -> None:
        """Take in a file whose bytes were verified."""
        with self._lock:
            path.replace(self._folder / cid)
            self._sizes[cid] = (self._folder / cid).stat().st_size
            self._sizes.move_to_end(cid)
            total = self.size
            while total > self._limit and len(self._sizes) > 1:
                oldest, size = self._sizes.popitem(last=False)
                (self._folder / oldest).unlink(missing_ok=True)
                total -= size

    def _take_over(self) -> None:
        """What an earlier process left: its finished files, in the order they were written."""
        for path in self._folder.glob(f"*{_UNFINISHED}"):
            path.unlink()
        files = [path for path in self._folder.iterdir() if cids.is_cid(path.name)]
        for path in sorted(files, key=lambda path: path.stat().st_mtime):
            self._sizes[path.name] = path.stat().st_size
