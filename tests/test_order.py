from __future__ import annotations

import subprocess
import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.order import shuffled


@given(st.lists(st.integers()), st.integers(0, 50), st.integers())
def test_every_item_comes_once_and_the_seed_decides_the_order(
    items: list[int], size: int, seed: int
) -> None:
    first = list(shuffled(items, size, Random(seed)))
    assert sorted(first) == sorted(items)
    assert first == list(shuffled(iter(items), size, Random(seed)))


@pytest.mark.parametrize("size", [0, 1])
def test_no_buffer_keeps_the_order(size: int) -> None:
    assert list(shuffled(range(100), size, Random(1))) == list(range(100))


def test_a_whole_buffer_reaches_every_order() -> None:
    orders = {tuple(shuffled("abcd", 10, Random(seed))) for seed in range(1000)}
    assert len(orders) == 24


def test_an_item_never_comes_earlier_than_the_buffer_allows() -> None:
    order = list(shuffled(range(1000), 10, Random(5)))
    assert all(item <= place + 10 for place, item in enumerate(order))
    assert order != list(range(1000))


def test_the_order_is_the_same_in_every_process() -> None:
    code = (
        "from random import Random; from atdata.order import shuffled; "
        "print(list(shuffled(range(20), 8, Random(7))))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }
    assert said == {str(list(shuffled(range(20), 8, Random(7))))}
