from __future__ import annotations

import gc
import linecache
import traceback

import numpy as np
import pytest
from numpy.typing import NDArray

import atdata
from atdata.errors import SampleError
from atdata.samples import arrays
from atdata.samples.codec import codec_of


@atdata.packable
class Sample:
    features: NDArray
    label: int


def test_the_compiled_source_shows_in_a_traceback() -> None:
    with pytest.raises(SampleError) as caught:
        codec_of(Sample).encode(Sample(np.zeros(1), "one"))  # type: ignore[arg-type]
    text = "".join(traceback.format_exception(caught.value))
    assert "codec.fail_encode(1, sample, error)" in text
    assert "atdata codec" in text


def test_the_source_goes_with_the_class() -> None:
    def files() -> set[str]:
        return {file for file in linecache.cache if "Passing" in file}

    @atdata.packable
    class Passing:
        label: int

    codec_of(Passing)
    assert len(files()) == 1
    del Passing
    gc.collect()
    assert not files()


@pytest.mark.parametrize("count", [0, 15, 16, 17, 70])
def test_maps_of_any_length_are_written_and_read(count: int) -> None:
    annotations = {f"field_{number}": int for number in range(count)}
    sample_type = atdata.packable(type("Long", (), {"__annotations__": annotations}))
    sample = sample_type(*range(count))
    assert sample_type.from_bytes(sample.packed) == sample


@pytest.mark.parametrize("size", [0, 1, 100, 120, 200, 65_400, 65_500, 70_000])
def test_arrays_of_any_size_are_written_and_read(size: int) -> None:
    sample = Sample(np.arange(size, dtype="u1"), 1)
    assert Sample.from_bytes(sample.packed) == sample  # type: ignore[attr-defined]


def test_remembered_heads_depend_on_all_they_say() -> None:
    wide = [("f" * 60, "<f4"), ("g" * 60, "<f4")]
    wider = [("f" * 60, "<f4"), ("g" * 59 + "h", "<f4")]
    given = [
        np.zeros(4, "<f4"),
        np.zeros(4, ">f4"),
        np.zeros((2, 2), "<f4"),
        np.asfortranarray(np.arange(4, dtype="<f4").reshape(2, 2)),
        np.arange(8, dtype="<f4").reshape(4, 2)[::2],
        np.zeros(4, wide),
        np.zeros(4, wider),
        np.zeros(4, "M8[s]"),
    ]
    for array in given * 2:
        again = Sample.from_bytes(Sample(array, 1).packed).features  # type: ignore[attr-defined]
        assert (again.dtype, again.shape) == (array.dtype, array.shape)
        assert again.tobytes() == array.tobytes()


def test_a_remembered_head_does_not_hide_a_wrong_length() -> None:
    packed = arrays.to_npy(np.zeros(4))
    Sample.from_data({"features": packed, "label": 1})  # type: ignore[attr-defined]
    with pytest.raises(SampleError, match="bytes"):
        Sample.from_data({"features": packed[:-1], "label": 1})  # type: ignore[attr-defined]


def test_a_dtype_is_checked_each_time_it_is_new() -> None:
    @atdata.packable
    class Checked:
        features: NDArray[np.float32]

    good, bad = arrays.to_npy(np.zeros(4, "f4")), arrays.to_npy(np.zeros(4, "f8"))
    for _ in range(2):
        assert Checked.from_data({"features": good}).features.dtype == np.float32  # type: ignore[attr-defined]
        with pytest.raises(SampleError, match="float64"):
            Checked.from_data({"features": bad})  # type: ignore[attr-defined]
