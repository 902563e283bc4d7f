from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import datasets
import numpy as np
import pyarrow.parquet
import pytest
import torch
from numpy.typing import NDArray

import atdata
from atdata.base import scratch
from atdata.errors import SampleError, StorageError
from atdata.export import batches
from atdata.shards import ShardWriter
from media.files import image_file, sound_file, video_file

WAV, MP4 = sound_file("WAV"), video_file("mp4")


@atdata.packable
class Scene:
    """A picture with what belongs to it."""

    image: atdata.Image
    views: list[atdata.Image]
    sound: atdata.Audio | None
    film: atdata.Video
    label: Literal["cat", "dog"]
    pixels: NDArray[np.uint8]
    caption: str
    number: int


def scene(n: int) -> Scene:
    pixels = np.full((4, 5, 3), n, np.uint8)
    png = atdata.Image(image_file("png", pixels))
    return Scene(
        png,
        [png] * (n % 3),
        None if n % 2 else atdata.Audio(WAV),
        atdata.Video(MP4),
        "dog" if n % 2 else "cat",
        pixels,
        f"number {n}",
        n,
    )


FEATURES = datasets.Features(
    image=datasets.Image(),
    views=datasets.List(datasets.Image()),
    sound=datasets.Audio(),
    film=datasets.Video(),
    label=datasets.ClassLabel(names=["cat", "dog"]),
    pixels=datasets.Array3D((4, 5, 3), "uint8"),
    caption=datasets.Value("string"),
    number=datasets.Value("int64"),
)


@pytest.fixture
def ds(tmp_path: Path) -> atdata.Dataset[Scene]:
    return atdata.write_shards(map(scene, range(10)), tmp_path / "scenes", maxcount=4)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of ``datasets``."""
    cache = tmp_path / "datasets-cache"
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(cache))
    return cache


def undecoded(found: Any) -> Any:
    for name, feature in (("sound", datasets.Audio), ("film", datasets.Video)):
        found = found.cast_column(name, feature(decode=False))
    return found


def check(found: Any, indices: range) -> None:
    """The rows are these scenes; pictures are decoded by ``datasets``."""
    rows = list(undecoded(found))
    assert len(rows) == len(indices)
    for row, n in zip(rows, indices, strict=True):
        wanted = scene(n)
        assert np.array_equal(np.asarray(row["image"]), wanted.pixels)
        assert [np.asarray(view).max() for view in row["views"]] == [n] * (n % 3)
        assert row["sound"] == (None if n % 2 else {"bytes": WAV, "path": None})
        assert row["film"] == {"bytes": MP4, "path": None}
        assert FEATURES["label"].int2str(row["label"]) == wanted.label
        assert np.array_equal(row["pixels"], wanted.pixels)
        assert (row["caption"], row["number"]) == (wanted.caption, n)


def test_samples_become_a_dataset_with_features(ds: atdata.Dataset[Scene], cache: Path) -> None:
    found = ds.to_hf()
    assert isinstance(found, datasets.Dataset)
    assert found.features == FEATURES
    check(found, range(10))
    assert not cache.exists()


def test_a_stream_reads_the_shards_as_it_is_iterated_over(
    ds: atdata.Dataset[Scene], cache: Path
) -> None:
    found = ds.to_hf(streaming=True)
    assert isinstance(found, datasets.IterableDataset)
    assert found.features == FEATURES
    assert found.num_shards == 3
    check(found, range(10))
    check(found.shard(3, 1), range(4, 8))
    check(found.skip(7), range(7, 10))
    check(pickle.loads(pickle.dumps(found)), range(10))
    assert not cache.exists()


def test_workers_of_a_data_loader_share_a_stream(tmp_path: Path) -> None:
    shards = [{"values": np.full((2, 2), n, np.float32), "n": n} for n in range(12)]
    ds = atdata.write_shards((Numbered(**one) for one in shards), tmp_path / "a", maxcount=3)
    stream = ds.to_hf(streaming=True).with_format("torch")
    loader = torch.utils.data.DataLoader(stream, batch_size=None, num_workers=2)
    found = sorted(loader, key=lambda one: int(one["n"]))
    assert [int(one["n"]) for one in found] == list(range(12))
    assert all(torch.equal(one["values"], torch.full((2, 2), int(one["n"]))) for one in found)


@atdata.packable
class Numbered:
    values: NDArray[np.float32]
    n: int


def test_a_map_makes_the_rows(ds: atdata.Dataset[Scene]) -> None:
    for streaming in (False, True):
        found = ds.to_hf(sample_map=lambda one: {"twice": one.number * 2}, streaming=streaming)
        assert list(found) == [{"twice": 2 * n} for n in range(10)]


def test_samples_without_a_class_have_the_features_of_their_values(
    ds: atdata.Dataset[Scene],
) -> None:
    found = atdata.Dataset(ds.list_shards()).to_hf()
    assert found.features["number"] == datasets.Value("int64")
    assert found.features["label"] == datasets.Value("string")
    assert found["number"][:] == list(range(10))


def test_the_file_is_written_in_batches_and_removed_at_exit(tmp_path: Path) -> None:
    code = """
