"""Samples in random order, through a buffer of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from atdata.reading.decode import Pass, Piece, Reader
from atdata.reading.order import mixed, random_of, shuffled
from atdata.reading.walk import ShardWalk

if TYPE_CHECKING:
    Numbers = np.ndarray[Any, np.dtype[np.int64]]

# Views of mapped files cost no memory, but each keeps its file open.
_MAX_OPEN_SHARDS = 128
# Samples that are made at once, so that few are alive that nobody has asked for yet.
_STEP = 256


def shuffled_samples(
    walk: ShardWalk, reader: Reader, order: Pass, buffer_shards: int, buffer_samples: int
) -> Iterator[Any]:
    """The samples of a walk, each once, in an order that seed, epoch and share alone decide.

    Args:
        walk: Over the shards.
        reader: Makes samples of packed ones.
        order: The pass.
        buffer_shards: Names of shards that are held to shuffle their order.
        buffer_samples: Samples that are held to shuffle theirs.
    """
    share = walk.mixed(buffer_shards, order)
    random = random_of(order.seed, order.epoch, 1, *walk.parts)
    many = len(share.names) > _MAX_OPEN_SHARDS
    in_columns = reader.columnar and not many and buffer_samples > 1
    packed = walk.packed(share, order, runs=in_columns)
    if in_columns:
        rows = _Rows(reader.pieces(packed), reader.make)
        for numbers in mixed(rows.take, buffer_samples, random):
            yield from rows.samples(numbers)
        return
    if many:
        packed = ((shard, key, at, memoryview(bytes(view))) for shard, key, at, view in packed)
    yield from shuffled(reader.samples(packed), buffer_samples, random)


class _Rows:
    """Rows of columns that wait for their turn. A sample is made of one when that comes.

    Args:
        pieces: Where they come from.
        make: A sample from the values of its fields.
    """

    def __init__(self, pieces: Iterator[Piece], make: Callable[..., Any]) -> None:
        self._coming = pieces
        self._make = make
        self._pieces: list[Piece] = []
        self._starts = np.empty(0, np.int64)  # number of the first row of each
        self._left = np.empty(0, np.int64)  # rows of each that were not given out
        self._taken = 0
        self._end = 0

    def take(self, count: int) -> int:
        """Have up to so many more rows; how many there are."""
        while self._end - self._taken < count and (piece := next(self._coming, None)):
            self._pieces.append(piece)
            self._starts = np.append(self._starts, self._end)
            self._left = np.append(self._left, len(piece))
            self._end += len(piece)
        count = min(count, self._end - self._taken)
        self._taken += count
        return count

    def samples(self, numbers: Numbers) -> Iterator[Any]:
        """The samples of these rows, which are given out thereby."""
        which = np.searchsorted(self._starts, numbers, "right") - 1
        rows = numbers - self._starts[which]
        for start in range(0, len(numbers), _STEP):
            part = slice(start, start + _STEP)
            yield from self._made(which[part].tolist(), rows[part].tolist())
        self._left -= np.bincount(which, minlength=len(self._left))
        self._forget()

    def _made(self, which: list[int], rows: list[int]) -> Iterator[Any]:
        places = list(zip(which, rows, strict=True))
        if not all(piece.columnar for piece in self._pieces):
            return (self._one(self._pieces[number], row) for number, row in places)
        columns = zip(*(piece.held for piece in self._pieces), strict=True)
        values = ([column[number][row] for number, row in places] for column in columns)
        return map(self._make, *values)

    def _one(self, piece: Piece, row: int) -> Any:
        if not piece.columnar:
            return piece.held[row]
        return self._make(*(column[row] for column in piece.held))

    def _forget(self) -> None:
        """Let go of pieces whose rows have all been given out, and of their files."""
        some = self._left > 0
        self._pieces = [piece for piece, keep in zip(self._pieces, some, strict=True) if keep]
        self._starts, self._left = self._starts[some], self._left[some]
