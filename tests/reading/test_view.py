"""Views: their length and form, batches of them, and what refuses to be done with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atdata import Dataset, DictSample, SampleBatch, write_shards
from atdata.errors import RandomAccessError, SchemaError
from atdata.testing.samples import Thing, things, write_things


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Dataset[Thing]:
    """Seven shards of 50 samples, whose numbers are known."""
    return write_shards(things(50), tmp_path_factory.mktemp("built") / "a", maxcount=8)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Dataset[Thing]:
    """The same without files that report the numbers."""
    return write_things(tmp_path_factory.mktemp("bare"), 50, maxcount=8)


def numbers(view: Any) -> list[int]:
    return [one.number for one in view]


def test_a_length_is_the_number_of_items_of_a_pass(built: Dataset[Thing]) -> None:
    for view in (
        built.ordered(),
        built.shuffled(seed=1),
        built.shuffled(),
        built.ordered(8),
        built.ordered(8, drop_last=True),
        built.shuffled(batch_size=7, seed=1),
        built.batch(50),
        built.take(3),
        built.take(99),
        built.skip(3),
        built.skip(99),
        built.map(str),
        built["number"],
        built.select([3, 1, 3]),
        built.ordered().skip(5).take(20).batch(6),
        built.split(1, 3).shuffled(seed=4),
        built.split(1, 3, uneven="pad").ordered(5),
        built.split(1, 3, uneven="drop").shuffled(seed=2),
    ):
        assert len(view) == len(list(view)) == sum(1 for _ in view)


def test_the_length_of_a_shuffled_share_is_that_of_its_epoch(tmp_path: Path) -> None:
    dataset = write_shards(things(50), tmp_path / "a", maxcount=14)  # the last shard has 8
    view = dataset.split(0, 2).shuffled(seed=3)
    lengths = set()
    for epoch in range(8):
        view.set_epoch(epoch)
        assert len(view) == len(list(view))
        lengths.add(len(view))
    assert lengths == {22, 28}


def test_without_a_known_number_a_length_is_a_type_error(
    built: Dataset[Thing], bare: Dataset[Thing]
) -> None:
    for view in (bare.ordered(), bare.shuffled(batch_size=2), bare.take(3), built.filter(str)):
        with pytest.raises(TypeError, match="not known") as caught:
            len(view)
        assert isinstance(caught.value, RandomAccessError)
        assert caught.value.hint is not None
        assert view
        assert list(view)
    with pytest.raises(TypeError, match=r"Count the items of a pass"):
        len(built.filter(str))


def test_an_index_that_does_not_fit_keeps_no_list_from_being_made(tmp_path: Path) -> None:
    dataset = write_shards(things(20), tmp_path / "a")
    (tmp_path / "a" / "dataset.json").unlink()
    (tmp_path / "a" / "000000.idx").write_bytes(b"v1.2 19\n")
    with pytest.raises(TypeError, match="index does not fit"):
        len(dataset.ordered())
    assert list(dataset.ordered()) == things(20)


def test_a_view_shows_how_it_was_made(built: Dataset[Thing]) -> None:
    def is_even(one: Thing) -> bool:
        return one.number % 2 == 0

    assert repr(built.ordered()) == "<View Dataset[Thing].ordered()>"
    assert repr(built.ordered(32, writable=True)) == (
        "<View Dataset[Thing].ordered(writable=True).batch(32)>"
    )
    assert repr(built.shuffled(buffer_samples=9, seed=3).filter(is_even).skip(1)) == (
        "<View Dataset[Thing].shuffled(buffer_samples=9, seed=3).filter(is_even).skip(1)>"
    )
    assert repr(built.batch(4, drop_last=True)).endswith(".batch(4, drop_last=True)>")
    assert repr(built["number"]).endswith(".ordered().map(operator.attrgetter('number'))>")
    assert repr(built.select([1, 2])) == "<View Dataset[Thing].select(2 indices)>"


def test_batches_of_a_view_are_its_items_in_order(built: Dataset[Thing]) -> None:
    for view in (
        built.ordered(),
        built.shuffled(seed=2),
        built.filter(lambda one: one.number % 3),
        built.skip(11).take(30),
    ):
        batches = list(view.batch(7))
        assert [n for batch in batches for n in batch.number] == numbers(view)
        assert {len(batch) for batch in batches[:-1]} == {7}
        assert {batch.sample_type for batch in batches} == {Thing}
        whole = len(numbers(view)) // 7
        assert [len(batch) for batch in view.batch(7, drop_last=True)] == [7] * whole


def test_batches_of_a_resumed_view_begin_where_it_does(built: Dataset[Thing]) -> None:
    for make in (built.ordered, lambda: built.shuffled(seed=2)):
        view = make()
        read = [one.number for one, _ in zip(view, range(12), strict=False)]
        resumed = make()
        resumed.load_state_dict({**view.state_dict(), "delivered": 12})
        rest = [n for batch in resumed.batch(5) for n in batch.number]
        assert read + rest == numbers(make())


@pytest.mark.parametrize("size", [0, -1, 2.5, "4"])
def test_a_batch_size_is_a_whole_number(built: Dataset[Thing], size: Any) -> None:
    for make in (built.batch, built.take(3).batch, built.ordered):
        with pytest.raises(ValueError, match="batch_size must be a whole number, at least 1"):
            make(size)


def test_batches_are_not_batched_again(built: Dataset[Thing]) -> None:
    with pytest.raises(ValueError, match="consists of batches already"):
        list(built.ordered(8).batch(2))


@pytest.mark.parametrize("count", [-1, 1.5, None])
def test_numbers_of_items_are_checked_where_they_are_given(
    built: Dataset[Thing], count: Any
) -> None:
    for make in (built.take, built.skip, built.ordered().take, built.ordered().skip):
        with pytest.raises(ValueError, match="count must be a whole number, at least 0"):
            make(count)


def test_items_by_number_are_asked_of_the_dataset(built: Dataset[Thing]) -> None:
    with pytest.raises(TypeError, match=r"Use dataset\[3\]"):
        built.ordered()[0]  # type: ignore[index]


def test_what_only_datasets_have_is_written_before_the_view(built: Dataset[Thing]) -> None:
    for name in ("ordered", "shuffled", "as_type", "to_torch"):
        with pytest.raises(AttributeError, match=r"dataset\.shuffled\(…\)\.filter\(…\), not"):
            getattr(built.filter(bool), name)
    with pytest.raises(AttributeError, match=r"a view has no 'nothing'$"):
        built.ordered().nothing  # type: ignore[attr-defined]  # noqa: B018


def test_a_field_name_gives_a_view_of_its_values(built: Dataset[Thing]) -> None:
    assert list(built["number"]) == list(range(50))
    assert np.array_equal(np.asarray(built["number"]), np.arange(50))
    assert [one.tolist() for one in built["values"].take(2)] == [[0, 0, 0], [1, 1, 1]]
    untyped = Dataset[DictSample](built.list_shards())
    assert list(untyped["number"].skip(48)) == [48, 49]
    with pytest.raises(SchemaError, match="no field 'nothing'"):
        built["nothing"]


def test_items_of_any_kind_are_batched(built: Dataset[Thing]) -> None:
    batches = list(built["number"].batch(20))
    assert [list(batch) for batch in batches] == [
        list(range(20)),
        list(range(20, 40)),
        list(range(40, 50)),
    ]
    assert all(isinstance(batch, SampleBatch) for batch in batches)
