"""Decoding of packed samples, one at a time or in blocks of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from atdata.errors import SampleError
from atdata.reading.passes import Pass
from atdata.samples.batch import SampleBatch
from atdata.samples.blocks import BatchBlocks, Block
from atdata.samples.codec import Codec, codec_of
from atdata.samples.packable import PackableSample
from atdata.samples.packed import PackedBlock
from atdata.samples.writable import writable
from atdata.shards.blocks import SampleBlock
from atdata.shards.payloads import PayloadReader

if TYPE_CHECKING:
    from atdata.reading.walk import ShardWalk, Share
    from atdata.shards.reader import PackedSample

AnyBlock: TypeAlias = Block | list[Any]
"""A block of columns, or of samples where these could not be read as columns."""


class Decoder:
    """Decodes the packed samples of a pass.

    Args:
        sample_type: Their class.
        pass_: The pass, which decides what happens to damaged samples.
        is_writable: Make samples whose arrays can be written to.
    """

    def __init__(self, sample_type: Any, pass_: Pass, *, is_writable: bool = False) -> None:
        self._codec = codec = _columnar_codec(sample_type)
        self._pass = pass_
        self._is_writable = is_writable
        self._reader = PayloadReader(sample_type)
        self._decode: Callable[..., Any] = self._reader
        self.make: Callable[..., Any] = codec.make if codec else sample_type
        if is_writable:
            self._decode = partial(_made_writable, self._decode)
            self.make = partial(_made_writable, self.make)

    @property
    def is_columnar(self) -> bool:
        """Whether samples can be read as columns; packed ones may then come in blocks."""
        return self._codec is not None

    def packed(
        self, walk: ShardWalk, share: Share, *, blocks: bool | None = None
    ) -> Iterator[PackedSample]:
        """Yield the samples of a share as this decoder takes them, in blocks if it can.

        Args:
            walk: The walk over the shards.
            share: The share.
            blocks: Whether they may come in blocks; None if this decoder can read them.
        """
        blocks = self.is_columnar if blocks is None else blocks
        return walk.packed(share, self._pass, blocks=blocks)

    def samples(self, packed: Iterable[PackedSample]) -> Iterator[Any]:
        """Yield the samples, one at a time."""
        for one in packed:
            payload: Any = one[3]
            if type(payload) is not SampleBlock:
                try:
                    sample = self._decode(payload, one[1])
                except SampleError as error:
                    self._pass.damaged(self._reader.located(error, *one))
                else:
                    yield sample
            elif (columns := self._columns(payload)) is not None:
                yield from map(self.make, *columns)
            else:
                yield from self._one_by_one(one[0], payload)

    def batches(
        self,
        packed: Iterable[PackedSample],
        batch_type: type[SampleBatch[Any]],
        size: int,
        drop_last: bool,
    ) -> Iterator[SampleBatch[Any]]:
        """Yield batches of ``size`` samples, and a smaller last one unless it is dropped."""
        parts: list[AnyBlock] = []
        have = 0
        for block in self.blocks(packed):
            start, stop = 0, len(block)
            if not have and isinstance(block, Block):
                # Most batches lie within one block.
                for start in range(0, stop - size + 1, size):
                    yield batch_type(self._joined([block[start : start + size]]))
                start = stop - stop % size
            while have + stop - start >= size:
                middle = start + size - have
                yield batch_type(self._joined([*parts, block[start:middle]]))
                parts, have, start = [], 0, middle
            if start < stop:
                parts.append(block[start:stop])
                have += stop - start
        if parts and not drop_last:
            yield batch_type(self._joined(parts))

    def blocks(self, packed: Iterable[PackedSample]) -> Iterator[AnyBlock]:
        """Yield the samples in blocks as they are read."""
        for one in packed:
            payload: Any = one[3]
            if type(payload) is not SampleBlock:
                yield list(self.samples([one]))
            elif (columns := self._columns(payload)) is not None:
                yield Block(columns, 0, payload.count)
            else:
                yield list(self._one_by_one(one[0], payload))

    def _joined(self, blocks: list[AnyBlock]) -> BatchBlocks | list[Any]:
        """Return the contents of a batch: columns if all blocks have them, else samples."""
        columnar = [block for block in blocks if isinstance(block, Block)]
        if self._codec is not None and len(columnar) == len(blocks):
            return BatchBlocks(self._codec, columnar, self._is_writable)
        return [sample for block in blocks for sample in self._samples_of(block)]

    def _samples_of(self, block: AnyBlock) -> Iterable[Any]:
        if isinstance(block, list):
            return block
        return map(self.make, *map(block.values, range(len(block.columns))))

    def _columns(self, block: SampleBlock) -> list[Any] | None:
        if self._codec is None:
            return None
        packed = PackedBlock(block.data, block.starts, block.sizes)
        return self._codec.columns.read(packed)

    def _one_by_one(self, shard: str, block: SampleBlock) -> Iterator[Any]:
        for number, payload in enumerate(map(block.payload, range(block.count))):
            try:
                sample = self._decode(payload)
            except SampleError as error:
                place = shard, block.key(number), block.offset_of(number), payload
                self._pass.damaged(self._reader.located(error, *place))
            else:
                yield sample


def _made_writable(make: Callable[..., Any], *values: Any) -> Any:
    return writable(make(*values))


def _columnar_codec(sample_type: Any) -> Codec | None:
    """Return the class's codec if its samples can be made from columns, else None."""
    reads = getattr(sample_type.from_bytes, "__func__", None)
    if reads is not PackableSample.__dict__["from_bytes"].__func__:
        return None
    codec = codec_of(sample_type)
    return codec if codec.columns.direct else None
