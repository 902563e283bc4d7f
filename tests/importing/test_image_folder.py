from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow
from sklearn.datasets import load_sample_images

import atdata
from atdata.engines.local import LocalEngine
from atdata.errors import AtdataError, SampleError, SchemaError
from atdata.importing.run import Imported, import_dataset

HERE = LocalEngine(1)


def save(path: Path, shade: int = 0) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(np.full((4, 5, 3), shade, np.uint8)).save(path)
    return path.read_bytes()


def imported(folder: Path, **options: Any) -> Imported:
    return import_dataset(folder / "in", folder / "out", engine=HERE, **options)


def test_folders_of_classes_become_labels_and_bytes_stay(tmp_path: Path) -> None:
    pictures = load_sample_images().images
    written = {}
    for name, picture in zip(("dog/b.jpg", "cat/a.PNG"), pictures, strict=True):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True)
        Pillow.fromarray(picture).save(path)
        written[name] = path.read_bytes()
    (tmp_path / "in" / "README.md").write_text("about")
    (tmp_path / "in" / "cat" / ".hidden.png").write_bytes(b"no image")
    found = imported(tmp_path)
    assert found.splits[""].schema == {"image": atdata.Image, "file_name": str, "label": str}
    samples = list(found.splits[""].ordered())
    assert [sample.label for sample in samples] == ["cat", "dog"]
    assert {sample.file_name: sample.image.bytes for sample in samples} == written
    assert np.array_equal(samples[0].image.array(), pictures[1])


def test_folders_of_splits_become_splits(tmp_path: Path) -> None:
    for split in ("Train", "val", "test"):
        for name in ("cat/1.png", "dog/2.png"):
            save(tmp_path / "in" / split / name)
    found = imported(tmp_path)
    assert list(found.splits) == ["test", "train", "validation"]
    assert [one.file_name for one in found.splits["train"].ordered()] == ["cat/1.png", "dog/2.png"]
    loaded = atdata.load_dataset(tmp_path / "out", split="val")
    assert [one.label for one in loaded.ordered()] == ["cat", "dog"]


def test_images_without_classes_have_no_label(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png")
    assert list(imported(tmp_path).splits[""].schema) == ["image", "file_name"]
    save(tmp_path / "in" / "train" / "b.png")  # beside an image, this is a class
    with pytest.raises(SchemaError, match="has no label"):
        imported(tmp_path, overwrite=True)


def write_metadata(path: Path, rows: list[dict[str, Any]]) -> None:
    if path.suffix == ".csv":
        text = "".join(",".join(map(str, row.values())) + "\n" for row in rows)
        path.write_text(",".join(rows[0]) + "\n" + text)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "metadata.parquet"])
def test_metadata_take_the_place_of_labels(tmp_path: Path, name: str) -> None:
    for split in ("train", "test"):
        data = [save(tmp_path / "in" / split / f"deep/{number}.png", number) for number in range(3)]
        rows = [{"text": f"no {n}", "file_name": f"deep/{n}.png", "score": n} for n in (2, 0, 1)]
        write_metadata(tmp_path / "in" / split / name, rows)
    found = imported(tmp_path)
    assert found.splits["test"].schema == {
        "image": atdata.Image, "text": str, "file_name": str, "score": int,
    }  # fmt: skip
    samples = list(found.splits["train"].ordered())
    assert [(one.score, one.text, one.image.bytes) for one in samples] == [
        (n, f"no {n}", data[n]) for n in (2, 0, 1)
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("b.png", r"row 1, column 'file_name': 'b\.png' is not an image there"),
        ("a.png", r"row 1, column 'file_name': 'a\.png' .* in an earlier row"),
        ("../secret.png", "row 1, column 'file_name'"),
    ],
)
def test_metadata_of_other_images_are_refused_by_row(
    tmp_path: Path, name: str, message: str
) -> None:
    save(tmp_path / "secret.png")
    save(tmp_path / "in" / "a.png")
    rows = [{"file_name": "a.png", "x": 1}, {"file_name": name, "x": 2}]
    write_metadata(tmp_path / "in" / "metadata.csv", rows)
    with pytest.raises(SampleError, match=message):
        imported(tmp_path)


def test_images_that_metadata_leave_out_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png")
    save(tmp_path / "in" / "b.png")
    write_metadata(tmp_path / "in" / "metadata.csv", [{"file_name": "a.png", "x": 1}])
    with pytest.raises(SampleError, match=r"an image is not in the metadata.*b\.png"):
        imported(tmp_path)


@pytest.mark.parametrize("name", ["deep/metadata.csv", "metadata.jsonl"])
def test_metadata_elsewhere_or_twice_are_refused(tmp_path: Path, name: str) -> None:
    save(tmp_path / "in" / "deep" / "a.png")
    if name == "metadata.jsonl":
        write_metadata(tmp_path / "in" / "metadata.csv", [{"file_name": "deep/a.png"}])
    write_metadata(tmp_path / "in" / name, [{"file_name": "deep/a.png"}])
    with pytest.raises(SchemaError, match="are one file"):
        imported(tmp_path)


def test_metadata_of_some_splits_only_and_without_names_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "in" / "train" / "a.png")
    save(tmp_path / "in" / "test" / "a.png")
    write_metadata(tmp_path / "in" / "train" / "metadata.csv", [{"file": "a.png"}])
    with pytest.raises(SchemaError, match="the split 'test' has no metadata"):
        imported(tmp_path)
    write_metadata(tmp_path / "in" / "test" / "metadata.csv", [{"file": "a.png"}])
    with pytest.raises(SchemaError, match="no column 'file_name'"):
        imported(tmp_path)


def test_a_file_that_is_not_an_image_is_named(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.jpg").write_bytes(b"\x80\x04 a pickle")
    with pytest.raises(AtdataError, match=r"b\.jpg"):
        imported(tmp_path)
    (tmp_path / "in" / "b.jpg").unlink()
    (tmp_path / "in" / "c.jpg").mkdir()
    assert len(imported(tmp_path).splits[""]) == 1
