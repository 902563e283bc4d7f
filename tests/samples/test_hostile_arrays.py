"""Arrays that NumPy can't hold are errors of their sample, so that a reader can skip it."""

from __future__ import annotations

from pathlib import Path

import msgpack
import numpy as np
import pytest
from numpy.typing import NDArray

import atdata
from atdata import Dataset
from atdata.samples.arrays import to_npy
from atdata.shards import ShardWriter


@atdata.packable
class Row:
    array: NDArray[np.int64]


def empty(shape: tuple[int, ...]) -> bytes:
    """An array of no elements, with any axes in its header."""
    head = to_npy(np.empty((0, 11, 8), np.int64))
    changed = head.replace(b"(0, 11, 8)", repr(shape).encode())
    excess = len(changed) - len(head)
    return changed[: -excess - 1] + b"\n" if excess > 0 else changed


@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("shape", [(0, 2**61 - 1, 8), (0, 2**62 - 1), (2**59, 0, 2)])
def test_an_array_beyond_numpys_limits_is_skipped(
    tmp_path: Path, shape: tuple[int, ...], batch_size: int | None
) -> None:
    path = tmp_path / "a.tar"
    with ShardWriter(path) as writer:
        for number in range(20):
            body = empty(shape) if number % 4 == 1 else empty((0, 12, 8))
            writer.write(f"{number:03d}", msgpack.packb({"array": body}))
    for kind in (Row, atdata.DictSample):
        view = Dataset[kind](str(path)).ordered(batch_size=batch_size, on_error="skip")
        counts = [len(each.array) if batch_size else 1 for each in view]
        assert sum(counts) == 15
