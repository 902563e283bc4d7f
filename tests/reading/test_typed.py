from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args, get_origin

import pytest

from atdata import Dataset, DictSample, SampleBatch
from atdata.errors import SchemaError
from atdata.reading.typed import TypedDataset, checked_type
from atdata.testing.samples import Thing, write_things


@pytest.fixture
def names(tmp_path: Path) -> list[str]:
    return write_things(tmp_path / "data", 10).list_shards()


def test_without_a_type_samples_are_dict_samples(names: list[str]) -> None:
    dataset: Dataset[DictSample] = Dataset(names)
    sample = next(iter(dataset))
    assert isinstance(sample, DictSample)
    assert sample.number == sample["number"] == 0
    assert dataset.sample_type is DictSample


def test_the_type_may_be_a_variable(names: list[str]) -> None:
    chosen: Any = Thing
    dataset = Dataset[chosen](names)
    assert dataset.sample_type is Thing
    assert isinstance(next(iter(dataset)), Thing)
    assert repr(dataset).startswith("Dataset[Thing](URLSource(")


def test_batches_have_the_type_too(names: list[str]) -> None:
    dataset = Dataset[Thing](names)
    assert get_origin(dataset.batch_type) is SampleBatch
    assert get_args(dataset.batch_type) == (Thing,)
    for view in (dataset.ordered(batch_size=3), dataset.shuffled(batch_size=3)):
        assert next(iter(view)).sample_type is Thing


@pytest.mark.parametrize("wrong", [int, str, None, 3, "Thing", list[int]])
def test_other_types_are_refused_when_a_dataset_is_made(wrong: Any) -> None:
    kind = Dataset[wrong]  # in an annotation, say, it does no harm
    with pytest.raises(SchemaError, match="is not a sample type"):
        kind("a.tar")
    with pytest.raises(SchemaError, match="is not a sample type"):
        checked_type(wrong)


def test_a_subclass_keeps_its_type(names: list[str]) -> None:
    class Things(Dataset[Thing]):
        def total(self) -> int:
            return sum(thing.number for thing in self)

    assert Things(names).sample_type is Thing
    assert Things(names).total() == 45
    assert isinstance(Things(names).split(0, 2), Things)
    with pytest.raises(SchemaError):

        class Wrong(Dataset[int]):
            pass


def test_a_generic_subclass_is_given_its_type(names: list[str]) -> None:
    kind = TypeVar("kind")

    class Loud(Dataset[kind], Generic[kind]):
        pass

    dataset = Loud[Thing](names)
    assert isinstance(dataset, Loud)
    assert dataset.sample_type is Thing
    assert Loud(names).sample_type is DictSample


def test_the_type_is_known_while_a_dataset_is_made(names: list[str]) -> None:
    class Checking(Dataset[DictSample]):
        def __init__(self, source: Any) -> None:
            self.seen = self.sample_type
            super().__init__(source)

    assert TypedDataset(Checking, Thing)(names).seen is Thing


def test_annotations_with_the_type_are_what_they_look_like() -> None:
    assert get_origin(Dataset[Thing]) is Dataset
    assert get_args(Dataset[Thing]) == (Thing,)
    assert Dataset[Thing] == Dataset[Thing]
    assert get_args(Dataset[Thing] | None) == (Dataset[Thing], type(None))


def test_copies_have_the_same_type(names: list[str]) -> None:
    dataset = Dataset[Thing](names)
    for other in (copy.copy(dataset), copy.deepcopy(dataset), pickle.loads(pickle.dumps(dataset))):
        assert other.sample_type is Thing
        assert [thing.number for thing in other] == list(range(10))
