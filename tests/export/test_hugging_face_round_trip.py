"""To ``datasets`` and back: importing what ``to_hf`` gives, and exporting that, changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest
from hypothesis import assume, given, settings

import atdata
from atdata.engines.local import LocalEngine
from atdata.errors import SampleError, SchemaError
from atdata.samples.fields import fields_of
from samples.strategies import Case, cases

from .test_features import ROWS

DECLARED = [(annotation, values) for annotation, values, *_ in ROWS if annotation is not None]


@pytest.mark.parametrize(("annotation", "values"), DECLARED)
def test_each_kind_comes_back(annotation: Any, values: list[Any], tmp_path: Path) -> None:
    made = type("Made", (), {"__annotations__": {"x": annotation}})
    sample_type = atdata.packable(made)
    there_and_back([sample_type(value) for value in values], tmp_path)


@settings(max_examples=25)
@given(case=cases())
def test_any_class_comes_back(case: Case, tmp_path_factory: pytest.TempPathFactory) -> None:
    assume(fields_of(case.sample_type))
    folder = tmp_path_factory.mktemp("case")
    try:
        there_and_back(case.samples, folder)
    except (SampleError, SchemaError):
        return  # integers of 64 bits unsigned, or a class without fields


def there_and_back(samples: list[Any], folder: Path) -> None:
    first = atdata.write_shards(samples, folder / "first").to_hf()
    imported = atdata.import_dataset(first, folder / "second", engine=LocalEngine(1))
    (dataset,) = imported.splits.values()
    second = dataset.to_hf()
    assert second.features == first.features
    assert repr(stored(second)) == repr(stored(first))  # NaN is not equal to itself


def stored(dataset: datasets.Dataset) -> list[Any]:
    rows: list[Any] = dataset.with_format("arrow")[:].to_pylist()
    return rows
