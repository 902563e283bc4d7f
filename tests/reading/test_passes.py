from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atdata.errors import DigestMismatch, SampleError, ShardError
from atdata.reading.passes import Damage, Pass, checked_seed
from atdata.testing.samples import write_things


def test_arguments_are_checked_where_they_are_given(tmp_path: Path) -> None:
    dataset: Any = write_things(tmp_path, 4)
    for view in (dataset.ordered, dataset.shuffled):
        with pytest.raises(ValueError, match="on_error is 'raise', 'skip' or a function"):
            view(on_error="ignore")
    with pytest.raises(ValueError, match="a seed is an integer, not 'a'"):
        dataset.shuffled(seed="a")
    orders = [[one.number for one in dataset.shuffled(seed=seed)] for seed in (np.int64(3), 3)]
    assert orders[0] == orders[1]


def test_a_seed_is_an_integer_or_none() -> None:
    assert checked_seed(None) is None
    assert type(checked_seed(np.uint8(7))) is int
    with pytest.raises(ValueError, match=r"not 1\.5"):
        checked_seed(1.5)


def test_without_a_seed_each_pass_has_its_own_and_can_be_repeated() -> None:
    one = Pass(None, "raise")
    one.begin()
    first = one.seed
    one.begin()
    assert one.seed != first
    one.resume(first, 3)
    one.begin()
    assert (one.seed, one.epoch) == (first, 3)
    one.begin()
    assert one.seed != first
    assert one.epoch == 3


def test_damage_is_raised_skipped_or_given_to_a_function() -> None:
    damage, mismatch = SampleError("a"), DigestMismatch("b")
    with pytest.raises(SampleError):
        Pass(0, "raise").damaged(damage)
    skipping = Pass(0, "skip")
    skipping.damaged(damage)
    assert skipping.skipped == 1
    with pytest.raises(ShardError):
        skipping.damaged(mismatch)
    seen: list[Damage] = []
    calling = Pass(0, seen.append)
    calling.damaged(damage)
    calling.damaged(mismatch)
    assert seen == [damage, mismatch]
    assert calling.skipped == 2
    calling.begin()
    assert calling.skipped == 0
