"""The samples that the earlier implementation and atdata both write, as plain values.

``make.py`` runs in an environment of the earlier implementation, where nothing of atdata's tests
is there: this module imports NumPy only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def arrays() -> dict[str, Array]:
    """Return one array of each kind that the earlier implementation keeps, by a name."""
    return {
        "boolean": np.array([True, False]),
        "int8": np.array([-128, 127], "i1"),
        "int16": np.array([[1, -2]], "<i2"),
        "int32": np.arange(6, dtype="<i4").reshape(2, 3),
        "int64": np.array([2**62], "<i8"),
        "uint8": np.arange(12, dtype="u1").reshape(2, 2, 3),
        "uint16": np.array([65535], "<u2"),
        "uint32": np.array([2**31], "<u4"),
        "uint64": np.array([2**63], "<u8"),
        "float16": np.array([0.5, np.inf], "<f2"),
        "float32": np.array([[1.5, np.nan]], "<f4"),
        "float64": np.array([np.pi, -0.0], "<f8"),
        "complex64": np.array([1 + 2j], "<c8"),
        "complex128": np.array([[1j]], "<c16"),
        "big_endian": np.array([1, 2, 3], ">i4"),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "text": np.array(["a", "bcd", "é"], "<U3"),
        "raw": np.array([b"ab", b"c"], "S2"),
        "instants": np.array(["2026-01-02T03:04:05", "NaT"], "<M8[ns]"),
        "durations": np.array([3, -4], "<m8[25us]"),
        "scalar": np.array(2.5),
        "empty": np.zeros((0, 3), "<f4"),
    }


def readings(count: int = 5) -> list[dict[str, Any]]:
    """Return the fields of the samples of the dataset ``readings``."""
    return [
        {
            "values": np.arange(n + 1, dtype="<f4"),
            "mask": None if n % 2 else np.array([True] * n, "?"),
            "label": n,
            "weight": n / 4,
            "is_good": n % 2 == 0,
            "name": f"reading {n}",
            "raw": bytes(range(n)),
            "tags": [f"t{n}", "all"],
        }
        for n in range(count)
    ]
