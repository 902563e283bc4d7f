"""Keys of a dataset, in any order and number."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from atdata.lifecycle.checks import keys
from atdata.lifecycle.checks.keys import KeySet


def key_set(numbers: Iterable[int]) -> KeySet:
    found = KeySet()
    assert all(found.add(f"{number:08d}") is None for number in numbers)
    return found


def runs_in(found: KeySet) -> int:
    return sum(len(runs.starts) for numbers in found.numbers.values() for runs in numbers.lists)


class Counted(list[int]):
    """A list that counts the numbers that are appended, or moved by an insertion."""

    steps = 0

    def append(self, number: int) -> None:
        Counted.steps += 1
        super().append(number)

    def __setitem__(self, place: Any, value: Any) -> None:
        Counted.steps += len(self) - place.start if isinstance(place, slice) else 1
        super().__setitem__(place, value)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counted]:
    """Sets of keys count their steps, and insert into lists of at most 16."""
    new = keys.Runs
    monkeypatch.setattr(keys, "Runs", lambda: new(Counted(), Counted()))
    monkeypatch.setattr(keys, "_SHORT", 16)
    monkeypatch.setattr(Counted, "steps", 0)
    return Counted


MANY = 30_000
ORDERS = {
    "ascending": range(0, MANY, 3),
    "descending": range(MANY, 0, -3),
    "shuffled": Random(0).sample(range(0, MANY, 3), MANY // 3),
}


@pytest.mark.parametrize("order", ORDERS)
def test_steps_for_many_keys_with_gaps_do_not_grow_with_the_square(
    order: str, counted: type[Counted]
) -> None:
    numbers = ORDERS[order]
    assert runs_in(key_set(numbers)) == len(numbers)
    assert counted.steps < 100 * len(numbers)


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_steps_for_many_shards_do_not_grow_with_the_square(
    order: str, counted: type[Counted]
) -> None:
    merged, numbers = KeySet(), ORDERS[order]
    for start in range(0, len(numbers), 20):
        assert not merged.merge(key_set(numbers[start : start + 20]))
    assert runs_in(merged) == len(numbers)
    assert counted.steps < 100 * len(numbers)


@pytest.mark.parametrize("step", [1, -1])
def test_consecutive_keys_take_little_room_in_either_order(step: int) -> None:
    assert runs_in(key_set(range(50_000)[::step])) == 1


@pytest.mark.parametrize("seed", range(60))
def test_duplicates_are_found_in_any_order(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = Random(seed)
    monkeypatch.setattr(keys, "_SHORT", dice.choice([2, 4, 16, 512]))
    most = dice.choice([50, 500, 20_000])
    merged, earlier = KeySet(), set[int]()
    for _ in range(5):
        shard, own = KeySet(), set[int]()
        start, step = dice.randrange(most), dice.choice([1, -1, 2, -3, 7])
        for place in range(dice.randrange(400)):
            number = (start + place * step) % most if dice.random() < 0.9 else dice.randrange(most)
            assert shard.add(f"{number:08d}") == ("KEY_TWICE" if number in own else None)
            own.add(number)
        common = merged.merge(shard)
        for number in itertools.chain(own, earlier):
            expected = "KEY_TWICE" if number in own and number in earlier else None
            assert common.collision(f"{number:08d}") == expected
        earlier |= own
