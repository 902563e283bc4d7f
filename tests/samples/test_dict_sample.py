from __future__ import annotations

import copy
import pickle

import msgpack
import numpy as np
import pytest
from hypothesis import given

import atdata
from atdata.errors import SampleError
from atdata.samples.arrays import to_npy

from .strategies import Case, cases


def test_fields_are_attributes_and_items() -> None:
    sample = atdata.DictSample({"label": 1}, name="a")
    assert (sample.label, sample["name"], sample.get("more", 2)) == (1, "a", 2)
    assert list(sample) == list(sample.keys()) == ["label", "name"]
    assert list(sample.values()) == [1, "a"]
    assert dict(sample.items()) == sample.to_dict() == {"label": 1, "name": "a"}
    assert "label" in sample
    assert len(sample) == 2
    assert repr(sample) == "DictSample(label=1, name='a')"


def test_fields_can_be_set_by_attribute_and_by_item() -> None:
    sample = atdata.DictSample(label=1)
    sample.label = 2
    sample["name"] = "a"
    sample.label += 1
    assert sample.to_dict() == {"label": 3, "name": "a"}
    assert atdata.DictSample.from_bytes(sample.packed) == sample


def test_a_missing_attribute_names_the_fields_there_are() -> None:
    with pytest.raises(AttributeError, match=r"'other'.*label, name"):
        _ = atdata.DictSample(label=1, name="a").other
    with pytest.raises(AttributeError, match="none"):
        _ = atdata.DictSample().other
    with pytest.raises(KeyError):
        atdata.DictSample()["other"]


def test_names_of_methods_are_reached_by_item() -> None:
    sample = atdata.DictSample({"keys": 1, "packed": 2})
    assert (sample["keys"], sample["packed"]) == (1, 2)
    assert callable(sample.keys)


def test_a_sample_survives_its_bytes() -> None:
    sample = atdata.DictSample(a=np.arange(3), b=[np.ones(2), {"c": None}], d=b"bytes")
    again = atdata.DictSample.from_bytes(sample.packed)
    assert again == sample
    assert again != atdata.DictSample(a=np.arange(3))
    assert not again.a.flags.writeable
    assert sample.as_wds["msgpack"] == sample.packed


def test_from_data_reads_arrays_in_their_bytes() -> None:
    assert atdata.DictSample.from_data({"a": to_npy(np.arange(3))}).a.tolist() == [0, 1, 2]


@given(cases(nested=False))
def test_samples_of_any_type_are_read_and_written_alike(case: Case) -> None:
    for sample in case.samples:
        assert atdata.DictSample.from_bytes(sample.packed).packed == sample.packed


@pytest.mark.parametrize(
    ("value", "place"),
    [(object(), "a"), ({1: 2}, "a"), ([1, {2}], "a[1]"), (2**64, "a"), (np.array([None]), "a")],
)
def test_what_is_no_plain_data_is_refused(value: object, place: str) -> None:
    with pytest.raises(SampleError) as caught:
        _ = atdata.DictSample(a=value).packed
    assert caught.value.path == place


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(SampleError, match="surrogates"):
        _ = atdata.DictSample(a="\ud800").packed


def test_unsound_arrays_are_refused() -> None:
    packed = msgpack.packb({"a": to_npy(np.arange(3))[:-1]})
    with pytest.raises(SampleError, match="bytes"):
        atdata.DictSample.from_bytes(packed)


def test_it_can_be_copied_and_pickled() -> None:
    sample = atdata.DictSample(a=np.arange(3))
    assert copy.copy(sample) == sample
    assert copy.deepcopy(sample) == sample
    assert pickle.loads(pickle.dumps(sample)) == sample
