"""What a serving store keeps its files in: a folder, or a bucket. Both behave alike.

A file here is whole or not there, and what is created once is never silently replaced. That is
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
        """The folder or URL, for people."""
        ...

    def read(self, key: str, limit: int) -> bytes | None:
        """At most ``limit + 1`` bytes of a file; None when there is none."""
        ...

    def open(self, key: str) -> IO[bytes]:
        """A stream of a file.

        Raises:
            StorageError: There is none; its code is ``SHARD_MISSING``.
        """
        ...

    def stat(self, key: str) -> FileStat | None:
        """Length and age of a file; None when there is none."""
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Write a file that is not there yet, at once; False when it is there already."""
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Write a file at once; one that is there already has these bytes afterwards."""
        ...

    def put_shard(self, key: str, path: Path, info: ShardInfo, *, replace: bool = False) -> None:
        """Have a shard under its key, from a local file of ours, which may be moved away.

        The key tells the content, so a file that is there already is as good, unless it was
        found to be damaged (``replace``); but it is made young again, because the collector of
        garbage goes by age.
        """
        ...

    def find(self, prefix: str) -> Iterator[FileStat]:
        """Files whose keys start with a prefix that ends in a slash, by key."""
        ...

    def delete(self, key: str) -> None:
        """Remove a file; nothing happens when there is none."""
        ...

    @property
    def least_grace(self) -> float:
        """Seconds for which the collector of garbage must leave alone what is written.

        A publication that is under way needs what it found or wrote in that time.
        """
        ...

    def url(self, key: str) -> str:
        """Path or URL of a file, as readers take it."""
        ...

    def workspace(self) -> AbstractContextManager[Path]:
        """A local folder for shards that are about to be put."""
        ...

    def sweep(self) -> list[str]:
        """Remove workspaces of processes that were killed; return what was removed."""
        ...

    def lock(self, *, exclusive: bool) -> AbstractContextManager[None]:
        """Hold the store: many publishers at once, or one collector of garbage.

        Raises:
            EntryConflict: Somebody else holds it; the code is ``STORE_BUSY``.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Opens one file of a store, in any process."""

    files: StoreFiles
    key: str

    def open(self) -> IO[bytes]:
        """The stream, from its start."""
        return self.files.open(self.key)
