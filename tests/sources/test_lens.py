from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import webdataset

import atdata
from atdata import Dataset, DictSample
from atdata.errors import EntryError, SampleError
from atdata.local import LocalDiskStore, LocalIndex
from atdata.sources.lens import LensSource
from atdata.testing import Thing, write_things


@atdata.packable
class Total:
    total: float


@atdata.lens
def total(thing: Thing) -> Total:
    if thing.number == 13:
        raise SampleError("thirteen")
    return Total(float(np.sum(thing.values)))


def test_samples_are_seen_as_another_type(tmp_path: Path) -> None:
    seen = write_things(tmp_path / "in", 6).as_type(Total)
    assert seen.sample_type is Total
    assert [one.total for one in seen] == [0.0, 3.0, 6.0, 9.0, 12.0, 15.0]
    assert sorted(one.total for one in seen.shuffled(seed=1)) == [3.0 * n for n in range(6)]
    assert [len(batch) for batch in seen.ordered(batch_size=4)] == [4, 2]
    assert seen.as_type(Total) is seen


def test_samples_of_no_type_are_seen_as_any(tmp_path: Path) -> None:
    plain = Dataset(write_things(tmp_path / "in", 3).list_shards())
    assert plain.sample_type is DictSample
    assert [thing.number for thing in plain.as_type(Thing)] == [0, 1, 2]


# Stock webdataset leaves its files to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_stock_readers_read_the_view(tmp_path: Path) -> None:
    things = write_things(tmp_path / "in", 3)
    source = LensSource(things.source, total)
    with source.open_shard(source.shard_list[0]) as stream:
        (tmp_path / "seen.tar").write_bytes(stream.read())
    stock = webdataset.WebDataset(str(tmp_path / "seen.tar"), shardshuffle=False)
    ours = [sample["__key__"] for sample in stock]
    theirs = webdataset.WebDataset(things.list_shards()[0], shardshuffle=False)
    assert ours == [sample["__key__"] for sample in theirs]


def test_a_view_is_never_indexed_as_its_bytes(tmp_path: Path) -> None:
    seen = write_things(tmp_path / "in", 3).as_type(Total)
    with LocalIndex(path=tmp_path / "a.db") as index, pytest.raises(EntryError):
        index.insert_dataset(seen, name="totals")
    with LocalIndex(path=tmp_path / "a.db", data_store=LocalDiskStore(tmp_path / "s")) as index:
        entry = index.insert_dataset(seen, name="totals")
    assert [one.total for one in Dataset[Total](entry.data_urls)] == [0.0, 3.0, 6.0]


def test_a_getter_that_refuses_names_the_place(tmp_path: Path) -> None:
    seen = write_things(tmp_path / "in", 14).as_type(Total)
    with pytest.raises(SampleError, match="thirteen") as caught:
        list(seen)
    assert caught.value.shard.endswith("000003.tar")
    assert caught.value.member == "000000013.msgpack"
