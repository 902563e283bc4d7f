from __future__ import annotations

import io
import pickle
import tracemalloc
import zipfile
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from atdata.errors import AtdataError, SampleError, SchemaError
from atdata.importing import npz
from importing.tables import Trap, annotations_of, rows_of, samples_of


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_digits_come_back_equal(tmp_path: Path, save: Any) -> None:
    digits = load_digits()
    save(tmp_path / "digits.npz", images=digits.images, target=digits.target)
    table = npz.read(tmp_path / "digits.npz")
    samples = samples_of(table)
    assert np.array_equal([sample.images for sample in samples], digits.images)
    assert [sample.target for sample in samples] == digits.target.tolist()


def test_arrays_in_fortran_order_come_back_equal(tmp_path: Path) -> None:
    data = np.asfortranarray(load_iris().data)
    np.savez_compressed(tmp_path / "iris.npz", data=data)
    rows = rows_of(npz.read(tmp_path / "iris.npz"))
    assert np.array_equal([row for (row,) in rows], data)


def test_elements_become_plain_values_or_arrays(tmp_path: Path) -> None:
    columns = {
        "flag": np.array([True, False]),
        "count": np.array([1, 2], ">u2"),
        "weight": np.array([0.5, 1.5], np.float16),
        "name": np.array(["a", "bü"]),
        "raw": np.array([b"a", b"bc"]),
        "phase": np.array([1j, 2]),
        "day": np.array(["2026-01-01", "2026-01-02"], "M8[D]"),
        "names": np.array([["a", "b"], ["c", "d"]]),
    }
    np.savez(tmp_path / "kinds.npz", **columns)
    table = npz.read(tmp_path / "kinds.npz")
    known = annotations_of(table)
    assert [known[name] for name in columns][:5] == [bool, int, float, str, bytes]
    second = samples_of(table)[1]
    assert (second.flag, second.count, second.weight, second.name, second.raw) == (
        *(False, 2, 1.5, "bü", b"bc"),
    )
    assert second.phase.shape == ()
    assert second.phase == 2
    assert second.day == np.datetime64("2026-01-02")
    assert second.names.tolist() == ["c", "d"]


def test_records_of_an_npy_are_columns(tmp_path: Path) -> None:
    records = np.zeros(3, [("label", "i4"), ("box", "f4", (2, 2)), ("inner", [("x", "i1")])])
    records["label"] = [3, 4, 5]
    np.save(tmp_path / "records.npy", records)
    samples = samples_of(npz.read(tmp_path / "records.npy"))
    assert [sample.label for sample in samples] == [3, 4, 5]
    assert samples[0].box.shape == (2, 2)
    assert samples[0].inner.x == 0


def test_npy_of_numbers_is_one_column(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.arange(6.0).reshape(3, 2))
    rows = rows_of(npz.read(tmp_path / "data.npy"))
    assert [row.tolist() for (row,) in rows] == [[0, 1], [2, 3], [4, 5]]


def test_rows_of_an_npy_are_cut_into_parts(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("atdata.importing.array_files._PART", 64)
    np.save(tmp_path / "data.npy", np.arange(20))
    table = npz.read(tmp_path / "data.npy")
    assert [part.count for part in table.splits[""]] == [8, 8, 4]
    assert [row for (row,) in rows_of(table)] == list(range(20))


def test_names_with_a_split_make_splits(tmp_path: Path) -> None:
    arrays = {"x_train": np.zeros((4, 2)), "x_test": np.ones((2, 2))}
    labels = {"y_train": np.arange(4), "y_test": np.arange(2)}
    np.savez(tmp_path / "mnist.npz", **arrays, **labels)
    table = npz.read(tmp_path / "mnist.npz")
    assert [column.name for column in table.columns] == ["x", "y"]
    assert {split: len(rows_of(table, split)) for split in table.splits} == {"train": 4, "test": 2}


def test_splits_with_other_columns_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=np.zeros(4), x_test=np.zeros((2, 2)))
    with pytest.raises(SchemaError, match="other columns"):
        npz.read(tmp_path / "a.npz")


def test_arrays_of_another_length_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(4), y=np.zeros(5))
    with pytest.raises(SchemaError, match="'y' has 5 rows, 'x' has 4"):
        npz.read(tmp_path / "a.npz")


def test_value_without_rows_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.float32(4))
    with pytest.raises(SchemaError, match="without rows"):
        npz.read(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_pickles_are_refused_and_not_loaded(tmp_path: Path, name: str) -> None:
    objects = np.array([Trap()], object)
    if name == "a.npy":
        np.save(tmp_path / name, objects, allow_pickle=True)
    else:
        np.savez(tmp_path / name, objects=objects)
    with pytest.raises(SampleError, match="objects"):
        npz.read(tmp_path / name)


def test_pickle_in_place_of_an_array_is_refused_and_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(SampleError, match=r"expected \.npy bytes"):
        npz.read(tmp_path / "a.npy")


def header(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    file = io.BytesIO()
    content = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, content)
    return file.getvalue()


def zipped(path: Path, content: bytes, **options: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", content, **options)
    return path


@pytest.mark.parametrize("shape", [(2**50,), (3, 2**40), (2**61, 2**61)])
def test_absurd_shapes_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(SampleError):
        npz.read(zipped(tmp_path / "a.npz", header(shape) + bytes(100)))
    (tmp_path / "a.npy").write_bytes(header(shape) + bytes(100))
    with pytest.raises(SampleError):
        npz.read(tmp_path / "a.npy")


def test_member_that_claims_more_than_the_archive_can_hold_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "bomb.npz", header((2**40,)))
    size = (len(header((2**40,)))).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (2**32 - 2).to_bytes(4, "little")))
    with pytest.raises(SchemaError, match="by their shapes"):
        npz.read(path)


def test_member_that_is_not_an_array_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "text")
    with pytest.raises(SchemaError, match=r"readme\.txt"):
        npz.read(tmp_path / "a.npz")


def test_archive_without_arrays_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz")
    with pytest.raises(SchemaError, match=r"there are no arrays .*a\.npz"):
        npz.read(tmp_path / "a.npz")


def test_text_that_is_not_unicode_is_refused_by_row(tmp_path: Path) -> None:
    array = np.array(["a", "b"])
    array.view(np.uint32)[1] = 2**31
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(SampleError, match="row 1, column 'data'"):
        rows_of(npz.read(tmp_path / "a.npy"))


def test_damaged_files_raise_only_errors_of_atdata(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.random.default_rng(0).random((50, 3)))
    sound = (tmp_path / "a.npz").read_bytes()
    for place in range(0, len(sound), 7):
        (tmp_path / "a.npz").write_bytes(
            sound[:place] + bytes([sound[place] ^ 255]) + sound[place + 1 :]
        )
        try:
            rows_of(npz.read(tmp_path / "a.npz"))
        except AtdataError as error:
            assert "a.npz" in str(error)  # noqa: PT017 - sound where the byte does not count


@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, order: Any) -> None:
    # 96 MiB; a block of rows has 16.
    np.savez_compressed(tmp_path / "a.npz", x=np.ones((3 << 16, 64), order=order))
    (part,) = npz.read(tmp_path / "a.npz").splits[""]
    tracemalloc.start()
    try:
        assert sum(1 for _ in islice(part.rows(), 2 << 16)) == 2 << 16
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 << 20


def test_accepts_numpy_files_only(tmp_path: Path) -> None:
    assert npz.accepts(Path("a.npz"))
    assert npz.accepts(Path("a.NPY"))
    assert not npz.accepts(Path("a.zip"))
    assert not npz.accepts(np.zeros(3))
