"""Sensor readings: the samples of tests that cross many rooms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import atdata
from atdata.shards.writer import cut_shards


@atdata.packable
class Reading:
    """One reading of a sensor.

    Attributes:
        values: In volts, shape (4,).
        label: What was measured.
        note: A remark, if there was one.
    """

    values: NDArray[np.float32]
    label: int
    note: str | None = None


def readings(count: int, start: int = 0) -> list[Reading]:
    return [
        Reading(np.arange(4, dtype=np.float32) + n, n, None if n % 2 else f"note {n}")
        for n in range(start, start + count)
    ]


def write_readings(folder: Path, count: int, start: int = 0) -> list[str]:
    """Shards of four readings each; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    cut = cut_shards(readings(count, start), folder, maxcount=4)
    return [str(path) for path, _ in cut]


def labels(dataset: atdata.Dataset[Reading]) -> list[int]:
    return [reading.label for reading in dataset.ordered()]
