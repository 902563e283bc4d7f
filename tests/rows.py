"""A sample type that worker processes can import."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import atdata


@atdata.packable
class Row:
    features: NDArray[np.float32]
    label: int
