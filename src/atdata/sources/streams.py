"""File-like streams over what clients deliver in pieces, and what all sources share."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import IO, Protocol, cast

from atdata.base.leaving import closed_at_exit

_BUFFER = 1 << 18


class Opener(Protocol):
    """The part of a source that :class:`ShardStreams` needs."""

    def list_shards(self) -> list[str]:
        """Names of the shards, in order."""
        ...

    def open_shard(self, shard_id: str) -> IO[bytes]:
        """A stream of one shard."""
        ...


class ShardStreams:
    """A source's shards as (name, stream) pairs: to iterate over, or to call first.

    Code of both kinds is around: ``for name, stream in source.shards`` and ``…shards()``.
    Streams are opened one by one; each is closed when the next one is asked for, because the
    code that is around does not close them.
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
        """The same as iterating."""
        return iter(self)


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Iterable[bytes], close: Callable[[], object]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")
        self._close = close

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()


def from_pieces(pieces: Iterable[bytes], close: Callable[[], object]) -> IO[bytes]:
    """A buffered stream of these pieces; errors that they raise pass through.

    Args:
        pieces: The bytes, in order.
        close: Called once, when the stream is closed.
    """
    return cast("IO[bytes]", io.BufferedReader(_Pieces(pieces, close), _BUFFER))
