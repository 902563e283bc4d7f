from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest
import tfrecord
from PIL import Image
from sklearn.datasets import load_digits

import atdata
from atdata.errors import AtdataError, SampleError, SchemaError
from atdata.importing import tfrecord as tfrecord_format
from atdata.importing.run import import_dataset
from importing.tables import annotations_of, rows_of, samples_of


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    """The records as the package writes them: values with their types."""
    path.parent.mkdir(exist_ok=True)
    writer = tfrecord.TFRecordWriter(str(path))
    for row in rows:
        writer.write(row)
    writer.close()
    return path


def digits(count: int) -> list[dict[str, Any]]:
    data = load_digits()
    rows = []
    for image, label in zip(data.images[:count], data.target[:count], strict=True):
        file = io.BytesIO()
        Image.fromarray(np.uint8(image * 15)).save(file, "PNG")
        row = {"image": (file.getvalue(), "byte"), "label": (int(label), "int")}
        rows.append(row | {"pixels": (image.ravel(), "float"), "name": (b"n%d" % label, "byte")})
    return rows


def test_digits_come_back_equal(tmp_path: Path) -> None:
    rows = digits(50)
    source = written(tmp_path / "digits.tfrecord", rows)
    (dataset,) = import_dataset(source, tmp_path / "out").splits.values()
    samples = list(dataset.ordered())
    assert [sample.image.bytes for sample in samples] == [row["image"][0] for row in rows]
    assert np.array_equal([one.pixels for one in samples], load_digits().data[:50])
    assert [sample.label for sample in samples] == [row["label"][0] for row in rows]
    assert samples[3].name == "n3"


def test_rows_are_those_of_the_package(tmp_path: Path) -> None:
    source = written(tmp_path / "digits.tfrecord", digits(20))
    table = tfrecord_format.read(source)
    names = list(annotations_of(table))
    theirs = tfrecord.tfrecord_loader(str(source), None)
    for ours, their in zip(rows_of(table), theirs, strict=True):
        row = dict(zip(names, ours, strict=True))
        assert row["image"] == bytes(their["image"])
        assert np.array_equal(row["pixels"], their["pixels"])
        assert row["label"] == their["label"]


def test_features_become_fields(tmp_path: Path) -> None:
    first = {"a": (1, "int"), "b": (0.5, "float"), "c": (b"\xff", "byte"), "d": ([1, 2], "int")}
    second = {"a": (2, "int"), "b": (1.5, "float"), "c": (b"a", "byte"), "e": ([b"x"] * 2, "byte")}
    table = tfrecord_format.read(written(tmp_path / "a.tfrecord", [first, second]))
    known = annotations_of(table)
    assert (known["a"], known["b"], known["c"]) == (int, float, bytes)
    assert known["e"] == Optional[list[str]]  # noqa: UP045
    one, two = samples_of(table)
    assert (one.d.dtype, one.d.tolist(), one.e) == (np.int64, [1, 2], None)
    assert (two.d, two.e) == (None, ["x", "x"])


def test_files_of_splits_are_splits_and_parts(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("atdata.importing.tfrecord._PART", 1000)
    for split, count in {"train": 20, "test": 5}.items():
        written(tmp_path / "in" / f"digits-{split}.tfrecord-00000-of-00001", digits(count))
    assert tfrecord_format.accepts(tmp_path / "in")
    table = tfrecord_format.read(tmp_path / "in")
    assert len(table.splits["train"]) > 1
    assert {split: len(rows_of(table, split)) for split in table.splits} == {"test": 5, "train": 20}
    assert annotations_of(table)["image"] is atdata.Image


def test_feature_of_several_types_is_refused(tmp_path: Path) -> None:
    rows = [{"a": (1, "int")}, {"a": (0.5, "float")}]
    with pytest.raises(SchemaError, match="'a' has values of several types"):
        tfrecord_format.read(written(tmp_path / "a.tfrecord", rows))


def test_absurd_length_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    length = (2**60).to_bytes(8, "little")
    checksum = tfrecord.TFRecordWriter.masked_crc(length)
    (tmp_path / "a.tfrecord").write_bytes(length + checksum)
    with pytest.raises(SampleError, match="row 0: a record of"):
        tfrecord_format.read(tmp_path / "a.tfrecord")


def test_every_damaged_byte_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tfrecord", [{"a": (1, "int"), "b": (b"text", "byte")}] * 2)
    sound = path.read_bytes()
    for place in range(len(sound)):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 255]) + sound[place + 1 :])
        with pytest.raises(AtdataError, match=r"a\.tfrecord"):
            tfrecord_format.read(path)
    path.write_bytes(sound[:-1])
    with pytest.raises(SampleError, match="row 1: the record is cut off"):
        tfrecord_format.read(path)


def test_accepts_tfrecord_files_only(tmp_path: Path) -> None:
    assert tfrecord_format.accepts(tmp_path / "a.tfrecords")
    assert tfrecord_format.accepts(tmp_path / "mnist-test.tfrecord-00000-of-00001")
    assert not tfrecord_format.accepts(tmp_path / "a.tar")
    assert not tfrecord_format.accepts(tmp_path)
