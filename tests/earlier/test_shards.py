"""Shards that the earlier implementation wrote are read as they are."""

from __future__ import annotations

import tarfile
from dataclasses import make_dataclass
from pathlib import Path

from numpy.typing import NDArray

import atdata
from atdata import Dataset

from . import Reading, assert_equal, ours, shards
from .kinds import arrays, readings

Kinds = atdata.packable(make_dataclass("Kinds", [(name, NDArray) for name in arrays()]))


def test_every_kind_of_array_is_equal_with_a_type_and_without(folder: Path) -> None:
    (path,) = shards(folder, "kinds")
    (typed,) = Dataset[Kinds](path)
    assert_equal(vars(typed), arrays())
    (untyped,) = Dataset[atdata.DictSample](path)
    assert_equal(untyped.to_dict(), arrays())


def test_samples_are_equal_one_by_one_in_batches_and_by_number(folder: Path) -> None:
    (path,) = shards(folder, "readings")
    dataset = Dataset[Reading](path)
    assert_equal(*map(dict, (enumerate(map(vars, dataset)), enumerate(readings()))))
    (batch,) = dataset.ordered(batch_size=5)
    assert batch.label == [0, 1, 2, 3, 4]
    assert [len(one) for one in batch.values] == [1, 2, 3, 4, 5]
    assert_equal(vars(dataset[3]), readings()[3])


def test_bytes_stay_bytes_without_a_type(folder: Path) -> None:
    (path,) = shards(folder, "readings")
    for found, expected in zip(Dataset[atdata.DictSample](path), readings(), strict=True):
        assert_equal(found.to_dict(), expected)


def test_arrays_without_a_type_are_read_by_number_and_from_stock_readers(folder: Path) -> None:
    (path,) = shards(folder, "kinds")
    dataset = Dataset[atdata.DictSample](path)
    assert_equal(dataset[0].to_dict(), arrays())
    with tarfile.open(path) as tar:
        (member,) = tar.getmembers()
        file = tar.extractfile(member)
        assert file
        raw = {"__key__": member.name.partition(".")[0], "msgpack": file.read()}
    assert_equal(dataset.wrap(raw).to_dict(), arrays())
    (sample,) = dataset.wrap_batch({name: [value] for name, value in raw.items()}).samples
    assert_equal(sample.to_dict(), arrays())


def test_arrays_can_be_written_to_if_asked(folder: Path) -> None:
    (path,) = shards(folder, "kinds")
    (sample,) = Dataset[atdata.DictSample](path).ordered(writable=True)
    assert all(array.flags.writeable for array in sample.values())


def test_the_earlier_implementation_reads_what_atdata_writes(tmp_path: Path) -> None:
    """``nox -s tests-earlier`` reads these bytes with it."""
    written = {
        "kinds.tar": atdata.write_shards([Kinds(**arrays())], tmp_path / "kinds"),
        "readings.tar": atdata.write_shards(
            [Reading(**one) for one in readings()], tmp_path / "readings"
        ),
    }
    found = {name: Path(one.shard_list[0]).read_bytes() for name, one in written.items()}
    assert found == ours()
