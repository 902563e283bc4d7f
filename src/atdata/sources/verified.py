"""Shards checked against the digests and sizes that a record or manifest lists."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from atdata.errors import DigestMismatch
from atdata.shards.expected import ExpectedShard, verified, verified_pieces
from atdata.shards.info import ShardInfo
from atdata.shards.reader import open_local
from atdata.sources.adapt import AdaptedSource
from atdata.sources.base import Source, shard_of
from atdata_records import cid

# Nanoseconds. A file may change again within one tick of the file system's clock, and its
# times would not show it, so a file that was just written is checked each time.
_SETTLED = 2_000_000_000
# State of each local file when it was checked, by device and inode.
_checked: dict[tuple[int, int], tuple[str, int, int, int]] = {}


class VerifiedSource(Source):
    """A source whose bytes must match their expected digests.

    A stream raises :class:`~atdata.errors.DigestMismatch` as soon as it is longer than expected,
    and at its end if its digest differs; bytes read before that must not be trusted either.
    Shards up to a mebibyte are checked before a reader gets a sample.

    A local file is checked whole before its path is returned: once in each process, and again
    if its size, inode, or times of change (mtime; ctime, which programs can't set) differ. A
    change to a file while a reader has it mapped is not noticed by that reader.

    Args:
        source: Where the bytes come from.
        shards: What is known of each shard, in the source's order.

    Attributes:
        source: As given.

    Raises:
        DigestMismatch: The source has another number of shards.
    """

    def __init__(self, source: Any, shards: Sequence[ShardInfo | ExpectedShard]) -> None:
        self.source = source
        self._adapted = AdaptedSource(source)
        self._names = self._adapted.list_shards()
        if len(self._names) != len(shards):
            raise DigestMismatch(
                f"{len(shards)} shards are expected, the source has {len(self._names)}"
            )
        self._expected = dict(zip(self._names, shards, strict=True))

    def list_shards(self) -> list[str]:
        """Return the names of the shards, as the source calls them."""
        return list(self._names)

    def open_shard(self, shard_id: str) -> IO[bytes]:
        """Open a checked stream of one shard; the caller closes it.

        Raises:
            ShardNotFound: Not a shard of the source.
            DigestMismatch: From reading it.
        """
        info = self._info(shard_id)
        stream = self._adapted.open_shard(shard_id)
        return verified(stream, shard_id, cid.digest(info.cid), info.size)

    def local_path(self, shard_id: str) -> Path | None:
        """Return a shard's path on this machine, after checking its bytes; None if it has none.

        Raises:
            DigestMismatch: The bytes are not those expected.
            StorageError: The file can't be read.
        """
        info = self._info(shard_id)
        path = self._adapted.local_path(shard_id)
        if path is None:
            return None
        with open_local(path, shard_id) as file:
            _check_file(file, shard_id, info)
        return path

    @property
    def is_remote(self) -> bool:
        """Whether shards come from a network."""
        return self._adapted.is_remote

    def fetch(
        self, shard_id: str, *, is_cancelled: Callable[[], bool] = lambda: False
    ) -> Path | None:
        """Return the path of a shard in the cache, after checking its bytes; None if it has none.

        Raises:
            DigestMismatch: The bytes are not those expected.
        """
        info = self._info(shard_id)
        return self._adapted.fetch(shard_id, expected=info, is_cancelled=is_cancelled)

    def open_cached(
        self, shard_id: str, *, is_cancelled: Callable[[], bool] = lambda: False
    ) -> IO[bytes] | None:
        """Open a shard's file as soon as its bytes are checked; None if it has none.

        Raises:
            DigestMismatch: The bytes are not those expected.
        """
        info = self._info(shard_id)
        return self._adapted.open_cached(shard_id, expected=info, is_cancelled=is_cancelled)

    def known_samples(self, shard_id: str) -> int | None:
        """Return the number of samples in a shard; None if it is not known.

        Raises:
            ShardNotFound: Not a shard of the source.
        """
        info = self._info(shard_id)
        return info.samples if isinstance(info, ShardInfo) else None

    def _info(self, shard_id: str) -> ShardInfo | ExpectedShard:
        return shard_of(self._expected, shard_id)

    def __repr__(self) -> str:
        return f"VerifiedSource({self.source!r})"


def _check_file(file: IO[bytes], shard: str, info: ShardInfo | ExpectedShard) -> None:
    """Check a local file, unless this process has already checked it in its present state."""
    state = os.fstat(file.fileno())
    which = (state.st_dev, state.st_ino)
    found = (info.cid, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    if _checked.get(which) == found:
        return
    for _ in verified_pieces(file, shard, cid.digest(info.cid), info.size):
        pass
    if time.time_ns() - state.st_ctime_ns > _SETTLED:
        _checked[which] = found
