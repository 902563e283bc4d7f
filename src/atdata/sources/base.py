"""What all sources share: names and streams of shards, and objects of the network as shards."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TypeVar

from atdata.base.redact import redacted
from atdata.cache.fetch import cached_file, cached_path
from atdata.errors import ShardNotFound
from atdata.shards.expected import ExpectedShard
from atdata.shards.info import ShardInfo
from atdata.sources.streams import ShardStreams
from atdata.storage.objects import StoredObject

T = TypeVar("T")


def shard_of(shards: Mapping[str, T], shard_id: str) -> T:
    """Return what is known of a shard.

    Raises:
        ShardNotFound: The source has no such shard.
    """
    try:
        return shards[shard_id]
    except KeyError:
        raise ShardNotFound("the source has no such shard", shard=redacted(shard_id)) from None


class Source(ABC):
    """The names of shards in each of their forms, and their streams."""

    @abstractmethod
    def list_shards(self) -> list[str]:
        """Return the names of the shards, in order."""

    @abstractmethod
    def open_shard(self, shard_id: str) -> IO[bytes]:
        """Open a stream of one shard; the caller closes it.

        Raises:
            ShardNotFound: The source has no such shard.
        """

    @property
    def shard_list(self) -> list[str]:
        """Names of the shards, in order."""
        return self.list_shards()

    @property
    def shards(self) -> ShardStreams:
        """(name, stream) pairs, to iterate over or to call."""
        return ShardStreams(self)


class ObjectSource(Source):
    """Shards that are objects of the network."""

    @property
    def is_remote(self) -> bool:
        """Always True: shards come from the network."""
        return True

    def open_shard(self, shard_id: str) -> IO[bytes]:
        """Open a stream of one shard; the caller closes it.

        Raises:
            ShardNotFound: The source has no such shard.
            StorageError, NetworkError: It can't be read.
        """
        return self.object(shard_id).open()

    def fetch(
        self,
        shard_id: str,
        *,
        expected: ShardInfo | ExpectedShard | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Path | None:
        """Return the path of a shard in the cache; fetch it if it is not there.

        Returns:
            The path; None if it is to be read as a stream.

        Raises:
            ShardNotFound: The source has no such shard.
            AtdataError: As ``cached_path`` in :mod:`atdata.cache.fetch`.
        """
        return cached_path(self.object(shard_id), expected=expected, is_cancelled=is_cancelled)

    def open_cached(
        self,
        shard_id: str,
        *,
        expected: ShardInfo | ExpectedShard | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> IO[bytes] | None:
        """Open a shard's file as soon as it is verified; it gets into the cache afterwards.

        Returns:
            The open file; None if it is to be read as a stream. The caller closes it.

        Raises:
            ShardNotFound: The source has no such shard.
            FileNotFoundError, AtdataError: As ``cached_file`` in :mod:`atdata.cache.fetch`.
        """
        return cached_file(self.object(shard_id), expected=expected, is_cancelled=is_cancelled)

    @abstractmethod
    def object(self, shard_id: str) -> StoredObject:
        """Return the object that is a shard.

        Raises:
            ShardNotFound: The source has no such shard.
        """
