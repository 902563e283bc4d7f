"""A thousand generated classes, through shards of ours and of stock webdataset."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset
from hypothesis import given, settings

from atdata import Dataset
from atdata.shards.writer import ShardWriter

from .strategies import Case, cases


def check_same(one: Any, other: Any) -> None:
    assert one.packed == other.packed
    for name, value in vars(one).items():
        if isinstance(value, np.ndarray):
            kept = getattr(other, name)
            assert (kept.dtype, kept.shape) == (value.dtype, value.shape)
            assert kept.tobytes() == value.tobytes()


# Stock webdataset leaves its files to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@settings(max_examples=1000)
@given(cases())
def test_samples_survive_shards_of_ours_and_of_webdataset(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "ours.tar"), Path(folder, "theirs.tar")
        with ShardWriter(ours) as writer, webdataset.TarWriter(str(theirs)) as stock:
            for number, sample in enumerate(case.samples):
                writer.write(f"{number:09d}", sample.packed)
                stock.write({**sample.as_wds, "__key__": f"{number:09d}"})
        for path in (ours, theirs):
            read = list(Dataset[case.sample_type](str(path)).ordered())  # type: ignore[name-defined]
            stock_read = webdataset.WebDataset(str(path), shardshuffle=False)
            again = [case.sample_type.from_bytes(one["msgpack"]) for one in stock_read]
            assert len(read) == len(again) == len(case.samples)
            for sample, first, second in zip(case.samples, read, again, strict=True):
                check_same(sample, first)
                check_same(sample, second)
