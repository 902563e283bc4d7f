from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, Optional

import datasets
import numpy as np
import pyarrow as pa
import pytest
import soundfile
from datasets import Array2D, Array3D, ClassLabel, Features, LargeList, List, Value
from PIL import Image
from sklearn.datasets import load_digits, load_iris, load_sample_images

import atdata
from atdata.errors import SampleError, SchemaError
from atdata.importing import hugging_face
from atdata.importing.run import import_dataset
from importing.tables import annotations_of, rows_of, samples_of


def pictures() -> list[bytes]:
    files = []
    for image in load_sample_images().images:
        file = io.BytesIO()
        Image.fromarray(image).resize((64, 48)).save(file, "JPEG")
        files.append(file.getvalue())
    return files


def sound() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(100), 8000, format="WAV")
    return file.getvalue()


def one_of(features: dict[str, Any], *rows: dict[str, Any]) -> datasets.Dataset:
    return datasets.Dataset.from_list(list(rows), features=Features(features))


def of_files(name: str, feature: Any, files: list[bytes | None]) -> datasets.Dataset:
    """Encoded files as they are: `datasets` would decode sound to encode it again."""
    features = Features({name: feature})
    cells = [None if file is None else {"bytes": file, "path": None} for file in files]
    table = pa.table({name: pa.array(cells, features.arrow_schema.field(name).type)})
    return datasets.Dataset(table, info=datasets.DatasetInfo(features=features))


def test_digits_come_back_equal(tmp_path: Path) -> None:
    digits = load_digits()
    features = {
        "image": Array2D((8, 8), "float32"),
        "pixels": List(Value("uint8")),
        "label": ClassLabel(names=[f"digit {n}" for n in range(10)]),
    }
    data = {"image": digits.images, "pixels": digits.data, "label": digits.target}
    source = datasets.Dataset.from_dict(data, features=Features(features))
    table = hugging_face.read(source)
    assert annotations_of(table)["label"] == Literal[tuple(features["label"].names)]
    samples = samples_of(table)
    assert samples[0].image.dtype == np.float32
    assert samples[0].pixels.dtype == np.uint8
    assert np.array_equal([sample.image for sample in samples], digits.images)
    assert np.array_equal([sample.pixels for sample in samples], digits.data)
    assert [sample.label for sample in samples] == [f"digit {n}" for n in digits.target]


def test_imported_dataset_becomes_the_same_dataset_again(tmp_path: Path) -> None:
    iris = load_iris()
    features = Features(
        {
            "sizes": List(Value("float64"), length=4),
            "kind": ClassLabel(names=list(iris.target_names)),
            "nested": {"number": Value("int64"), "names": List(Value("string"))},
            "image": datasets.Image(),
        }
    )
    rows = [
        {
            "sizes": sizes,
            "kind": int(kind),
            "nested": {"number": kind, "names": ["a"]},
            "image": {"bytes": pictures()[0], "path": None},
        }
        for sizes, kind in zip(iris.data[::10], iris.target[::10], strict=True)
    ]
    source = datasets.Dataset.from_list(rows, features=features)
    (dataset,) = import_dataset(source, tmp_path / "iris").splits.values()
    again = dataset.to_hf()
    assert again.features == features
    undecoded = datasets.Image(decode=False)
    ours, theirs = (one.cast_column("image", undecoded)[:] for one in (again, source))
    assert ours == theirs


