"""The shards of a source as pairs of name and stream."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import IO, Protocol

from atdata.base.shutdown import closed_at_exit


class Opener(Protocol):
    """The part of a source that :class:`ShardStreams` needs."""

    def list_shards(self) -> list[str]:
        """Return the names of the shards, in order."""
        ...

    def open_shard(self, shard_id: str) -> IO[bytes]:
        """Open a stream of one shard."""
        ...


class ShardStreams:
    """A source's shards as (name, stream) pairs: to iterate over, or to call first.

    Existing code uses both ``for name, stream in source.shards`` and ``…shards()``. Streams are
    opened one by one; each is closed when the next one is asked for, because existing code
    does not close them.
    """

    def __init__(self, source: Opener) -> None:
        self._source = source

    def __iter__(self) -> Iterator[tuple[str, IO[bytes]]]:
        return closed_at_exit(self._pairs())

    def _pairs(self) -> Generator[tuple[str, IO[bytes]], None, None]:
        for name in self._source.list_shards():
            with self._source.open_shard(name) as stream:
                yield name, stream

    def __call__(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Return an iterator, as ``iter()`` does."""
        return iter(self)
