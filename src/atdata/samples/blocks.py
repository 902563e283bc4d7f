"""Blocks of decoded samples: consecutive ones of one form, as columns of their fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atdata.samples.plain import is_tensor
from atdata.samples.tensors import TensorColumn, stacked_tensors
from atdata.samples.writable import writable

if TYPE_CHECKING:
    from atdata.samples.codec import Codec


class Block:
    """Samples that were read together: rows ``start`` to ``stop`` of columns.

    A slice of it is a block of fewer rows of the same columns.
    """

    __slots__ = ("columns", "start", "stop")

    def __init__(self, columns: list[Any], start: int, stop: int) -> None:
        self.columns, self.start, self.stop = columns, start, stop

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, rows: slice) -> Block:
        return Block(self.columns, self.start + rows.start, self.start + rows.stop)

    def values(self, column: int) -> Any:
        """Return the values of one column: an array, or a list."""
        return self.columns[column][self.start : self.stop]


class BatchBlocks:
    """The samples of one batch, while they are columns: those of one or more blocks.

    Args:
        codec: Of their class.
        blocks: The samples, in order.
        is_writable: Make samples whose arrays can be written to.
    """

    __slots__ = ("_blocks", "_codec", "_is_writable", "names")

    def __init__(self, codec: Codec, blocks: list[Block], is_writable: bool) -> None:
        self._codec = codec
        self._blocks = blocks
        self._is_writable = is_writable
        self.names = codec.columns.names

    def __len__(self) -> int:
        return sum(map(len, self._blocks))

    def samples(self) -> list[Any]:
        """Make the samples."""
        columns = range(len(self.names))
        made = [
            sample
            for block in self._blocks
            for sample in map(self._codec.make, *map(block.values, columns))
        ]
        return list(map(writable, made)) if self._is_writable else made

    def column(self, name: str) -> Any:
        """Return the values of one field: one new array or tensor, or a list."""
        parts = [block.values(self.names[name]) for block in self._blocks]
        first = parts[0]
        if type(first) is TensorColumn and all(type(part) is TensorColumn for part in parts):
            arrays = [part.array for part in parts]
            if all(_fits(array, arrays[0]) for array in arrays):
                return first.kind.tensor(np.concatenate(arrays))
            return [tensor for part in parts for tensor in part]
        if len(parts) == 1 and type(first) is np.ndarray:
            return np.array(first, order="C")
        if all(_fits(part, first) for part in parts):
            return np.concatenate(parts)
        column = stacked([value for part in parts for value in part])
        return writable(column) if self._is_writable else column


def stacked(values: list[Any]) -> Any:
    """Return one new array or tensor of those of one shape and dtype; other values unchanged."""
    first: Any = values[0] if values else None
    if not isinstance(first, np.ndarray) and not is_tensor(first):
        return values
    array = np.ndarray if isinstance(first, np.ndarray) else type(first)
    dtype, shape = first.dtype, first.shape
    for value in values:
        if not isinstance(value, array) or value.dtype != dtype or value.shape != shape:
            return values
    return np.stack(values) if array is np.ndarray else stacked_tensors(values)


def _fits(part: Any, first: Any) -> bool:
    return (
        type(part) is np.ndarray is type(first)
        and part.dtype == first.dtype
        and part.shape[1:] == first.shape[1:]
    )
