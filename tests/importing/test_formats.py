"""Every format through the whole import, on data that a package ships."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import h5py
import numpy as np
import pytest
import zarr
from litdata.streaming import Cache
from sklearn.datasets import load_digits

import atdata
from atdata.engines import engine
from atdata.importing.run import import_dataset

IMAGES, LABELS = load_digits(return_X_y=True)
IMAGES, LABELS = IMAGES[:300].reshape(-1, 8, 8), LABELS[:300]


def npz(path: Path) -> Path:
    np.savez_compressed(path.with_suffix(".npz"), image=IMAGES, label=LABELS)
    return path.with_suffix(".npz")


def hdf5(path: Path) -> Path:
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        file.create_dataset("image", data=IMAGES, chunks=(64, 8, 8), compression="gzip")
        file["label"] = LABELS
    return path.with_suffix(".h5")


def in_zarr(path: Path) -> Path:
    group = zarr.open_group(path, mode="w")
    group.create_array("image", data=IMAGES, chunks=(64, 8, 8))
    group.create_array("label", data=LABELS)
    return path


def litdata(path: Path) -> Path:
    cache = Cache(str(path), chunk_size=64)
    for number, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        cache[number] = {"image": image, "label": int(label)}
    cache.done()
    cache.merge()
    return path


def hugging_face(path: Path) -> Any:
    grid = datasets.Array2D((8, 8), "float64")
    features = datasets.Features({"image": grid, "label": datasets.Value("int64")})
    return datasets.Dataset.from_dict({"image": IMAGES, "label": LABELS}, features=features)


def saved(path: Path) -> Path:
    hugging_face(path).save_to_disk(str(path))
    return path


FORMATS = [npz, hdf5, in_zarr, litdata, hugging_face, saved]


def files(folder: Path) -> dict[str, str]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
    }


@pytest.mark.parametrize("make", FORMATS)
def test_digits_are_imported_equal_and_alike_by_any_number_of_processes(
    tmp_path: Path, make: Callable[[Path], Any]
) -> None:
    source = make(tmp_path / "digits")
    imported = import_dataset(source, tmp_path / "out", class_name="Digit", maxcount=100)
    (dataset,) = imported.splits.values()
    samples = list(dataset.ordered())
    assert np.array_equal([sample.image for sample in samples], IMAGES)
    assert [sample.label for sample in samples] == LABELS.tolist()
    first = files(tmp_path / "out")
    options: dict[str, Any] = {"class_name": "Digit", "maxcount": 100, "name": "out"}
    import_dataset(source, tmp_path / "again", engine=engine(processes=1), **options)
    assert files(tmp_path / "again") == first


def test_splits_of_arrays_are_loaded_as_splits(tmp_path: Path) -> None:
    arrays = {"x_train": IMAGES[:200], "y_train": LABELS[:200]}
    np.savez(tmp_path / "a.npz", **arrays, x_test=IMAGES[200:], y_test=LABELS[200:])
    import_dataset(tmp_path / "a.npz", tmp_path / "out")
    splits = atdata.load_dataset(str(tmp_path / "out"))
    assert {name: len(split) for name, split in splits.items()} == {"test": 100, "train": 200}
