from __future__ import annotations

import json
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from sklearn.datasets import load_digits

import atdata.importing.zarr as zarr_format
from atdata.errors import AtdataError, SampleError, SchemaError
from importing.tables import Trap, rows_of, samples_of


@pytest.mark.parametrize("version", [2, 3])
def test_digits_come_back_equal(tmp_path: Path, version: int) -> None:
    digits = load_digits()
    group = zarr.open_group(tmp_path / "digits.zarr", mode="w", zarr_format=version)
    group.create_array("images", data=digits.images, chunks=(100, 8, 4))
    group.create_array("target", data=digits.target, chunks=(300,))
    samples = samples_of(zarr_format.read(tmp_path / "digits.zarr"))
    assert np.array_equal([sample.images for sample in samples], digits.images)
    assert [sample.target for sample in samples] == digits.target.tolist()


def test_zip_files_are_read(tmp_path: Path) -> None:
    with zarr.storage.ZipStore(tmp_path / "a.zarr.zip", mode="w") as store:
        zarr.open_group(store, mode="w").create_array("x", data=np.arange(10), chunks=(3,))
    table = zarr_format.read(tmp_path / "a.zarr.zip")
    assert [row for (row,) in rows_of(table)] == list(range(10))


def test_shards_texts_and_nested_groups_are_read(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("x", data=np.arange(20.0).reshape(10, 2), chunks=(2, 2), shards=(4, 2))
    group.create_array("name", shape=(10,), dtype=str)[:] = np.array(["ä"] * 10, object)
    inner = group.create_group("inner").create_array("y", data=np.arange(10, dtype="i1"))
    inner.attrs["long_name"] = "a number"
    table = zarr_format.read(tmp_path / "a.zarr")
    last = samples_of(table)[-1]
    assert (last.inner.y, last.name, last.x.tolist()) == (9, "ä", [18, 19])


def test_array_alone_is_one_column(tmp_path: Path) -> None:
    zarr.save_array(tmp_path / "a.zarr", np.arange(6).reshape(3, 2))
    table = zarr_format.read(tmp_path / "a.zarr")
    assert [column.name for column in table.columns] == ["data"]
    assert [row.tolist() for (row,) in rows_of(table)] == [[0, 1], [2, 3], [4, 5]]


def changed(tmp_path: Path, **changes: Any) -> Path:
    """A group of format 2 with one array, whose metadata is changed."""
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("x", data=np.arange(10.0), chunks=(10,), compressors=None)
    place = tmp_path / "a.zarr" / "x" / ".zarray"
    place.write_text(json.dumps(json.loads(place.read_text()) | changes))
    return tmp_path / "a.zarr"


@pytest.mark.parametrize(
    "changes",
    [
        {"dtype": "|O", "filters": [{"id": "pickle"}], "fill_value": None},
        {"filters": [{"id": "pickle"}]},
        {"compressor": {"id": "pickle"}},
    ],
)
def test_pickles_are_refused_and_not_loaded(tmp_path: Path, changes: Any) -> None:
    path = changed(tmp_path, **changes)
    (path / "x" / "0").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(AtdataError, match="pickle"):
        zarr_format.read(path)


def test_absurd_shapes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="by their shapes"):
        zarr_format.read(changed(tmp_path, shape=[10**15]))


def test_absurd_chunks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="chunks of more than"):
        zarr_format.read(changed(tmp_path, chunks=[2**40]))


def test_zip_that_claims_more_than_it_can_hold_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zarr.zip", "w") as archive:
        archive.writestr("zarr.json", "{}")
    data = (tmp_path / "a.zarr.zip").read_bytes()
    claimed = (2).to_bytes(4, "little") * 2
    changed = data.replace(claimed, claimed[:4] + (2**32 - 2).to_bytes(4, "little"))
    (tmp_path / "a.zarr.zip").write_bytes(changed)
    with pytest.raises(SchemaError, match="are stored"):
        zarr_format.read(tmp_path / "a.zarr.zip")


def test_damaged_chunk_names_its_column(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("x", data=np.random.default_rng(0).random(100), chunks=(100,))
    (chunk,) = (tmp_path / "a.zarr" / "x" / "c").iterdir()
    chunk.write_bytes(b"damaged")
    with pytest.raises(SampleError, match="column 'x'"):
        rows_of(zarr_format.read(tmp_path / "a.zarr"))


def test_accepts_zarr_only(tmp_path: Path) -> None:
    zarr.save_array(tmp_path / "a.zarr", np.arange(6))
    assert zarr_format.accepts(tmp_path / "a.zarr")
    shutil.rmtree(tmp_path / "a.zarr")
    assert not zarr_format.accepts(tmp_path)
    assert not zarr_format.accepts(Path("a.npz"))