def test_features_become_fields() -> None:
    features = {
        "count": Value("int8"),
        "weight": Value("float16"),
        "flag": Value("bool"),
        "text": Value("large_string"),
        "raw": Value("binary"),
        "day": Value("date32"),
        "time": Value("timestamp[ms, tz=UTC]"),
        "translation": datasets.Translation(languages=["de", "en"]),
        "words": LargeList(Value("string")),
        "structs": [{"x": Value("int32"), "labels": List(ClassLabel(names=["no", "yes"]))}],
        "ragged": List(List(Value("float32"))),
        "grid": Array3D((None, 2, 2), "int16"),
        "any": datasets.Json(),
    }
    row = {
        "count": 1,
        "weight": 0.5,
        "flag": True,
        "text": "ä",
        "raw": b"\0",
        "day": date(2026, 1, 2),
        "time": datetime(2026, 1, 2, 3, tzinfo=UTC),
        "translation": {"de": "ja", "en": "yes"},
        "words": ["a", "b"],
        "structs": [{"x": 1, "labels": [1, 0]}, {"x": 2, "labels": []}],
        "ragged": [[1, 2], [], [3]],
        "grid": np.ones((3, 2, 2)),
        "any": {"k": [1, None]},
    }
    other = row | {"grid": np.zeros((1, 2, 2)), "ragged": []}
    first, second = samples_of(hugging_face.read(one_of(features, row, other)))
    assert (first.count, first.weight, first.flag, first.text, first.raw) == (
        1,
        0.5,
        True,
        "ä",
        b"\0",
    )
    assert (first.day, first.time) == (row["day"], row["time"])
    assert (first.translation.de, first.words) == ("ja", ["a", "b"])
    assert [(one.x, one.labels) for one in first.structs] == [(1, ["yes", "no"]), (2, [])]
    assert [one.tolist() for one in first.ragged] == [[1, 2], [], [3]]
    assert first.ragged[0].dtype == np.float32
    assert (first.grid.shape, second.grid.shape) == ((3, 2, 2), (1, 2, 2))
    assert first.any == {"k": [1, None]}


def test_media_keep_their_bytes() -> None:
    table = hugging_face.read(of_files("image", datasets.Image(), [*pictures(), None]))
    assert annotations_of(table) == {"image": Optional[atdata.Image]}  # noqa: UP045
    assert [row[0] for row in rows_of(table)] == [*pictures(), None]
    table = hugging_face.read(of_files("sound", datasets.Audio(), [sound()]))
    assert samples_of(table)[0].sound.bytes == sound()
    table = hugging_face.read(of_files("film", datasets.Video(), [b"not looked at"]))
    assert annotations_of(table) == {"film": atdata.Video}


def test_nulls_make_fields_optional_where_they_are() -> None:
    features = {
        "a": Value("int32"),
        "b": List(Value("int32")),
        "c": {"d": Value("string")},
        "e": ClassLabel(names=["x"]),
        "f": Value("int32"),
        "g": ClassLabel(names=["x"]),
    }
    row = {"a": None, "b": [1, None], "c": {"d": None}, "e": -1, "f": 1, "g": 0}
    table = hugging_face.read(one_of(features, row))
    assert annotations_of(table)["f"] is int
    assert annotations_of(table)["g"] == Literal["x"]
    (sample,) = samples_of(table)
    assert (sample.a, sample.b, sample.c.d, sample.e) == (None, [1, None], None, None)


def test_splits_stay() -> None:
    numbers = datasets.Dataset.from_dict({"x": list(range(10))})
    table = hugging_face.read(numbers.train_test_split(test_size=3, seed=0))
    assert {split: len(rows_of(table, split)) for split in table.splits} == {"train": 7, "test": 3}


def test_order_of_a_shuffled_dataset_stays() -> None:
    numbers = datasets.Dataset.from_dict({"x": list(range(50))}).shuffle(seed=1)
    assert [row for (row,) in rows_of(hugging_face.read(numbers))] == numbers["x"][:]


def test_iterable_dataset_is_read() -> None:
    numbers = datasets.Dataset.from_dict({"x": list(range(150))}).to_iterable_dataset()
    assert rows_of(hugging_face.read(numbers)) == [(x,) for x in range(150)]


def test_iterable_dataset_without_features_is_refused() -> None:
    source = datasets.Dataset.from_dict({"x": [1]}).to_iterable_dataset().map(lambda row: row)
    with pytest.raises(SchemaError, match="features are not known"):
        hugging_face.read(source)


