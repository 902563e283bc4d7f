"""Packed samples that are read together, and the columns that are cut out of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

NIL = 0xC0
# msgpack's marks of numbers, and NumPy's names of what follows.
NUMBERS: dict[type, dict[int, str]] = {
    int: {
        0xCC: ">u1", 0xCD: ">u2", 0xCE: ">u4", 0xCF: ">u8",
        0xD0: ">i1", 0xD1: ">i2", 0xD2: ">i4", 0xD3: ">i8",
    },
    float: {0xCB: ">f8"},
}  # fmt: skip
# Its marks of text and bytes, and how many bytes of a length follow.
LENGTHS: dict[type, dict[int, int]] = {
    str: {0xD9: 1, 0xDA: 2, 0xDB: 4},
    bytes: {0xC4: 1, 0xC5: 2, 0xC6: 4},
}
SHORT_TEXT = range(0xA0, 0xC0)  # marks that hold the length

Column = Any
"""An array with the samples as its first axis, or a sequence of values."""


class NoColumnsError(Exception):
    """Samples of this form have to be read one by one."""


@dataclass(frozen=True, slots=True)
class PackedBlock:
    """Samples that are packed: the positions of their payloads.

    Their columns make an :class:`atdata.samples.blocks.Block`.

    Attributes:
        buffer: Bytes that hold them: ``bytes`` or a mapped file.
        starts: Positions of the payloads; a range if their sizes are equal.
        sizes: Their lengths.
    """

    buffer: Any
    starts: Sequence[int]
    sizes: Sequence[int]


class Cuts(Sequence[Any]):
    """Parts of a buffer, which are copied when they are asked for.

    Args:
        buffer: The bytes.
        starts: Positions of the parts.
        stops: Positions after them.
        make: Makes a value of each part; None for the bytes themselves.
    """

    __slots__ = ("_buffer", "_make", "_starts", "_stops")

    def __init__(
        self,
        buffer: Any,
        starts: Sequence[int],
        stops: Sequence[int],
        make: Callable[[bytes], Any] | None = None,
    ) -> None:
        self._buffer, self._starts, self._stops, self._make = buffer, starts, stops, make

    def made(self, make: Callable[[bytes], Any]) -> Cuts:
        """Return the values that are made of the parts."""
        return Cuts(self._buffer, self._starts, self._stops, make)

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[Any]:
        parts = map(self._buffer.__getitem__, map(slice, self._starts, self._stops))
        return parts if self._make is None else map(self._make, parts)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> Cuts: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Cuts(self._buffer, self._starts[index], self._stops[index], self._make)
        part = self._buffer[self._starts[index] : self._stops[index]]
        return part if self._make is None else self._make(part)