import sys, numpy, atdata
from test_hugging_face import Numbered
from atdata.export import batches
batches.MOST = 2
samples = (Numbered(numpy.ones((2, 2), "f4"), n) for n in range(5))
found = atdata.write_shards(samples, sys.argv[1]).to_hf()
doubled = found.map(lambda one: {"n": 2 * one["n"]})
assert doubled["n"][:] == [0, 2, 4, 6, 8]
(file,) = found.cache_files
print(file["filename"])
"""
    environment = {"TMPDIR": str(tmp_path), "HOME": str(tmp_path), "PATH": ""}
    paths = ":".join([str(Path(__file__).parent), *sys.path])
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a")],
        env={**environment, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    name = Path(run.stdout.strip())
    assert tmp_path in name.parents
    assert not name.exists()
    assert not list(tmp_path.glob("atdata-*/*"))


def test_a_sample_that_does_not_fit_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_BYTES", 1)  # a batch for each sample
    folder = tmp_path / "lasting"
    folder.mkdir()
    monkeypatch.setattr("atdata.export.hugging_face.lasting_folder", lambda: folder)
    odd = [Numbered(np.ones((2, 2), "f4"), 0), Numbered(np.ones((3, 2), "f4"), 1)]
    ds = atdata.write_shards(odd, tmp_path / "a")
    with pytest.raises(SampleError, match="column 'values'"):
        ds.to_hf()
    assert not list(folder.iterdir())
    assert len(atdata.write_shards(odd[:1] * 5, tmp_path / "b").to_hf()) == 5


def test_a_folder_that_cant_be_written_is_named(
    ds: atdata.Dataset[Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path / "missing"))
    scratch._lasting.cache_clear()
    with pytest.raises(StorageError, match="missing") as caught:
        ds.to_hf()
    assert caught.value.hint == "Set TMPDIR to a folder with enough space."


def test_an_empty_dataset_is_refused(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a.tar"):
        pass
    ds = atdata.Dataset[Numbered](tmp_path / "a.tar")
    for streaming in (False, True):
        with pytest.raises(SampleError, match="no samples"):
            ds.to_hf(streaming=streaming)


@atdata.packable
class Clip:
    image: atdata.Image
    views: list[atdata.Image]
    sound: atdata.Audio | None
    film: atdata.Video
    number: int


def clip(one: Scene) -> Clip:
    return Clip(one.image, one.views, one.sound, one.film, one.number)


def test_datasets_reads_media_in_parquet_files(tmp_path: Path) -> None:
    ds = atdata.write_shards((clip(scene(n)) for n in range(10)), tmp_path / "clips")
    (path,) = ds.to_parquet(tmp_path / "clips.parquet")
    whole = {name: FEATURES[name] for name in ds.column_names}
    read = datasets.load_dataset("parquet", data_files=str(path), split="train")
    streamed = datasets.load_dataset("parquet", data_files=str(path), split="train", streaming=True)
    for found in (datasets.Dataset.from_parquet(str(path)), read, streamed):
        assert found.features == whole
        rows = list(undecoded(found))
        assert [one["number"] for one in rows] == list(range(10))
        assert [np.asarray(one["image"]).max() for one in rows] == list(range(10))
        assert rows[0]["film"] == {"bytes": MP4, "path": None}
    assert pyarrow.parquet.read_table(path)["image"][0].as_py()["bytes"] == scene(0).image.bytes


def test_an_arrow_table_with_media_is_a_dataset(tmp_path: Path) -> None:
    @atdata.packable
    class Picture:
        image: atdata.Image
        sound: atdata.Audio | None

    ds = atdata.write_shards([Picture(scene(3).image, None)], tmp_path / "pictures")
    found = datasets.Dataset(ds.to_arrow())
    assert found.features == {"image": datasets.Image(), "sound": datasets.Audio()}
    assert np.asarray(found[0]["image"]).max() == 3
    assert ds.to_pandas()["image"][0]["bytes"] == scene(3).image.bytes
    assert ds.to_polars()["image"][0]["bytes"] == scene(3).image.bytes


def test_a_parquet_file_of_datasets_holds_what_to_hf_gives(
    ds: atdata.Dataset[Scene], tmp_path: Path
) -> None:
    ds.to_hf().to_parquet(str(tmp_path / "scenes.parquet"))
    check(datasets.Dataset.from_parquet(str(tmp_path / "scenes.parquet")), range(10))
