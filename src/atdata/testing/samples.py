"""The samples that the suites work with."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atdata.dataset import Dataset
from atdata.samples import PackableSample
from atdata.shards.writer import cut_shards


@dataclass
class Thing(PackableSample):
    """A small sample.

    Attributes:
        values: Shape (3,).
        number: Tells things apart.
    """

    values: NDArray[np.float32]
    number: int


def things(count: int, start: int = 0) -> list[Thing]:
    """Return ``count`` things, numbered from ``start``."""
    return [Thing(np.full(3, n, np.float32), n) for n in range(start, start + count)]


def write_things(folder: Path, count: int, *, maxcount: int = 4, start: int = 0) -> Dataset[Thing]:
    """Write ``count`` things as shards in a folder; return their dataset."""
    folder.mkdir(parents=True, exist_ok=True)
    cut = cut_shards(things(count, start), folder, maxcount=maxcount)
    return Dataset[Thing]([str(path) for path, _ in cut])


def shard_bytes(count: int, start: int = 0) -> bytes:
    """Return the bytes of a shard of ``count`` things."""
    with tempfile.TemporaryDirectory() as folder:
        (shard,) = write_things(Path(folder), count, maxcount=count, start=start).list_shards()
        return Path(shard).read_bytes()
