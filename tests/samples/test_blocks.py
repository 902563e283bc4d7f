from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from atdata.samples.blocks import BatchBlocks, Block
from atdata.samples.codec import codec_of
from atdata.testing.samples import Thing, things


def block(count: int, width: int = 3, start: int = 0) -> Block:
    values = np.arange(start, start + count, dtype=np.float32)[:, None].repeat(width, 1)
    values.flags.writeable = False
    return Block([values, list(range(start, start + count))], 0, count)


def batch(blocks: list[Block], *, is_writable: bool = False) -> BatchBlocks:
    return BatchBlocks(codec_of(Thing), blocks, is_writable)


def test_a_slice_of_a_block_has_fewer_rows_of_the_same_columns() -> None:
    whole = block(10)
    part = whole[2:9][1:4]
    assert len(part) == 3
    assert part.values(1) == [3, 4, 5]
    assert part.columns is whole.columns


def test_samples_are_made_of_the_rows_of_all_blocks() -> None:
    both = batch([block(10)[7:10], block(5, start=10)[0:2]])
    assert len(both) == 5
    assert both.samples() == things(5, start=7)
    assert both.column("number") == [7, 8, 9, 10, 11]
    assert both.column("values")[:, 0].tolist() == [7, 8, 9, 10, 11]


@pytest.mark.parametrize("is_writable", [False, True])
@pytest.mark.parametrize("widths", [[3], [3, 3], [3, 4]])
def test_columns_are_arrays_of_their_own_or_lists(widths: list[int], is_writable: bool) -> None:
    blocks = batch([block(4, width) for width in widths], is_writable=is_writable)
    column: Any = blocks.column("values")
    alike = len(set(widths)) == 1
    assert isinstance(column, np.ndarray if alike else list)
    assert all(one.flags.writeable == (alike or is_writable) for one in column)
    assert all(one.values.flags.writeable == is_writable for one in blocks.samples())
