from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atdata import Dataset
from atdata.reading.decode import Decoder
from atdata.reading.passes import Pass
from atdata.reading.shuffle import shuffled_samples
from atdata.reading.walk import ShardWalk
from atdata.sources.adapt import AdaptedSource
from atdata.sources.url import URLSource
from atdata.testing.samples import Thing, write_things


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Nine shards of seven samples, numbered from 0; the last one has four."""
    return write_things(tmp_path_factory.mktemp("things"), 60, maxcount=7).list_shards()


def numbers(
    names: list[str], seed: int, buffers: tuple[int, int], share: tuple[int, int] | None = None
) -> list[int]:
    walk = ShardWalk(AdaptedSource(URLSource(names)))
    if share is not None:
        walk = walk.split(*share, "exact")
    one = Pass(seed, "raise")
    samples = shuffled_samples(walk, Decoder(Thing, one), one, *buffers)
    return [sample.number for sample in samples]


@settings(max_examples=50)
@given(st.integers(), st.integers(0, 12), st.integers(0, 100))
def test_each_sample_comes_once_and_a_seed_says_when(
    names: list[str], seed: int, buffer_shards: int, buffer_samples: int
) -> None:
    buffers = (buffer_shards, buffer_samples)
    found = numbers(names, seed, buffers)
    assert sorted(found) == list(range(60))
    assert found == numbers(names, seed, buffers)


@settings(max_examples=25)
@given(st.integers(), st.integers(1, 9), st.integers(0, 30))
def test_shares_give_each_sample_once(
    names: list[str], seed: int, parts: int, buffer_samples: int
) -> None:
    found = [
        number
        for part in range(parts)
        for number in numbers(names, seed, (100, buffer_samples), (part, parts))
    ]
    assert sorted(found) == list(range(60))


@settings(max_examples=25)
@given(st.integers(), st.integers(2, 30))
def test_a_sample_leaves_no_earlier_than_its_buffer_holds_it(
    names: list[str], seed: int, buffer: int
) -> None:
    """At any time the next one is among the first so many of those that are left."""
    found = numbers(names, seed, (0, buffer))
    for place, number in enumerate(found):
        assert number < place + buffer


def test_without_buffers_the_order_is_kept(names: list[str]) -> None:
    assert numbers(names, 1, (0, 0)) == list(range(60))
    assert numbers(names, 1, (0, 1)) == list(range(60))


def test_shares_are_shuffled_differently(tmp_path: Path) -> None:
    """Two workers with as many samples each: the second does not repeat the first's order."""
    names = write_things(tmp_path, 40, maxcount=20).list_shards()
    orders = [numbers(names, 5, (0, 100), (part, 2)) for part in range(2)]
    assert [number % 20 for number in orders[0]] != [number % 20 for number in orders[1]]


@settings(max_examples=25)
@given(st.integers(), st.integers(0, 12), st.integers(0, 100))
def test_the_order_is_the_same_for_every_class(
    names: list[str], seed: int, buffer_shards: int, buffer_samples: int
) -> None:
    """However its samples are read: as columns, or one by one."""
    buffers = (buffer_shards, buffer_samples)
    plain = Dataset(names).shuffled(*buffers, seed=seed)
    projected = Dataset[Thing](names).project("number").shuffled(*buffers, seed=seed)
    orders = [[sample.number for sample in view] for view in (plain, projected)]
    assert orders == [numbers(names, seed, buffers)] * 2


def test_many_shards_are_shuffled_as_few_are(tmp_path: Path) -> None:
    dataset = write_things(tmp_path, 150, maxcount=1)
    assert len(dataset.list_shards()) == 150
    found = [thing.number for thing in Dataset[Thing](dataset.source).shuffled(seed=4)]
    assert sorted(found) == list(range(150))
    assert found != sorted(found)
