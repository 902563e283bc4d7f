"""Blocks: consecutive samples of equal size in a shard, checked in a few NumPy calls.

Most shards hold samples of one form, so their headers differ in the digits of the key and of the
checksum only. A block is found by comparing all headers with the first, which the walk has
checked; a header that differs in any other byte ends the block, and the walk checks it alone.
Nothing is accepted here that the walk would refuse.

webdataset's TarWriter puts a pax header with a time before every header. These two blocks may
differ in the digits of the time and in their number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from atdata.shards.names import SAMPLE

if TYPE_CHECKING:
    import numpy as np

    Bytes = np.ndarray[Any, np.dtype[np.uint8]]
    Words = np.ndarray[Any, np.dtype[np.uint64]]
    Mask = np.ndarray[Any, np.dtype[np.bool_]]

_BLOCK = 512
_SUM = slice(148, 156)
_PAX = 2 * _BLOCK  # bytes of a pax header with its records
_SIZE, _TIME = slice(124, 136), slice(136, 147)
_RECORD = re.compile(rb"\d\d mtime=\d{1,12}\.")  # of a pax header, up to the decimals
_MOST_DECIMALS = 8
_TEXT = slice(_BLOCK, _BLOCK + 32)  # such a record, and zeros after it
_ALL = 2**64 - 1
_PART = 512  # rows that are compared at once, few enough for the processor's cache
_FORM = slice(120, 160)  # size and checksum of a pax header, in whole words
_SUFFIX = f".{SAMPLE}".encode()
# Bounds the latency of a first sample, and the bytes that are checked ahead of it.
_MOST = 2048
_MOST_BYTES = 32 << 20
# The calls cost more than they save for fewer.
_LEAST = 8
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)


@dataclass(frozen=True, slots=True)
class SampleBlock:
    """Samples of equal size, one after the other.

    Attributes:
        view: Bytes that hold them.
        first: Position of the first header in ``view``.
        offset: Offset of that header in the shard.
        size: Length of each payload.
        stride: Bytes from the header of one sample to that of the next.
        count: Number of samples.
    """

    view: memoryview
    first: int
    offset: int
    size: int
    stride: int
    count: int

    def key(self, index: int) -> str:
        """Return the key of one sample."""
        start = self.first + index * self.stride
        name = bytes(self.view[start : start + 100])
        return name[: name.index(_SUFFIX)].decode("ascii")

    @property
    def last_key(self) -> str:
        """The key of the last sample."""
        return self.key(self.count - 1)

    @property
    def end(self) -> int:
        """Position after the last sample."""
        last = self.first + (self.count - 1) * self.stride
        return last + _BLOCK + self.size + -self.size % _BLOCK

    def payload(self, index: int) -> memoryview:
        """Return the msgpack bytes of one sample."""
        start = self.first + index * self.stride + _BLOCK
        return self.view[start : start + self.size]


def find_block(
    data: Any, view: memoryview, position: int, offset: int, size: int, lead: int = 0
) -> SampleBlock | None:
    """Return the block that begins with the checked header at ``position``; None if there is none.

    Args:
        data: The bytes, to slice.
        view: The same bytes.
        position: Of a sample's header that is sound, with its payload and padding.
        offset: The same place in the shard.
        size: Length of that payload.
        lead: Bytes of the pax header before it, which is sound too; 0 if there is none.
    """
    start = position - lead
    stride = lead + _BLOCK + size + -size % _BLOCK
    most = min((len(view) - start) // stride, _MOST, max(_LEAST, _MOST_BYTES // stride))
    if most < _LEAST or lead not in (0, _PAX) or start < 0:
        return None
    block = data[position : position + _BLOCK]
    last = position + (_LEAST - 1) * stride
    if not all(_alike(block, data[at : at + _BLOCK]) for at in (position + stride, last)):
        return None
    length = block.find(_SUFFIX, 0, 100)
    # A name that goes on in the prefix, or is not ASCII, is read by the walk.
    if length < 1 or block[345] or not block[:length].isascii():
        return None
    record = _RECORD.match(data, start + _BLOCK) if lead else None
    if lead and not record:
        return None
    rows = _Rows(view, start, stride, most)
    fine = rows.samples_alike(lead, length, size)
    if record:
        text = record[0].translate(_DIGITS)
        fine &= rows.times_alike(_time_forms(data[start : start + _BLOCK], text))
    count = most if fine.all() else int(fine.argmin())
    return SampleBlock(view, position, offset, size, stride, count) if count > 1 else None


def _alike(block: bytes, other: bytes) -> bool:
    return (
        other[100:136] == block[100:136]
        and other[156:] == block[156:]
        and other[:100].translate(_DIGITS) == block[:100].translate(_DIGITS)
    )


class _Rows:
    """Samples, one a row, that are compared with the first, which the walk has checked.

    Args:
        view: The bytes.
        start: Position of the first sample's first header.
        stride: Length of a row.
        count: Number of rows.
    """

    def __init__(self, view: memoryview, start: int, stride: int, count: int) -> None:
        import numpy as np

        self._rows = np.ndarray((count, stride), np.uint8, view, start)
        # The same bytes in words of eight, which are compared faster.
        self._words = np.ndarray((count, stride // 8), np.uint64, view, start)

    def samples_alike(self, at: int, length: int, size: int) -> Mask:
        """Mark samples that differ from the first in digits of key and time, and in payload only.

        Args:
            at: Where headers are in a row. What a pax header says is left out.
            length: Bytes of a key.
            size: Bytes of a payload.
        """
        import numpy as np

        header = self._rows[:, at : at + _BLOCK]
        # Turned, so that each operation goes over a long line of bytes.
        key, time = (np.ascontiguousarray(header[:, part].T) for part in (slice(length), _TIME))
        fine = _digits_alike(key, b"9") & _digits_alike(time, b"7")
        fine[1:] &= (key[:, 1:] != key[:, :-1]).any(0)
        sums = key.sum(0, dtype=np.int32) + time.sum(0, dtype=np.int32)
        fine &= _sums_right(header[:, _SUM], header[0].tobytes(), sums)
        free = [slice(0, length), _TIME, _SUM]
        free = [slice(at + part.start, at + part.stop) for part in free]
        end = at + _BLOCK + size
        fine &= self._equal(0, at + _BLOCK, [*free, _SIZE, _SUM, _TEXT] if at else free)
        fine &= self._equal(end - end % 8, self._rows.shape[1], [slice(0, end)])
        return fine

    def times_alike(self, forms: Words) -> Mask:
        """Mark rows that begin with a pax header of a time, in the form for its length."""
        import numpy as np

        record = np.ascontiguousarray(self._rows[:, _TEXT])
        size = (record[:, 0] - ord("0")) * 10 + (record[:, 1] - ord("0"))
        text = np.where(_are_digits(record, b"9"), np.uint8(ord("0")), record)
        header = self._words[:, _FORM.start // 8 : _FORM.stop // 8]
        found = np.concatenate((header, text.view(np.uint64)), 1)
        fine: Mask = (found == forms[np.where(size < len(forms), size, 0)]).all(1)
        return fine

    def _equal(self, start: int, stop: int, free: list[slice]) -> Mask:
        """Mark rows that have the same bytes as the first, from ``start`` to ``stop``.

        Args:
            start: A multiple of eight.
            stop: Another.
            free: Bytes that may differ.
        """
        import numpy as np

        mask = np.full(stop, 255, np.uint8)
        for part in free:
            mask[part] = 0
        masks = mask[start:].view(np.uint64)
        words, whole = self._words[:, start // 8 : stop // 8], masks == _ALL
        parts = (words[at : at + _PART] for at in range(0, len(words), _PART))
        fine: Mask = np.concatenate([((part == words[0]) | ~whole).all(1) for part in parts])
        for place in np.flatnonzero(~whole & (masks != 0)):
            fine &= (words[:, place] ^ words[0, place]) & masks[place] == 0
        return fine


def _are_digits(part: Bytes, highest: bytes) -> Mask:
    return part - ord("0") <= ord(highest) - ord("0")  # what is less than 0 wraps around


def _digits_alike(part: Bytes, highest: bytes) -> Mask:
    """Mark columns that differ from the first only in digits."""
    digits = _are_digits(part, highest)
    fine: Mask = ((part == part[:, :1]) | (digits & digits[:, :1])).all(0)
    return fine


def _sums_right(fields: Bytes, header: bytes, sums: np.ndarray[Any, Any]) -> Mask:
    """Mark checksums that are right, given the first header and the sums of what differs."""
    import numpy as np

    lowest = int(sums.min())
    rest = _checksum(header) - int(sums[0])
    texts = b"".join(_sum_field(rest + n) for n in range(lowest, int(sums.max()) + 1))
    right = np.frombuffer(texts, np.uint64)[sums - lowest]
    fine: Mask = np.ascontiguousarray(fields).view(np.uint64)[:, 0] == right
    return fine


def _checksum(header: bytes) -> int:
    return sum(header) - sum(header[_SUM]) + 8 * ord(" ")


def _sum_field(total: int) -> bytes:
    return b"%06o\0 " % total


@lru_cache(maxsize=8)
def _time_forms(header: bytes, record: bytes) -> Words:
    """Return what pax headers with a time look like, by the length of their record.

    Args:
        header: The header of one.
        record: Its record, up to the decimals, with zeros as digits.

    Returns:
        For each length the words of the header that depend on it, and the text of the record with
        zeros as digits; zeros for lengths that are not allowed.
    """
    import numpy as np

    words = _FORM.stop - _FORM.start + _TEXT.stop - _TEXT.start
    forms = np.zeros((_TEXT.stop - _TEXT.start + 1, words), np.uint8)
    for decimals in range(_MOST_DECIMALS + 1):
        whole = record + b"0" * decimals + b"\n"
        block = header[: _SIZE.start] + b"%011o\0" % len(whole) + header[_SIZE.stop :]
        block = block[: _SUM.start] + _sum_field(_checksum(block)) + block[_SUM.stop :]
        row = block[_FORM] + whole
        forms[len(whole), : len(row)] = np.frombuffer(row, np.uint8)
    return forms.view(np.uint64)
