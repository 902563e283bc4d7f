"""Blocks: consecutive samples in a shard, checked in a few NumPy calls.

Most shards hold samples of one form, so their headers differ in letters and digits of the key, and
in the digits of size and checksum only. A block is found by comparing all headers with the first,
which the walk has checked; a header that differs in any other byte ends the block, and the walk
checks it alone. Nothing is accepted here that the walk would refuse.

Samples of equal size lie at equal distances. For others, the places are found by going from one
header to the next, as the sizes in them lead. webdataset's TarWriter puts a pax header with a time
before every header. These two blocks may differ in the digits of the time and in their number.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atdata.shards.alike import (
    BLOCK,
    LEAD,
    Rows,
    free_bytes,
    headers_among,
    headers_right,
    leading,
    padding_right,
    same,
    sizes_of,
    times_right,
    without_letters,
)
from atdata.shards.names import SAMPLE

if TYPE_CHECKING:
    from atdata.shards.alike import Mask, Sizes, Words

_SUFFIX = f".{SAMPLE}".encode()
# Bounds the latency of a first sample, and the bytes that are checked ahead of it.
_MOST = 2048
_MOST_BYTES = 32 << 20
# The calls cost more than they save for fewer.
_LEAST = 8
# Samples of different sizes that are tried first: finding many places for nothing would be slow.
_SOME = 64
# Samples of at most this many bytes are compared whole, and looked for by their headers' form:
# reading all of them is faster than reading parts.
_NARROW = 4096


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
    # A name that goes on in the prefix, or is not ASCII, is read by the walk; and one with the
    # character that the only refused name of letters and digits has (a bzip2 file's first bytes).
    if name < 1 or block[345] or not block[:name].isascii() or block[135] not in b" \0":
        return None
    ends = block[name + len(_SUFFIX) : 100].strip(b"\0") == b""  # and not in a folder of that name
    if b"&" in block[:name] or not ends:
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
        and without_letters(other[:100]) == without_letters(block[:100])
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
        words = np.ndarray((most, stride // 8), np.uint64, self.data, start)
        head, free = self.lead + BLOCK, free_bytes(self.name, self.lead, even=True)
        if stride <= _NARROW:
            fine = same(Rows(words), (*free, (head, head + self.size)))
        else:
            tail = (head + self.size) // 8  # the word where the padding begins
            fine = same(Rows(words[:, : head // 8]), free)
            fine &= same(Rows(words[:, tail:]), ((0, self.size % 8),))
        fine &= self._right(Rows(words[:, : head // 8]), even=True)
        count = leading(fine)
        starts = range(first, first + count * stride, stride)
        return self._block(starts, [self.size] * count)

    def ragged(self) -> SampleBlock | None:
        """Return the block of samples of different sizes."""
        digits = self.data[self.position + 124 : self.position + 135]
        if not digits.lstrip(b" ").isdigit():
            return None
        base, head = self.position % BLOCK, self.lead + BLOCK
        blocks, rows = self._every(BLOCK), self._every(head)
        free = free_bytes(self.name, self.lead, even=False)
        length = _NARROW + head  # of a sample with its headers, on average
        for most in (_SOME, _MOST):
            numbers, sizes = self._places(rows, most, length)
            if len(sizes) < _LEAST or sizes[0] != self.size:
                return None
            found, starts = Rows(rows, numbers), numbers * BLOCK + base + head
            last = (starts + sizes - 1 - base) // BLOCK
            fine = same(found, free) & self._right(found, even=False)
            fine &= padding_right(Rows(blocks, last), sizes % BLOCK)
            count = leading(fine)
            if count < most:
                break
            length = int(starts[-1] - starts[0]) // most + head
        places = (array("q", part[:count].tobytes()) for part in (starts, sizes))
        return self._block(*places)

    def _every(self, length: int) -> Words:
        """Return the rows of this many bytes that begin at every block of the archive."""
        import numpy as np

        base = self.position % BLOCK
        shape = (self.end - base - length) // BLOCK + 1, length // 8
        return np.ndarray(shape, np.uint64, self.data, base, (BLOCK, 8))

    def _places(self, rows: Words, most: int, length: int) -> tuple[Sizes, Sizes]:
        """Return numbers of rows and sizes of samples, as unchecked headers give them."""
        import numpy as np

        first = (self.position - self.lead) // BLOCK
        if self.size > _NARROW:
            followed = self._followed(most)
            places, sizes = (np.array(part, np.int64) for part in zip(*followed, strict=True))
            return (places - self.lead) // BLOCK, sizes
        numbers = first + headers_among(rows[first : first + most * length // BLOCK])[:most]
        sizes = sizes_of(Rows(rows, numbers), self.lead)
        after = numbers + (self.lead + BLOCK + sizes + -sizes % BLOCK) // BLOCK
        leads = np.append(after[:-1] == numbers[1:], True) & (after * BLOCK <= self.end)
        count = leading(leads)
        return numbers[:count], sizes[:count]

    def _followed(self, most: int) -> list[tuple[int, int]]:
        """Return positions of headers and sizes, each found by the size before it.

        Nothing between the headers is read.
        """
        found: list[tuple[int, int]] = []
        position, stop = self.position, min(self.end, self.position + _MOST_BYTES)
        while position < stop and len(found) < most:
            try:
                size = int(self.data[position + 124 : position + 135], 8)
            except ValueError:
                break
            after = position + BLOCK + _padded(size)
            if size < 0 or after > self.end:
                break
            found.append((position, size))
            position = after + self.lead
        return found

    def _right(self, rows: Rows, *, even: bool) -> Mask:
        """Mark rows whose digits and checksums are right."""
        fine = headers_right(rows, self.lead, self.name, even=even)
        return fine & times_right(rows) if self.lead else fine

    def _block(self, starts: Sequence[int], sizes: Sequence[int]) -> SampleBlock | None:
        if len(starts) < 2:
            return None
        return SampleBlock(self.data, self.offset, starts, sizes)
