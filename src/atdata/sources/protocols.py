"""The interface of sources. Nothing needs to inherit from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Protocol, runtime_checkable


@runtime_checkable
class DataSource(Protocol):
    """A place that shards are read from.

    Sources of existing users differ in two ways, and all of them are accepted: ``shards`` may
    be a method or a property, and ``list_shards()`` may stand in for ``shard_list``.
    """

    @property
    def shard_list(self) -> list[str]:
        """Names of the shards, in order."""
        ...

    def shards(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Yield each shard's name and an open binary stream of its bytes."""
        ...

    def open_shard(self, shard_id: str) -> IO[bytes]:
        """Open one shard's stream; ``KeyError`` if the source has no such shard."""
        ...
