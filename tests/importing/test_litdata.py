from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from litdata.streaming import Cache
from litdata.types import Image as LitImage
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

import atdata
from atdata.errors import AtdataError, SampleError, SchemaError
from atdata.importing import litdata
from importing.tables import Trap, annotations_of, rows_of, samples_of


def written(folder: Path, samples: list[Any], chunk_size: int = 20) -> Path:
    """The samples as LitData's own writer writes them."""
    cache = Cache(str(folder), chunk_size=chunk_size)
    for number, sample in enumerate(samples):
        cache[number] = sample
    cache.done()
    cache.merge()
    return folder


def test_digits_come_back_equal(tmp_path: Path) -> None:
    digits = load_digits()
    rows = [
        {"image": image, "pixels": torch.tensor(image), "label": int(label), "name": f"n{label}"}
        for image, label in zip(digits.images[:50], digits.target[:50], strict=True)
    ]
    table = litdata.read(written(tmp_path / "digits", rows))
    assert [part.count for part in table.splits[""]] == [20, 20, 10]
    samples = samples_of(table)
    assert np.array_equal([sample.image for sample in samples], digits.images[:50])
    assert np.array_equal([sample.pixels for sample in samples], digits.images[:50])
    assert [sample.label for sample in samples] == digits.target[:50].tolist()
    assert samples[7].name == "n7"


def test_leaves_become_fields(tmp_path: Path) -> None:
    sample = {
        "count": 3,
        "weight": 0.5,
        "flag": True,
        "raw": b"\0\1",
        "text": "ä",
        "vector": np.arange(3, dtype=np.int16),
        "ids": torch.arange(4),
        "nested": {"inner": {"x": 1}, "pair": (2, "b")},
    }
    table = litdata.read(written(tmp_path / "a", [sample, sample]))
    known = annotations_of(table)
    assert [known[name] for name in ("count", "weight", "flag", "raw", "text")] == [
        *(int, float, bool, bytes, str),
    ]
    found = dict(zip(known, rows_of(table)[1], strict=True))
    assert found["vector"].dtype == np.int16
    assert found["ids"].tolist() == [0, 1, 2, 3]
    assert (found["nested.inner.x"], found["nested.pair.0"], found["nested.pair.1"]) == (1, 2, "b")


def test_images_keep_their_bytes(tmp_path: Path) -> None:
    files = []
    for image in load_sample_images().images:
        file = io.BytesIO()
        Image.fromarray(image).resize((64, 48)).save(file, "JPEG")
        files.append(file.getvalue())
    rows = [{"image": LitImage(bytes=file, path="a.jpg")} for file in files]
    table = litdata.read(written(tmp_path / "a", rows))
    assert annotations_of(table) == {"image": atdata.Image}
    assert [sample.image.bytes for sample in samples_of(table)] == files


def test_samples_that_are_one_value_are_one_column(tmp_path: Path) -> None:
    table = litdata.read(written(tmp_path / "a", [1, 2, 3]))
    assert [column.name for column in table.columns] == ["data"]
    assert rows_of(table) == [(1,), (2,), (3,)]


def test_pickled_leaf_is_refused_and_not_loaded(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", [{"x": 1, "secret": Trap()}])
    with pytest.raises(SchemaError, match="'secret' is stored as 'pickle': a pickle"):
        litdata.read(folder)


def changed(folder: Path, **config: Any) -> Path:
    index = json.loads((folder / "index.json").read_text())
    index["config"] |= config
    (folder / "index.json").write_text(json.dumps(index))
    return folder


@pytest.mark.parametrize("stored", ["graph", "graph:pickle", "unknown", "../int"])
def test_unknown_leaves_are_refused(tmp_path: Path, stored: str) -> None:
    folder = changed(written(tmp_path / "a", [{"x": b"1"}]), data_format=[stored])
    with pytest.raises(SchemaError, match="column 'x' is stored as"):
        litdata.read(folder)


def test_leaf_that_is_not_what_the_index_says_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", [pickle.dumps(Trap())])
    with pytest.raises(SampleError, match="row 0, column 'data'"):
        litdata.read(changed(folder, data_format=["numpy"]))


def test_index_of_other_types_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="not an index of LitData"):
        litdata.read(changed(written(tmp_path / "a", [{"x": 1}]), data_format=[5]))


def test_absurd_tensor_is_refused(tmp_path: Path) -> None:
    header = np.array([0, 2, 2**31, 2**31], ">u4").tobytes()
    folder = changed(written(tmp_path / "a", [header]), data_format=["tensor"])
    with pytest.raises(SampleError, match="without elements"):
        litdata.read(folder)


@pytest.mark.parametrize("option", [{"compression": "zstd"}, {"item_loader": "TokensLoader"}])
def test_packed_chunks_are_refused(tmp_path: Path, option: Any) -> None:
    folder = changed(written(tmp_path / "a", [{"x": 1}]), **option)
    with pytest.raises(SchemaError, match="compressed, encrypted, or tokens"):
        litdata.read(folder)


def test_structure_of_other_classes_is_refused(tmp_path: Path) -> None:
    spec = [1, {"type": "collections.OrderedDict", "context": "[]", "children_spec": []}]
    folder = changed(written(tmp_path / "a", [{"x": 1}]), data_spec=json.dumps(spec))
    with pytest.raises(SampleError, match="OrderedDict"):
        litdata.read(folder)


def test_chunk_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", [{"x": 1}])
    index = json.loads((folder / "index.json").read_text())
    (tmp_path / "outside.bin").write_bytes((folder / "chunk-0-0.bin").read_bytes())
    index["chunks"][0]["filename"] = "../outside.bin"
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(SampleError, match=r"\.\./outside\.bin"):
        litdata.read(folder)


def test_plain_samples_come_back_equal(tmp_path: Path) -> None:
    samples = [{"i": i, "text": f"t{i}", "deep": {"list": [i, {"a": None}]}} for i in range(600)]
    table = litdata.read(written(tmp_path / "a", samples, chunk_size=500))
    assert [row[:2] for row in rows_of(table)] == [(i, f"t{i}") for i in range(600)]
    assert rows_of(table)[599][2:] == ([599, {"a": None}],)


@pytest.mark.parametrize("sample", [{"x": np.arange(4.0).reshape(2, 2), "y": "text"}, {"y": "a"}])
def test_damaged_chunks_raise_only_errors_of_atdata(tmp_path: Path, sample: Any) -> None:
    folder = written(tmp_path / "a", [sample] * 3)
    chunk = folder / "chunk-0-0.bin"
    sound = chunk.read_bytes()
    for place in range(0, len(sound), 9):
        chunk.write_bytes(sound[:place] + b"\xff" + sound[place + 1 :])
        try:
            rows_of(litdata.read(folder))
        except AtdataError as error:
            assert "chunk-0-0.bin" in str(error)  # noqa: PT017 - some bytes are only pixels


def test_accepts_folders_of_litdata_only(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("{}")
    assert not litdata.accepts(tmp_path)
    assert not litdata.accepts(tmp_path / "missing")
    assert litdata.accepts(written(tmp_path / "a", [{"x": 1}]))
