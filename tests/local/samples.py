"""Sample types of these tests, at a place where child processes find them too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import atdata


@atdata.packable
class Reading:
    """A reading of a sensor."""

    values: NDArray[np.float32]
    sensor: str
    note: str | None = None


@atdata.packable
class Other:
    number: int


def readings(count: int, start: int = 0) -> list[Reading]:
    return [
        Reading(values=np.arange(n, n + 4, dtype=np.float32), sensor=f"s{n % 3}")
        for n in range(start, start + count)
    ]
