from __future__ import annotations

import copy

import numpy as np
import pytest
from numpy.typing import NDArray

import atdata


@atdata.packable
class Sample:
    features: NDArray
    label: int
    mask: NDArray | None = None


def batch(count: int = 4) -> atdata.SampleBatch[Sample]:
    return atdata.SampleBatch[Sample]([Sample(np.full((2, 3), i), i) for i in range(count)])


def test_arrays_are_stacked_and_the_rest_is_listed() -> None:
    assert batch().features.shape == (4, 2, 3)
    assert batch().features[2].tolist() == [[2, 2, 2]] * 2
    assert batch().label == [0, 1, 2, 3]
    assert batch().mask == [None] * 4


def test_columns_are_made_once_and_can_be_written_into() -> None:
    one = batch()
    assert one.features is one.features
    one.features[0] = 7
    assert one.samples[0].features[0, 0] == 0


@pytest.mark.parametrize(
    "other", [np.zeros(3), np.zeros((2, 3), "f4"), None], ids=["shape", "dtype", "none"]
)
def test_arrays_that_differ_stay_a_list(other: NDArray | None) -> None:
    ragged = atdata.SampleBatch([Sample(np.zeros((2, 3)), 0), Sample(other, 1)])  # type: ignore[arg-type]
    assert ragged.features[1] is other


def test_the_type_is_the_declared_one_or_that_of_the_samples() -> None:
    assert batch().sample_type is Sample
    assert atdata.SampleBatch([Sample(np.zeros(1), 1)]).sample_type is Sample
    assert repr(batch()) == "SampleBatch[Sample] of 4 samples"


def test_a_batch_is_a_sequence_of_its_samples() -> None:
    one = batch()
    assert len(one) == 4
    assert [sample.label for sample in one] == [0, 1, 2, 3]
    assert one[1].label == 1
    assert [sample.label for sample in one[1:3]] == [1, 2]


def test_untyped_samples_have_columns_too() -> None:
    untyped = atdata.SampleBatch([atdata.DictSample(samples=i, x=np.zeros(2)) for i in range(3)])
    assert untyped.x.shape == (3, 2)
    assert untyped.column("samples") == [0, 1, 2]


def test_a_field_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = batch().nothing


def test_batches_can_be_copied() -> None:
    assert copy.copy(batch()).features.shape == (4, 2, 3)


def test_fortran_order_arrays_are_stacked_by_their_elements() -> None:
    arrays = [np.asfortranarray(np.arange(6).reshape(2, 3)) for _ in range(2)]
    column = atdata.SampleBatch([Sample(array, 0) for array in arrays]).features
    assert column[1].tolist() == [[0, 1, 2], [3, 4, 5]]
