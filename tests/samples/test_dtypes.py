from __future__ import annotations

import numpy as np
import pytest

from atdata.samples.dtypes import DTYPES, dtype_name


@pytest.mark.parametrize("name", DTYPES)
def test_names_lead_to_types_and_back(name: str) -> None:
    assert dtype_name(DTYPES[name]) == name


@pytest.mark.parametrize("code", "bBhHiIlLqQ")
def test_integers_are_named_by_their_size(code: str) -> None:
    dtype = np.dtype(code)
    assert dtype_name(dtype.type) == dtype.name


def test_objects_have_no_name() -> None:
    assert dtype_name(np.object_) is None
    assert dtype_name(type("Own", (np.float64,), {})) is None
