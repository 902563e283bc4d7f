"""Blocks: consecutive samples in a shard, checked in a few NumPy calls.

Most shards hold samples of one form, so their headers differ in the digits of key, size and
checksum only. A block is found by comparing all headers with the first, which the walk has
checked; a header that differs in any other byte ends the block, and the walk checks it alone.
Nothing is accepted here that the walk would refuse.

Samples of equal size lie at equal distances. For others, the places are found by going from one
header to the next, as the sizes in them lead. webdataset's TarWriter puts a pax header with a time
before every header. These two blocks may differ in the digits of the time and in their number.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atdata.shards.alike import BLOCK, LEAD, headers_alike, same, times_alike, without_digits
from atdata.shards.names import SAMPLE

if TYPE_CHECKING:
    from atdata.shards.alike import Mask, Words

_SUFFIX = f".{SAMPLE}".encode()
# Bounds the latency of a first sample, and the bytes that are checked ahead of it.
_MOST = 2048
_MOST_BYTES = 32 << 20
# The calls cost more than they save for fewer.
_LEAST = 8
# Samples of different sizes that are tried first: finding many places for nothing would be slow.
_SOME = 64
_ZEROS = bytes(BLOCK)


@dataclass(frozen=True, slots=True)
class SampleBlock:
    """Samples of one form, one after the other.

    Attributes:
        data: Bytes that hold them: ``bytes`` or a mapped file.
        offset: Offset of the first header in the shard.
        starts: Positions of the payloads in ``data``; a range if the sizes are equal.
        sizes: Lengths of the payloads.
    """

    data: Any
    offset: int
    starts: Sequence[int]
    sizes: Sequence[int]

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self.starts)

    def first(self, count: int) -> SampleBlock:
        """Return the block of the first ``count`` samples."""
        return SampleBlock(self.data, self.offset, self.starts[:count], self.sizes[:count])

    def key(self, index: int) -> str:
        """Return the key of one sample."""
        start = self.starts[index] - BLOCK
        name = self.data[start : start + 100]
        return bytes(name[: name.index(_SUFFIX)]).decode("ascii")

    @property
    def last_key(self) -> str:
        """The key of the last sample."""
        return self.key(-1)

    @property
    def end(self) -> int:
        """Position after the last sample."""
        return self.starts[-1] + _padded(self.sizes[-1])

    def offset_of(self, index: int) -> int:
        """Return the offset of one sample's header in the shard."""
        return self.offset + self.starts[index] - self.starts[0]

    def payload(self, index: int) -> memoryview:
        """Return the msgpack bytes of one sample."""
        start = self.starts[index]
        return memoryview(self.data)[start : start + self.sizes[index]]


def find_block(
    data: Any, end: int, position: int, offset: int, size: int, lead: int = 0
) -> SampleBlock | None:
    """Return the block that begins with the checked header at ``position``; None if there is none.

    Args:
        data: The bytes.
        end: Their number.
        position: Of a sample's header that is sound, with its payload and padding.
        offset: The same place in the shard.
        size: Length of that payload.
        lead: Bytes of the pax header before it, which is sound too; 0 if there is none.
    """
    stride = lead + BLOCK + _padded(size)
    after = position + stride
    if end - after < BLOCK or lead not in (0, LEAD) or position < lead:
        return None
    block, other = data[position : position + BLOCK], data[after : after + BLOCK]
    name = block.find(_SUFFIX, 0, 100)
    # A name that goes on in the prefix, or is not ASCII, is read by the walk.
    if name < 1 or block[345] or not block[:name].isascii() or block[135] not in b" \0":
        return None
    if not _alike(block, other):
        return None
    finder = _Finder(data, end, position, offset, size, lead, name)
    last = position + (_LEAST - 1) * stride
    if block[124:136] == other[124:136] == data[last + 124 : last + 136]:
        even = finder.even(stride)
        if even is not None and even.count >= _SOME:
            return even
        return max(even, finder.ragged(), key=_count)
    return finder.ragged()


def _alike(block: bytes, other: bytes) -> bool:
    return (
        other[100:124] == block[100:124]
        and other[156:] == block[156:]
        and without_digits(other[:100]) == without_digits(block[:100])
    )


def _count(block: SampleBlock | None) -> int:
    return block.count if block else 0


def _padded(size: int) -> int:
    return size + -size % BLOCK


@dataclass(frozen=True, slots=True)
class _Finder:
    """Finds the block that begins with one header; see :func:`find_block`.

    ``name`` is the number of bytes in a key.
    """

    data: Any
    end: int
    position: int
    offset: int
    size: int
    lead: int
    name: int

    def even(self, stride: int) -> SampleBlock | None:
        """Return the block of samples of equal size, ``stride`` bytes apart."""
        import numpy as np

        start, first = self.position - self.lead, self.position + BLOCK
        most = min((self.end - start) // stride, _MOST, max(_LEAST, _MOST_BYTES // stride))
        if most < _LEAST:
            return None
        rows = np.ndarray((most, stride // 8), np.uint64, self.data, start)
        tail = (self.lead + BLOCK + self.size) // 8  # the word where the padding begins
        fine = self._alike(rows, even=True)
        fine &= same(rows[:, tail:], ((0, self.size % 8),))
        count = _leading(fine)
        starts = range(first, first + count * stride, stride)
        return self._block(starts, [self.size] * count)

    def ragged(self) -> SampleBlock | None:
        """Return the block of samples of different sizes."""
        import numpy as np

        # Rows begin at every block of the archive; those of the samples are copied.
        base, length = self.position % BLOCK, self.lead + BLOCK
        shape = (self.end - base - length) // BLOCK + 1, length // 8
        rows = np.ndarray(shape, np.uint64, self.data, base, (BLOCK, 8))
        for most in (_SOME, _MOST):
            starts, sizes = self._places(most)
            if len(starts) < _LEAST or sizes[0] != self.size:
                return None
            numbers = (np.frombuffer(starts, np.int64) - length) // BLOCK
            count = _leading(self._alike(rows[numbers]))
            if count < most:
                break
        return self._block(starts[:count], sizes[:count])

    def _places(self, most: int) -> tuple[array[int], array[int]]:
        """Return positions and sizes of payloads, as unchecked headers give them.

        Padding has been checked.
        """
        data, end, lead = self.data, self.end, self.lead
        starts, sizes = array("q"), array("q")
        position, stop = self.position, min(end, self.position + _MOST_BYTES)
        while position < stop and len(starts) < most:
            try:
                size = int(data[position + 124 : position + 135], 8)
            except ValueError:
                break
            start = position + BLOCK
            pad, after = start + size, start + size + -size % BLOCK
            if size < 0 or after > end or not _ZEROS.startswith(data[pad:after]):
                break
            starts.append(start)
            sizes.append(size)
            position = after + lead
        return starts, sizes

    def _alike(self, rows: Words, *, even: bool = False) -> Mask:
        """Mark rows whose headers are like the first."""
        at = self.lead // 8
        fine = headers_alike(rows[:, at : at + BLOCK // 8], self.name, even=even)
        if self.lead:
            fine &= times_alike(rows[:, :at])
        return fine

    def _block(self, starts: Sequence[int], sizes: Sequence[int]) -> SampleBlock | None:
        if len(starts) < 2:
            return None
        return SampleBlock(self.data, self.offset, starts, sizes)


def _leading(fine: Mask) -> int:
    """Return the number of marks before the first that is not set."""
    return len(fine) if fine.all() else int(fine.argmin())
