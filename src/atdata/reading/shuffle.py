"""Samples in random order, through a shuffle buffer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from atdata.reading.decode import AnyBlock, Decoder
from atdata.reading.order import mixed, random_of, shuffled
from atdata.reading.passes import Pass
from atdata.reading.walk import ShardWalk
from atdata.shards.member_group import MemberGroup

if TYPE_CHECKING:
    Numbers = np.ndarray[Any, np.dtype[np.int64]]

# Views of mapped files cost no memory, but each keeps its file open.
_MAX_OPEN_SHARDS = 128
# Samples that are made at once; few, because they take memory before they are asked for.
_STEP = 256


def shuffled_samples(
    walk: ShardWalk, decoder: Decoder, pass_: Pass, buffer_shards: int, buffer_samples: int
) -> Iterator[Any]:
    """Yield the samples of a walk in an order that only seed, epoch, share and buffers decide.

    Args:
        walk: The walk over the shards.
        decoder: Decodes packed samples.
        pass_: The pass.
        buffer_shards: Size of the shuffle buffer for shard names.
        buffer_samples: Size of the shuffle buffer for samples.
    """
    share = walk.mixed(buffer_shards, pass_)
    random = random_of(pass_.seed, pass_.epoch, 1, *walk.parts)
    many = len(share.names) > _MAX_OPEN_SHARDS
    in_columns = decoder.is_columnar and not many and buffer_samples > 1
    packed = decoder.packed(walk, share, blocks=in_columns)
    if in_columns:
        buffer = _Buffer(decoder.blocks(packed), decoder.make)
        for numbers in mixed(buffer.take, buffer_samples, random):
            yield from buffer.samples(numbers)
        return
    if many:
        packed = ((shard, key, at, _copied(payload)) for shard, key, at, payload in packed)
    yield from shuffled(decoder.samples(packed), buffer_samples, random)


def _is_columnar(block: AnyBlock) -> bool:
    return not isinstance(block, list)


def _copied(payload: memoryview | MemberGroup) -> memoryview | MemberGroup:
    """Return the same payload, which keeps no file open."""
    return payload.copied() if isinstance(payload, MemberGroup) else memoryview(bytes(payload))


class _Buffer:
    """A shuffle buffer of blocks; a sample of columns is made when it is yielded.

    Args:
        blocks: The blocks to fill it with.
        make: Makes a sample from the values of its fields.
    """

    def __init__(self, blocks: Iterator[AnyBlock], make: Callable[..., Any]) -> None:
        self._coming = blocks
        self._make = make
        self._blocks: list[AnyBlock] = []
        self._starts = np.empty(0, np.int64)  # number of the first sample of each
        self._left = np.empty(0, np.int64)  # samples of each that were not yielded
        self._taken = 0
        self._end = 0

    def take(self, count: int) -> int:
        """Take up to ``count`` more samples; return how many."""
        sizes = []
        while self._end - self._taken < count and (block := next(self._coming, None)) is not None:
            self._blocks.append(block)
            sizes.append(len(block))
            self._end += len(block)
        added = np.array(sizes, np.int64)
        self._starts = np.append(self._starts, self._end - added.sum() + added.cumsum() - added)
        self._left = np.append(self._left, added)
        count = min(count, self._end - self._taken)
        self._taken += count
        return count

    def samples(self, numbers: Numbers) -> Iterator[Any]:
        """Yield the samples of these numbers, and release them."""
        which = np.searchsorted(self._starts, numbers, "right") - 1
        rows = numbers - self._starts[which]
        made = self._made if all(map(_is_columnar, self._blocks)) else self._mixed
        for start in range(0, len(numbers), _STEP):
            part = slice(start, start + _STEP)
            yield from made(which[part].tolist(), rows[part].tolist())
        self._left -= np.bincount(which, minlength=len(self._left))
        self._forget()

    def _made(self, which: list[int], rows: list[int]) -> Iterator[Any]:
        places = list(zip(which, rows, strict=True))
        columns = zip(*(block.columns for block in self._blocks), strict=True)  # type: ignore[union-attr]
        values = ([column[number][row] for number, row in places] for column in columns)
        return map(self._make, *values)

    def _mixed(self, which: list[int], rows: list[int]) -> Iterator[Any]:
        return (
            self._one(self._blocks[number], row) for number, row in zip(which, rows, strict=True)
        )

    def _one(self, block: AnyBlock, row: int) -> Any:
        if isinstance(block, list):
            return block[row]
        return self._make(*(column[row] for column in block.columns))

    def _forget(self) -> None:
        """Release blocks whose samples have all been yielded, and their files."""
        some = self._left > 0
        self._blocks = [block for block, keep in zip(self._blocks, some, strict=True) if keep]
        self._starts, self._left = self._starts[some], self._left[some]
