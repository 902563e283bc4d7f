"""Blocks: consecutive samples of equal size in a shard, checked in a few NumPy calls.

Most shards hold samples of one form, so their headers differ in the digits of the key and of the
checksum only. A block is found by comparing all headers with the first, which the walk has
checked; a header that differs in any other byte ends the block, and the walk checks it alone.
Nothing is accepted here that the walk would refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atdata.shards.names import SAMPLE

if TYPE_CHECKING:
    import numpy as np

_BLOCK = 512
_SUM = slice(148, 156)
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
        stride: Bytes from one header to the next.
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
        return self.first + self.count * self.stride

    def payload(self, index: int) -> memoryview:
        """Return the msgpack bytes of one sample."""
        start = self.first + index * self.stride + _BLOCK
        return self.view[start : start + self.size]


def find_block(
    data: Any, view: memoryview, position: int, offset: int, size: int
) -> SampleBlock | None:
    """Return the block that begins with the checked header at ``position``; None if there is none.

    Args:
        data: The bytes, to slice.
        view: The same bytes.
        position: Of a sample's header that is sound, with its payload and padding.
        offset: The same place in the shard.
        size: Length of that payload.
    """
    stride = _BLOCK + size + -size % _BLOCK
    most = min((len(view) - position) // stride, _MOST, max(_LEAST, _MOST_BYTES // stride))
    if most < _LEAST:
        return None
    block = data[position : position + _BLOCK]
    last = position + (_LEAST - 1) * stride
    if not all(_alike(block, data[at : at + _BLOCK]) for at in (position + stride, last)):
        return None
    length = block.find(_SUFFIX, 0, 100)
    # A name that goes on in the prefix, or is not ASCII, is read by the walk.
    if length < 1 or block[345] or not block[:length].isascii():
        return None
    count = _count_sound(view, position, size, stride, most, length)
    return SampleBlock(view, position, offset, size, stride, count) if count > 1 else None


def _alike(block: bytes, other: bytes) -> bool:
    return (
        other[100:148] == block[100:148]
        and other[156:] == block[156:]
        and other[:100].translate(_DIGITS) == block[:100].translate(_DIGITS)
    )


def _count_sound(
    view: memoryview, position: int, size: int, stride: int, most: int, length: int
) -> int:
    """Count members from ``position`` on that match the first, whose key has ``length`` bytes."""
    import numpy as np

    rows = np.ndarray((most, stride), np.uint8, view, position)
    first = rows[0]
    fine = (rows[:, length:148] == first[length:148]).all(1)
    fine &= (rows[:, 156:160] == first[156:160]).all(1)
    # The rest of a header in words of eight bytes, which is faster.
    words = np.ndarray((most, stride // 8), np.uint64, view, position)
    fine &= (words[:, 20:64] == words[0, 20:64]).all(1)
    fine &= ~rows[:, _BLOCK + size :].any(1)
    fine &= _keys_alike(rows[:, :length])
    fine &= _sums_right(rows, length)
    return most if fine.all() else int(fine.argmin())


def _keys_alike(keys: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Mark keys that differ from the first only in digits, and from the one before in any."""
    digits = (keys >= ord("0")) & (keys <= ord("9"))
    fine: np.ndarray[Any, Any] = ((keys == keys[0]) | (digits & digits[0])).all(1)
    fine[1:] &= (keys[1:] != keys[:-1]).any(1)
    return fine


def _sums_right(rows: np.ndarray[Any, Any], length: int) -> np.ndarray[Any, Any]:
    """Mark headers whose checksum is that of the first, changed by the digits of the key."""
    import numpy as np

    places = rows[:, _SUM].astype(np.int64) - ord("0")
    fine: np.ndarray[Any, Any] = (places[:, 6] == -ord("0")) & (places[:, 7] == -16)
    fine &= ((places[:, :6] >= 0) & (places[:, :6] < 8)).all(1)
    sums = places[:, :6] @ np.array([8**n for n in range(5, -1, -1)])
    shift = rows[:, :length].sum(1, dtype=np.int64)
    fine &= sums - shift == sums[0] - shift[0]
    return fine
