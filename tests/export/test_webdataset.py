"""Samples as ordinary WebDataset shards: read by stock webdataset and by ``datasets``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import datasets
import numpy as np
import pytest
import webdataset as wds
from numpy.typing import NDArray

import atdata
from atdata.errors import EntryConflict, SchemaError
from atdata.lifecycle import verify
from media.files import image_file


@atdata.packable
class Picture:
    jpg: atdata.Image
    cls: int
    json: dict[str, Any]
    caption: Annotated[str, atdata.Member("txt")]
    depth: Annotated[NDArray[np.float32], atdata.Member("depth.npy")]


def picture(n: int) -> Picture:
    pixels = np.full((8, 8, 3), n, np.uint8)
    depth = np.full((2, 3), n / 2, np.float32)
    image = atdata.Image(image_file("jpeg", pixels))
    return Picture(image, n, {"n": n, "a": [None, "ß"]}, f"größe {n}", depth)


@pytest.fixture
def ds(tmp_path: Path) -> atdata.Dataset[Picture]:
    """Packed samples."""
    return atdata.write_shards(map(picture, range(10)), tmp_path / "packed", maxcount=4)


def same(one: Picture, n: int) -> bool:
    wanted = picture(n)
    fields = (one.jpg, one.cls, one.json, one.caption)
    return fields == (wanted.jpg, n, wanted.json, wanted.caption) and np.array_equal(
        one.depth, wanted.depth
    )


# webdataset leaves its files for the garbage collector to close.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_stock_webdataset_decodes_what_was_packed(
    ds: atdata.Dataset[Picture], tmp_path: Path
) -> None:
    shards = ds.to_webdataset(tmp_path / "members", maxcount=5)
    assert [shard.name for shard in shards] == ["000000.tar", "000001.tar"]
    found = list(wds.WebDataset(list(map(str, shards)), shardshuffle=False).decode("rgb8"))
    assert len(found) == 10
    for n, sample in enumerate(found):
        wanted = picture(n)
        assert abs(sample["jpg"].astype(int) - n).max() <= 2
        assert (sample["cls"], sample["json"], sample["txt"]) == (n, wanted.json, wanted.caption)
        assert np.array_equal(sample["depth.npy"], wanted.depth)


def test_datasets_infers_the_features_of_members(
    ds: atdata.Dataset[Picture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    shards = list(map(str, ds.to_webdataset(tmp_path / "members")))
    found = datasets.load_dataset("webdataset", data_files=shards, split="train", streaming=True)
    assert found.features["jpg"] == datasets.Image()
    assert [row["cls"] for row in found] == list(range(10))


def test_what_is_written_reads_as_the_same_samples(
    ds: atdata.Dataset[Picture], tmp_path: Path
) -> None:
    ds.to_webdataset(tmp_path / "members", maxcount=3)
    assert verify(tmp_path / "members", deep=True).findings == ()
    again = atdata.Dataset[Picture](tmp_path / "members")
    assert all(map(same, again.ordered(), range(10)))
    assert same(again[7], 7)
    once_more = again.to_webdataset(tmp_path / "again", maxcount=3)
    for shard in once_more:
        assert shard.read_bytes() == (tmp_path / "members" / shard.name).read_bytes()


def test_samples_of_no_class_and_other_folders_are_refused(
    ds: atdata.Dataset[Picture], tmp_path: Path
) -> None:
    with pytest.raises(SchemaError):
        atdata.Dataset(ds.list_shards()).to_webdataset(tmp_path / "members")
    with pytest.raises(EntryConflict):
        ds.to_webdataset(tmp_path / "packed")
    assert not (tmp_path / "members").exists()
