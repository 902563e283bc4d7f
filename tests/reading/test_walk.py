from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from atdata.errors import StorageError
from atdata.reading.order import Uneven
from atdata.reading.passes import Pass
from atdata.reading.walk import ShardWalk
from atdata.sources.adapt import AdaptedSource
from atdata.testing.samples import write_things


class Names:
    """A source that has names of shards only."""

    def __init__(self, count: int) -> None:
        self.shard_list = [f"{number}.tar" for number in range(count)]

    def shards(self) -> Iterator[tuple[str, IO[bytes]]]:
        raise StorageError("no bytes were asked for")


def walk(count: int) -> ShardWalk:
    return ShardWalk(AdaptedSource(Names(count)))


def order(seed: int, epoch: int = 0) -> Pass:
    chosen = Pass(seed, "raise")
    chosen.epoch = epoch
    return chosen


COUNTS = st.integers(1, 6).flatmap(lambda parts: st.tuples(st.just(parts), st.integers(parts, 30)))


@given(COUNTS, st.integers(), st.integers(0, 5), st.integers(0, 40))
def test_shares_are_disjoint_and_all_of_it_in_every_order(
    counts: tuple[int, int], seed: int, epoch: int, buffer: int
) -> None:
    parts, count = counts
    shares = [walk(count).split(part, parts, "exact") for part in range(parts)]
    everything = sorted(walk(count).names())
    assert sorted(name for one in shares for name in one.names()) == everything
    mixed = [one.mixed(buffer, order(seed, epoch)).names for one in shares]
    assert sorted(name for names in mixed for name in names) == everything
    assert mixed == [one.mixed(buffer, order(seed, epoch)).names for one in shares]


@given(COUNTS, st.integers())
def test_padded_shares_are_equally_long_and_leave_nothing_out(
    counts: tuple[int, int], seed: int
) -> None:
    parts, count = counts
    shares = [walk(count).split(part, parts, "pad") for part in range(parts)]
    for names in (
        [one.names() for one in shares],
        [one.mixed(9, order(seed)).names for one in shares],
    ):
        assert {len(one) for one in names} == {-(-count // parts)}
        assert {name for one in names for name in one} == set(walk(count).names())


@given(COUNTS, st.integers())
def test_dropping_makes_shares_equal_and_repeats_nothing(
    counts: tuple[int, int], seed: int
) -> None:
    parts, count = counts
    shares = [walk(count).split(part, parts, "drop") for part in range(parts)]
    names = [one.mixed(9, order(seed)).names for one in shares]
    assert {len(one) for one in names} == {count // parts}
    assert len({name for one in names for name in one}) == count // parts * parts


@pytest.mark.parametrize("uneven", ["exact", "drop"])
def test_a_share_that_would_be_empty_is_an_error(uneven: Uneven) -> None:
    with pytest.raises(ValueError, match="share 3 of 4 would be empty: there are too few shards"):
        walk(3).split(3, 4, uneven)


def test_with_too_few_shards_padding_repeats_them() -> None:
    assert [walk(1).split(part, 3, "pad").names() for part in range(3)] == [["0.tar"]] * 3


@pytest.mark.parametrize(("part", "parts"), [(-1, 2), (2, 2), (0, 0)])
def test_there_must_be_such_a_share(part: int, parts: int) -> None:
    with pytest.raises(ValueError, match="count from 0"):
        walk(3).split(part, parts, "exact")
    with pytest.raises(ValueError, match="uneven is"):
        walk(3).split(0, 2, "some")  # type: ignore[arg-type]


def test_shares_are_split_again_into_those_of_workers() -> None:
    found = []
    for rank in range(2):
        mine = walk(12).split(rank, 2, "exact")
        for worker in range(3):
            part = mine.split(worker, 3, "exact")
            assert part.parts == [rank, worker]
            assert set(part.names()) <= set(mine.names())
            found += part.names()
    assert sorted(found) == sorted(walk(12).names())
    assert walk(3).parts == []


def test_the_same_share_is_taken_of_another_source() -> None:
    mine = walk(10).split(1, 3, "exact").over(AdaptedSource(Names(6)))
    assert mine.names() == ["1.tar", "4.tar"]


def test_an_epoch_has_an_order_of_its_own() -> None:
    orders = [tuple(walk(30).mixed(100, order(1, epoch)).names) for epoch in range(4)]
    assert len(set(orders)) == 4
    assert walk(30).mixed(0, order(1)).names == walk(30).names()


class Counted(Names):
    """The same, with known numbers of samples."""

    def __init__(self, counts: list[int]) -> None:
        super().__init__(len(counts))
        self._counts = dict(zip(self.shard_list, counts, strict=True))

    def known_samples(self, shard_id: str) -> int:
        return self._counts[shard_id]


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=12),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from(["pad", "drop"]),
    st.integers(),
)
def test_ranks_and_their_workers_read_equally_many_samples(
    counts: list[int], ranks: int, workers: int, uneven: Uneven, seed: int
) -> None:
    whole = ShardWalk(AdaptedSource(Counted(counts)))
    shares = -(-len(counts) // ranks) if uneven == "pad" else len(counts) // ranks
    assume(shares >= workers)
    for worker in range(workers):
        walks = [
            whole.split(rank, ranks, uneven).split(worker, workers, "exact")
            for rank in range(ranks)
        ]
        for found in (
            [one.ordered() for one in walks],
            [one.mixed(5, order(seed)) for one in walks],
        ):
            there = [sum(counts[int(name[:-4])] for name in one.names) for one in found]
            limit = max(there) if uneven == "pad" else min(there)
            assert {one.samples for one in found} == {limit}


def test_an_exact_share_reads_each_sample_once() -> None:
    assert ShardWalk(AdaptedSource(Counted([3, 4]))).split(0, 2, "exact").ordered().samples is None


PEAK = """
import pathlib, sys, atdata
from atdata.testing.samples import Thing
paths = sorted(map(str, pathlib.Path(sys.argv[1]).glob("*.tar")))
ds = atdata.Dataset[Thing](paths * int(sys.argv[2]))
assert sum(len(batch.values) for batch in ds.ordered(batch_size=32)) == 4000 * int(sys.argv[2])
status = pathlib.Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def test_a_pass_over_ten_times_the_data_takes_no_more_memory(tmp_path: Path) -> None:
    """The peak of all resident memory, mapped files included, in kB."""
    write_things(tmp_path, 4000, maxcount=1000)

    def peak(times: int) -> int:
        command = [sys.executable, "-c", PEAK, str(tmp_path), str(times)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert peak(30) < 1.1 * peak(3)
