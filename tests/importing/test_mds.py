from __future__ import annotations

import io
import json
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

import atdata
from atdata.errors import AtdataError, SampleError, SchemaError
from atdata.importing import mds
from importing.tables import Trap, annotations_of, rows_of, samples_of

# The ready-made data sets need torchvision, which can't be loaded beside a torch for CPUs alone.
sys.modules["streaming.vision"] = ModuleType("streaming.vision")
from streaming import MDSWriter, StreamingDataset  # noqa: E402


def written(folder: Path, columns: dict[str, str], samples: list[Any], **options: Any) -> Path:
    """The samples as the library's own writer writes them."""
    with MDSWriter(out=str(folder), columns=columns, **options) as writer:
        for sample in samples:
            writer.write(sample)
    return folder


def test_digits_come_back_equal(tmp_path: Path) -> None:
    digits = load_digits()
    columns = {"image": "ndarray:float64:8,8", "any": "ndarray", "label": "int32", "name": "str"}
    rows = [
        {"image": image, "any": image.astype("f4"), "label": label, "name": f"n{label}"}
        for image, label in zip(digits.images[:100], digits.target[:100], strict=True)
    ]
    table = mds.read(written(tmp_path / "digits", columns, rows, size_limit=20_000))
    assert len(table.splits[""]) > 1
    samples = samples_of(table)
    assert np.array_equal([sample.image for sample in samples], digits.images[:100])
    assert np.array_equal([sample.any for sample in samples], digits.images[:100])
    assert [sample.label for sample in samples] == digits.target[:100].tolist()
    assert samples[7].name == "n7"


def test_encodings_become_fields(tmp_path: Path) -> None:
    columns = {
        "a": "bytes",
        "b": "int",
        "c": "uint8",
        "d": "float16",
        "e": "str_int",
        "f": "str_float",
        "g": "str_decimal",
        "h": "json",
    }
    sample = {
        "a": b"\0\1",
        "b": -5,
        "c": 200,
        "d": 0.5,
        "e": 2**60,
        "f": 0.1,
        "g": Decimal("1.50"),
        "h": {"x": [1, None]},
    }
    table = mds.read(written(tmp_path / "a", columns, [sample]))
    assert list(annotations_of(table).values()) == [bytes, int, int, float, int, float, str, Any]
    assert rows_of(table) == [(b"\0\1", -5, 200, 0.5, 2**60, 0.1, "1.50", {"x": [1, None]})]


def test_rows_are_those_of_the_library(tmp_path: Path) -> None:
    columns = {"a": "ndarray:int16", "b": "ndarray", "c": "uint64", "d": "json"}
    rows = [
        {"a": np.zeros((i, 2), "i2"), "b": np.ones(i * 100, "f2"), "c": 2**64 - i, "d": [i, None]}
        for i in range(1, 6)
    ]
    folder = written(tmp_path / "a", columns, rows)
    theirs = StreamingDataset(local=str(folder), batch_size=1, shuffle=False)
    for ours, their in zip(rows_of(mds.read(folder)), theirs, strict=True):
        assert all(np.array_equal(a, their[name]) for a, name in zip(ours, columns, strict=True))


def test_images_keep_their_bytes(tmp_path: Path) -> None:
    files = []
    for image in load_sample_images().images:
        file = io.BytesIO()
        Image.fromarray(image).resize((64, 48)).save(file, "JPEG")
        files.append(file.getvalue())
    rows = [{"image": file} for file in files]
    table = mds.read(written(tmp_path / "a", {"image": "jpeg"}, rows))
    assert annotations_of(table) == {"image": atdata.Image}
    assert [sample.image.bytes for sample in samples_of(table)] == files


def test_folders_of_splits_are_splits(tmp_path: Path) -> None:
    for split, count in {"train": 4, "val": 2}.items():
        written(tmp_path / "a" / split, {"x": "int"}, [{"x": i} for i in range(count)])
    assert mds.accepts(tmp_path / "a")
    table = mds.read(tmp_path / "a")
    assert {split: len(rows_of(table, split)) for split in table.splits} == {"train": 4, "val": 2}


def test_pickled_column_is_refused_and_not_loaded(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", {"secret": "pkl", "x": "int"}, [{"secret": Trap(), "x": 1}])
    with pytest.raises(SchemaError, match="'secret' is stored as 'pkl': a pickle"):
        mds.read(folder)


def test_compressed_shards_are_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", {"x": "int"}, [{"x": 1}], compression="zstd")
    with pytest.raises(SchemaError, match="compressed"):
        mds.read(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [("column_encodings", ["pil"]), ("column_sizes", [-1]), ("version", 3), ("samples", 2**40)],
)
def test_changed_index_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    folder = written(tmp_path / "a", {"x": "int"}, [{"x": 1}])
    index = json.loads((folder / "index.json").read_text())
    index["shards"][0][key] = value
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(AtdataError):
        mds.read(folder)


def test_shard_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", {"x": "int"}, [{"x": 1}])
    (tmp_path / "outside.mds").write_bytes((folder / "shard.00000.mds").read_bytes())
    index = json.loads((folder / "index.json").read_text())
    index["shards"][0]["raw_data"]["basename"] = "../outside.mds"
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(SampleError, match=r"\.\./outside\.mds"):
        mds.read(folder)


def test_damaged_shards_raise_only_errors_of_atdata(tmp_path: Path) -> None:
    columns = {"x": "ndarray", "y": "str", "z": "json"}
    rows = [{"x": np.arange(4.0).reshape(2, 2), "y": "text", "z": [1]}] * 3
    folder = written(tmp_path / "a", columns, rows)
    shard = folder / "shard.00000.mds"
    sound = shard.read_bytes()
    for place in range(len(sound)):
        shard.write_bytes(sound[:place] + b"\xff" + sound[place + 1 :])
        try:
            rows_of(mds.read(folder))
        except AtdataError as error:
            assert "shard.00000.mds" in str(error)  # noqa: PT017 - some bytes are only numbers
