from __future__ import annotations

import subprocess
import sys
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.reading.order import mixed, shuffled


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


# Orders that must never change: a run that was stopped goes on in them.
GOLDEN = {
    "20 items, buffer of 8, seed 7": [
        2,
        4,
        7,
        1,
        8,
        5,
        6,
        3,
        10,
        9,
        14,
        12,
        19,
        16,
        18,
        15,
        0,
        13,
        17,
        11,
    ],
    "12 items, buffer of 100, seed 3, epoch 1, rank 2": [0, 11, 8, 10, 7, 5, 9, 1, 6, 3, 4, 2],
}


def test_the_order_is_the_same_in_every_process_and_for_ever() -> None:
    code = (
        "from atdata.reading.order import random_of, shuffled\n"
        "print(list(shuffled(range(20), 8, random_of(7))))\n"
        "print(list(shuffled(range(12), 100, random_of(3, 1, 2))))"
    )
    for hash_seed in ("1", "2"):
        said = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout.splitlines()
        assert said == [str(order) for order in GOLDEN.values()]


@given(st.integers(0, 300), st.integers(2, 60), st.integers())
def test_numbers_come_each_once_and_not_before_they_are_there(
    count: int, size: int, seed: int
) -> None:
    ready = given_out = 0

    def take(more: int) -> int:
        nonlocal ready
        taken = min(more, count - ready)
        ready += taken
        assert ready - given_out <= size
        return taken

    seen: list[int] = []
    for numbers in mixed(take, size, Random(seed)):
        assert all(number < ready for number in numbers)
        seen += numbers.tolist()
        given_out = len(seen)
    assert sorted(seen) == list(range(count))


def test_every_place_is_equally_likely() -> None:
    """Of the first item, in a buffer that holds all: chi-squared, 19 degrees of freedom."""
    random = Random(11)
    places = Counter(list(shuffled(range(20), 20, random)).index(0) for _ in range(4000))
    expected = 4000 / 20
    assert sum((places[n] - expected) ** 2 / expected for n in range(20)) < 43.8  # p = 0.001
