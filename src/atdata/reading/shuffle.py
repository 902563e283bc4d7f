"""Samples in random order, through a shuffle buffer."""

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
# Samples that are made at once; few, because they take memory before they are asked for.
_STEP = 256


def shuffled_samples(
    walk: ShardWalk, reader: Reader, order: Pass, buffer_shards: int, buffer_samples: int
) -> Iterator[Any]:
    """Yield the samples of a walk in an order that only seed, epoch, share and buffers decide.

    Args:
        walk: The walk over the shards.
        reader: Decodes packed samples.
        order: The pass.
        buffer_shards: Size of the shuffle buffer for shard names.
        buffer_samples: Size of the shuffle buffer for samples.
    """
    share = walk.mixed(buffer_shards, order)
    random = random_of(order.seed, order.epoch, 1, *walk.parts)
    many = len(share.names) > _MAX_OPEN_SHARDS
    in_columns = reader.columnar and not many and buffer_samples > 1
    packed = walk.packed(share, order, blocks=in_columns)
    if in_columns:
        rows = _Rows(reader.pieces(packed), reader.make)
        for numbers in mixed(rows.take, buffer_samples, random):
            yield from rows.samples(numbers)
        return
    if many:
        packed = ((shard, key, at, memoryview(bytes(view))) for shard, key, at, view in packed)
    yield from shuffled(reader.samples(packed), buffer_samples, random)


class _Rows:
    """A buffer of rows of columns, each made into a sample when it is yielded.

    Args:
        pieces: The blocks that the rows come from.
        make: Makes a sample from the values of its fields.
    """

    def __init__(self, pieces: Iterator[Piece], make: Callable[..., Any]) -> None:
        self._coming = pieces
        self._make = make
        self._pieces: list[Piece] = []
        self._starts = np.empty(0, np.int64)  # number of the first row of each
        self._left = np.empty(0, np.int64)  # rows of each that were not yielded
        self._taken = 0
        self._end = 0

    def take(self, count: int) -> int:
        """Take up to ``count`` more rows; return how many."""
        while self._end - self._taken < count and (piece := next(self._coming, None)):
            self._pieces.append(piece)
            self._starts = np.append(self._starts, self._end)
            self._left = np.append(self._left, len(piece))
            self._end += len(piece)
        count = min(count, self._end - self._taken)
        self._taken += count
        return count

    def samples(self, numbers: Numbers) -> Iterator[Any]:
        """Yield the samples of these rows, and release them."""
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
        """Release pieces whose rows have all been yielded, and their files."""
        some = self._left > 0
        self._pieces = [piece for piece, keep in zip(self._pieces, some, strict=True) if keep]
        self._starts, self._left = self._starts[some], self._left[some]
