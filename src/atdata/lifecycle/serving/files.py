"""The files of a serving store, in a folder or a bucket, with the same behaviour.

A file is complete or absent, and a file that was created is never silently replaced. That is
all that publication and the catalog need to be atomic.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from atdata.shards.info import ShardInfo


@dataclass(frozen=True, slots=True)
class FileStat:
    """A file of a store.

    Attributes:
        key: Its key: a relative path with slashes.
        size: Its length in bytes.
        age: Seconds since it was written, by the clock of the store.
    """

    key: str
    size: int
    age: float


class StoreFiles(Protocol):
    """The files of one store. Implementations can be pickled.

    Every method raises StorageError when the store can't be used, NetworkError when it can't be
    reached.
    """

    @property
    def location(self) -> str:
        """The folder or URL, for readers."""
        ...

    def read(self, key: str, limit: int) -> bytes | None:
        """Return at most ``limit + 1`` bytes of a file; None when there is none."""
        ...

    def open(self, key: str) -> IO[bytes]:
        """Return a stream of a file.

        Raises:
            StorageError: There is none; its code is ``SHARD_MISSING``.
        """
        ...

    def stat(self, key: str) -> FileStat | None:
        """Return length and age of a file; None when there is none."""
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Write a new file in one step; return False when it exists already."""
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Write a file in one step, in place of any that exists."""
        ...

    def put_shard(self, key: str, path: Path, info: ShardInfo, *, replace: bool = False) -> None:
        """Store a shard under its key, from a local file, which may be moved away.

        The key follows from the content, so an existing file is equally good, unless it was
        found to be damaged (``replace``); but its age is reset, because garbage collection
        goes by age.
        """
        ...

    def find(self, prefix: str) -> Iterator[FileStat]:
        """Yield the files whose keys start with a prefix that ends in a slash, by key."""
        ...

    def delete(self, key: str) -> None:
        """Remove a file; do nothing when there is none."""
        ...

    @property
    def least_grace(self) -> float:
        """Seconds for which garbage collection must keep what is written.

        A publication under way needs what it found or wrote in that time.
        """
        ...

    def url(self, key: str) -> str:
        """Return path or URL of a file, as readers take it."""
        ...

    def workspace(self) -> AbstractContextManager[Path]:
        """Return a local folder for shards that are about to be put."""
        ...

    def sweep(self) -> list[str]:
        """Remove workspaces of processes that were killed; return what was removed."""
        ...

    def lock(self, *, exclusive: bool) -> AbstractContextManager[None]:
        """Hold the store: many publishers at once, or one garbage collection.

        Raises:
            EntryConflict: Another process holds it; the code is ``STORE_BUSY``.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Opens one file of a store, in any process."""

    files: StoreFiles
    key: str

    def open(self) -> IO[bytes]:
        """Return the stream, from its start."""
        return self.files.open(self.key)
