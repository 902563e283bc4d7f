from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from sklearn.datasets import load_digits, load_sample_images

from atdata.errors import AtdataError, MissingExtra, SampleError, SchemaError
from atdata.importing import hdf5
from importing.tables import annotations_of, rows_of, samples_of


def test_digits_come_back_equal(tmp_path: Path) -> None:
    digits = load_digits()
    with h5py.File(tmp_path / "digits.h5", "w") as file:
        file.create_dataset("images", data=digits.images, chunks=(100, 8, 8), compression="gzip")
        file.create_dataset("target", data=digits.target)
    samples = samples_of(hdf5.read(tmp_path / "digits.h5"))
    assert np.array_equal([sample.images for sample in samples], digits.images)
    assert [sample.target for sample in samples] == digits.target.tolist()


def test_pictures_come_back_equal(tmp_path: Path) -> None:
    images = np.stack(load_sample_images().images)
    with h5py.File(tmp_path / "images.h5", "w") as file:
        file.create_dataset("images", data=images, chunks=(1, 64, 64, 3), compression="lzf")
    rows = rows_of(hdf5.read(tmp_path / "images.h5"))
    assert all(np.array_equal(row, image) for (row,), image in zip(rows, images, strict=True))


def test_types_of_hdf5_become_fields(tmp_path: Path) -> None:
    text, colour = h5py.string_dtype(), h5py.enum_dtype({"RED": 0, "BLUE": 3}, basetype="u1")
    compound = np.dtype([("name", text), ("size", "f4")])
    with h5py.File(tmp_path / "types.h5", "w") as file:
        file["flag"] = np.array([True, False])
        file.create_dataset("text", data=["a", "bü"], dtype=text)
        file.create_dataset("fixed", data=[b"ab", b"c"], dtype=h5py.string_dtype("utf-8", 4))
        file.create_dataset("words", data=[["a", "b"], ["c", "d"]], dtype=text)
        file.create_dataset("colour", data=[3, 0], dtype=colour)
        file.create_dataset("compound", data=np.array([("x", 1), ("y", 2)], compound))
        file.create_dataset("opaque", data=np.array([b"\0\1", b"\2\0"], "V2"))
        ragged = file.create_dataset("ragged", (2,), h5py.vlen_dtype("i2"))
        ragged[0], ragged[1] = [1, 2, 3], []
    table = hdf5.read(tmp_path / "types.h5")
    colours = annotations_of(table)["colour"]
    assert {one.name: one.value for one in colours} == {"RED": 0, "BLUE": 3}
    first, second = samples_of(table)
    assert (first.flag, first.text, first.fixed, first.words) == (True, "a", "ab", ["a", "b"])
    assert isinstance(first.colour, enum.IntEnum)
    assert first.colour.name == "BLUE"
    assert (second.compound.name, second.compound.size) == ("y", 2.0)
    assert second.opaque == b"\2\0"
    assert first.ragged.tolist() == [1, 2, 3]
    assert second.ragged.shape == (0,)
    assert second.ragged.dtype == np.int16


def test_groups_are_nested_and_attributes_describe(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "nested.h5", "w") as file:
        file["sensor/inner/value"] = np.arange(3.0)
        file["sensor/on"] = np.array([True, False, True])
        file["time"] = np.arange(3)
        file["time"].attrs["units"] = "seconds since start"
    table = hdf5.read(tmp_path / "nested.h5")
    assert [column.description for column in table.columns] == [None, "seconds since start"]
    assert [sample.sensor.inner.value for sample in samples_of(table)] == [0, 1, 2]


def test_groups_named_as_splits_are_splits(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "splits.h5", "w") as file:
        for split, count in {"train": 4, "test": 2}.items():
            file[f"{split}/x"] = np.zeros((count, 2))
            file[f"{split}/label"] = np.arange(count)
    table = hdf5.read(tmp_path / "splits.h5")
    assert [column.name for column in table.columns] == ["label", "x"]
    assert {split: len(rows_of(table, split)) for split in table.splits} == {"test": 2, "train": 4}


def test_parts_begin_with_chunks(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("atdata.importing.array_files._PART", 100)
    monkeypatch.setattr("atdata.importing.array_columns._BLOCK", 50)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.arange(50), chunks=(5,))
    table = hdf5.read(tmp_path / "a.h5")
    assert {part.count for part in table.splits[""]} == {10}
    assert [row for (row,) in rows_of(table)] == list(range(50))


def test_text_that_is_not_utf8_is_refused_with_row_and_column(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("name", data=[b"a", b"\xff", b"c"], dtype=h5py.string_dtype())
    with pytest.raises(SampleError, match="row 1, column 'name'"):
        rows_of(hdf5.read(tmp_path / "a.h5"))


def link(file: Any, kind: str, outside: Path) -> None:
    if kind == "external":
        file["secret"] = h5py.ExternalLink(str(outside), "x")
    elif kind == "soft":
        file["secret"] = h5py.SoftLink("/x")
    elif kind == "reference":
        file.create_dataset("secret", data=[file["x"].ref] * 3, dtype=h5py.ref_dtype)
    elif kind == "external storage":
        file.create_dataset("secret", (3,), "u1", external=[(str(outside), 0, 3)])
    else:
        layout = h5py.VirtualLayout((3,), "i8")
        layout[:] = h5py.VirtualSource(str(outside), "x", (3,))
        file.create_virtual_dataset("secret", layout)


@pytest.mark.parametrize("kind", ["external", "soft", "reference", "external storage", "virtual"])
def test_what_leads_out_of_the_file_is_refused_with_its_path(tmp_path: Path, kind: str) -> None:
    with h5py.File(tmp_path / "outside.h5", "w") as file:
        file["x"] = np.arange(3)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(3)
        link(file, kind, tmp_path / "outside.h5")
    with pytest.raises(SchemaError, match="'secret'"):
        hdf5.read(tmp_path / "a.h5")


def test_group_inside_of_itself_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("g")
        group["g"] = group
    with pytest.raises(SchemaError, match="more than 16 groups"):
        hdf5.read(tmp_path / "a.h5")


def test_rows_that_were_never_written_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (2**45, 8), "f8", chunks=(64, 8))
    with pytest.raises(SchemaError, match="by their shapes"):
        hdf5.read(tmp_path / "a.h5")


def test_values_without_rows_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["version"] = 3
    with pytest.raises(SchemaError, match="'version' is one value"):
        hdf5.read(tmp_path / "a.h5")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"text")
    with pytest.raises(SampleError, match="not an HDF5 file"):
        hdf5.read(tmp_path / "a.h5")


def test_truncated_file_raises_an_error_of_atdata(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.arange(5000), chunks=(500,), compression="gzip")
    whole = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AtdataError):
        rows_of(hdf5.read(tmp_path / "a.h5"))


def test_missing_h5py_is_named_with_its_extra(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "a.h5").touch()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtra, match=r"atdata-sdk\[hdf5\]"):
        hdf5.read(tmp_path / "a.h5")


def test_accepts_hdf5_files_only(tmp_path: Path) -> None:
    (tmp_path / "a.hdf5").write_bytes(b"")
    assert hdf5.accepts(tmp_path / "a.hdf5")
    assert not hdf5.accepts(tmp_path)
    assert not hdf5.accepts(Path("a.csv"))