def saved(folder: Path, count: int = 20) -> Path:
    numbers = datasets.Dataset.from_dict({"x": list(range(count)), "y": ["a"] * count})
    datasets.DatasetDict(train=numbers, test=numbers.select(range(3))).save_to_disk(str(folder))
    return folder


def test_saved_folder_is_read_in_parts(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("atdata.importing.hugging_face._PART", 100)
    folder = saved(tmp_path / "a")
    assert hugging_face.accepts(folder)
    assert hugging_face.accepts(folder / "train")
    table = hugging_face.read(folder)
    assert len(table.splits["train"]) > 1
    assert [row[0] for row in rows_of(table, "train")] == list(range(20))
    assert len(rows_of(table, "test")) == 3
    assert table.state


@pytest.mark.parametrize("name", ["../secret.arrow", "/etc/passwd", "missing.arrow", None])
def test_saved_folder_that_names_other_files_is_refused(tmp_path: Path, name: Any) -> None:
    folder = saved(tmp_path / "a") / "train"
    state = json.loads((folder / "state.json").read_text())
    state["_data_files"] = [{"filename": name}]
    (folder / "state.json").write_text(json.dumps(state))
    with pytest.raises(SampleError, match="not in the folder"):
        hugging_face.read(tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("dataset_dict.json", {"splits": [".."]}),
        ("dataset_dict.json", {"splits": [""]}),
        ("dataset_dict.json", {"splits": 5}),
        ("train/state.json", {"_data_files": [{}]}),
    ],
)
def test_saved_folder_with_damaged_lists_of_files_is_refused(
    tmp_path: Path, name: str, change: dict[str, Any]
) -> None:
    path = saved(tmp_path / "a") / name
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SampleError, match=r"not in the folder|not a file of save_to_disk"):
        hugging_face.read(tmp_path / "a")


def test_label_without_a_name_is_refused_by_row_and_column() -> None:
    found = datasets.Dataset.from_dict({"label": [0, 7]}).cast_column("label", ClassLabel(2))
    found = found.cast(Features(label=ClassLabel(names=["a", "b"])))
    with pytest.raises(SampleError, match="row 1, column 'label': label 7, of 2 names"):
        rows_of(hugging_face.read(found))


def only_named(path: Path) -> datasets.Dataset:
    return datasets.Dataset.from_dict({"image": [str(path)]}).cast_column("image", datasets.Image())


def test_files_that_are_only_named_are_read_for_an_object(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(pictures()[0])
    assert rows_of(hugging_face.read(only_named(tmp_path / "a.jpg"))) == [(pictures()[0],)]
    with pytest.raises(SampleError, match="row 0, column 'image'"):
        rows_of(hugging_face.read(only_named(tmp_path / "b.jpg")))


def test_files_that_are_only_named_are_refused_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(pictures()[0])
    source = only_named(tmp_path / "a.jpg")
    bare = source.cast(Features({"image": {"bytes": Value("binary"), "path": Value("string")}}))
    bare.save_to_disk(str(tmp_path / "saved"))
    info = json.loads((tmp_path / "saved" / "dataset_info.json").read_text())
    info["features"] = {"image": {"_type": "Image"}}
    (tmp_path / "saved" / "dataset_info.json").write_text(json.dumps(info))
    with pytest.raises(SampleError, match="only named"):
        rows_of(hugging_face.read(tmp_path / "saved"))


def test_features_without_a_field_are_refused() -> None:
    with pytest.raises(SchemaError, match="'price'"):
        hugging_face.read(one_of({"price": Value("duration[s]")}, {"price": None}))


def test_accepts_datasets_only(tmp_path: Path) -> None:
    assert hugging_face.accepts(datasets.Dataset.from_dict({"x": [1]}))
    assert not hugging_face.accepts(tmp_path)
    assert not hugging_face.accepts([1])
