"""Datasets that other programs wrote: read, indexed, verified, published, and read by their tools.

The shards are never written again: what users download is byte for byte what the program wrote.
What img2dataset and Energon write was taken from runs of img2dataset 1.47 and Energon 7.4.
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import datasets
import msgpack
import numpy as np
import pytest
import webdataset as wds

import atdata
from appview.running import AppView, as_process, wait_until
from atdata.atmosphere import AppViewClient, AtmosphereClient
from atdata.lifecycle import verify
from atdata.local import LocalIndex
from atdata.promote import promote_to_atmosphere
from atdata.shards.build import finish_root
from atdata.shards.info import inspect_shard
from atdata.shards.offsets import index_path, offset_index
from atdata.shards.target import Label
from media.files import image_file
from servers.atproto_pds import Account, Pds

pytestmark = pytest.mark.xdist_group("pds")


@atdata.packable
class Photo:
    """A photo with its class and caption."""

    jpg: atdata.Image
    cls: int
    json: dict[str, Any]
    caption: Annotated[str, atdata.Member("txt")]


def photo(number: int) -> Photo:
    pixels = np.full((8, 10, 3), number * 10, np.uint8)
    fields = {"key": f"{number:09d}", "width": 10, "tags": ["größe", None]}
    return Photo(atdata.Image(image_file("jpeg", pixels)), number, fields, f"größe {number}")


COUNT = 6
PHOTOS = [photo(number) for number in range(COUNT)]
Sample = dict[str, Any]
"""A key (``__key__``), and the bytes of each member by extension."""


def packed(number: int, one: Photo) -> Sample:
    return {"__key__": f"{number:09d}", "msgpack": one.packed}


def members(number: int, one: Photo) -> Sample:
    return {
        "__key__": f"{number:09d}",
        "jpg": one.jpg.bytes,
        "cls": str(one.cls).encode(),
        "json": json.dumps(one.json).encode(),
        "txt": one.caption.encode(),
    }


LAYOUTS = {"packed": packed, "members": members}

Write = Callable[[list[list[Sample]], Path], None]
"""Writes a shard of each list of samples in a folder."""


def by_shard_writer(shards: list[list[Sample]], folder: Path) -> None:
    """As in webdataset's tutorial."""
    pattern = f"{folder}/photos-%06d.tar"
    with wds.writer.ShardWriter(pattern, maxcount=len(shards[0]), verbose=0) as writer:
        for samples in shards:
            for sample in samples:
                writer.write(sample)


def as_img2dataset(shards: list[list[Sample]], folder: Path) -> None:
    """It writes samples as downloads end, and a table and statistics beside each shard."""
    for number, samples in enumerate(shards):
        with wds.writer.TarWriter(f"{folder}/{number:05d}.tar") as writer:
            for sample in samples[1:] + samples[:1]:
                writer.write(sample)
        (folder / f"{number:05d}.parquet").write_bytes(b"PAR1PAR1")
        (folder / f"{number:05d}_stats.json").write_text('{"count": 3}')


def as_energon(shards: list[list[Sample]], folder: Path) -> None:
    """``energon prepare`` indexes what ShardWriter wrote, beside each shard and in .nv-meta."""
    by_shard_writer(shards, folder)
    for path in folder.glob("*.tar"):
        offsets = struct.pack("<3Q", 0, 512, path.stat().st_size)
        path.with_name(f"{path.name}.idx").write_bytes(offsets)
    meta = folder / ".nv-meta"
    meta.mkdir()
    (meta / "dataset.yaml").write_text("sample_type:\n  __class__: CaptioningSample\n")
    (meta / "split.yaml").write_text("split_parts: {}\n")
    (meta / ".info.json").write_text("{}")
    (meta / "index.sqlite").write_bytes(b"SQLite format 3\0")
    (meta / "index.uuid").write_text("00000000-0000-0000-0000-000000000000")


def as_on_the_hub(shards: list[list[Sample]], folder: Path) -> None:
    """Files in folders of a split, in shards of a folder ``data``."""
    (folder / "data").mkdir()
    for number, samples in enumerate(shards):
        with tarfile.open(folder / f"data/train-{number:05d}.tar", "w") as tar:
            files = files_of(samples, folder.parent / f"files-{number}", "train/")
            tar.add(files, ".")  # folders first, and ``./`` before each name


def by_program(*command: str) -> Write:
    """Run a program on a folder of files: as a user with a folder of photos does."""

    def write(shards: list[list[Sample]], folder: Path) -> None:
        assert shutil.which(command[0]), f"this test runs {command[0]}"
        for number, samples in enumerate(shards):
            files = files_of(samples, folder.parent / f"files-{number}")
            names = sorted(path.name for path in files.iterdir())
            line = [*command, "-cf", f"{folder}/{number:06d}.tar", "-C", str(files), *names]
            subprocess.run(line, check=True)

    return write


def by_tarfile(format_: int) -> Write:
    def write(shards: list[list[Sample]], folder: Path) -> None:
        for number, samples in enumerate(shards):
            files = files_of(samples, folder.parent / f"files-{number}")
            with tarfile.open(folder / f"{number:06d}.tar", "w", format=format_) as tar:
                for path in sorted(files.iterdir()):
                    tar.add(path, path.name)

    return write


def files_of(samples: list[Sample], folder: Path, below: str = "") -> Path:
    """Lay the members of samples in a folder."""
    for sample in samples:
        for extension, data in sample.items():
            if extension != "__key__":
                path = folder / f"{below}{sample['__key__']}.{extension}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
    return folder


WRITERS: dict[str, Write] = {
    "webdataset ShardWriter": by_shard_writer,
    "img2dataset": as_img2dataset,
    "GNU tar": by_program("tar"),
    "bsdtar": by_program("bsdtar"),
    "tarfile PAX": by_tarfile(tarfile.PAX_FORMAT),
    "tarfile GNU": by_tarfile(tarfile.GNU_FORMAT),
    "Energon": as_energon,
    "Hugging Face hub": as_on_the_hub,
}


@pytest.fixture(scope="module")
def appview(pds: Pds, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppView]:
    """One service that follows the PDS."""
    data = tmp_path_factory.mktemp("appview")
    with as_process(data, "--pds", pds.url, ATDATA_PLC_URL=pds.plc_url) as service:
        yield service


@pytest.fixture(scope="module")
def publisher(pds: Pds) -> Account:
    """One account that publishes all."""
    return pds.new_account("photographer")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("writer", WRITERS)
def test_shards_of_another_writer_reach_its_own_tools_unmoved(
    writer: str,
    layout: str,
    tmp_path: Path,
    pds_env: Pds,
    publisher: Account,
    appview: AppView,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = written(tmp_path, writer, layout)
    dataset = atdata.Dataset[Photo]([str(path) for path in files])
    assert numbers(dataset) == list(range(COUNT))
    for path in files:
        path.with_name(index_path(path.name)).write_bytes(offset_index(path))
    assert sorted(dataset[n].cls for n in range(len(dataset))) == list(range(COUNT))

    finish_root(files[0].parent, Photo, Label(name="photos"), infos(files))
    report = verify(files[0].parent, deep=True)
    assert list(map(str, report.findings)) == []

    client = AtmosphereClient(pds_env.url)
    client.login(publisher.handle, publisher.app_password)
    index = LocalIndex(path=tmp_path / "index.db")
    name = f"{writer} {layout}".lower().replace(" ", "-")
    entry = index.insert_dataset(dataset, name=name)
    assert entry.content_cid == report.subject["content_cid"]
    promote_to_atmosphere(entry, index, client)

    loaded = atdata.load_dataset(f"@{publisher.handle}/{name}", split="train")
    assert loaded.sample_type is not Photo
    assert [stream.read() for _, stream in loaded.shards] == [one.read_bytes() for one in files]
    assert sorted(map(values, loaded), key=lambda row: row[1]) == list(map(values, PHOTOS))

    wait_until(partial(found, appview, name, publisher.handle))
    (view,) = found(appview, name, publisher.handle)
    urls = atdata.Dataset[Photo](view.wds).list_shards()
    stock = list(wds.WebDataset(urls, shardshuffle=False).decode())
    assert sorted(map(STOCK[layout], stock)) == sorted(map(plain, PHOTOS))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    hub = datasets.load_dataset("webdataset", data_files=urls, split="train", streaming=True)
    assert sorted(map(HUB[layout], hub)) == sorted(map(plain, PHOTOS))


def written(tmp_path: Path, writer: str, layout: str) -> list[Path]:
    """The shards that a program wrote."""
    folder = tmp_path / "photos"
    folder.mkdir()
    samples = [LAYOUTS[layout](number, one) for number, one in enumerate(PHOTOS)]
    WRITERS[writer]([samples[: COUNT // 2], samples[COUNT // 2 :]], folder)
    return sorted(folder.rglob("*.tar"))


def infos(files: list[Path]) -> list[tuple[Path, Any]]:
    return [(path, inspect_shard(path)) for path in files]


def numbers(dataset: atdata.Dataset[Photo]) -> list[int]:
    return sorted(sample.cls for sample in dataset.ordered())


def values(one: Any) -> tuple[bytes, int, Any, str]:
    return one.jpg.bytes, one.cls, one.json, one.caption


def plain(one: Photo) -> tuple[str, int, str]:
    return one.caption, one.cls, one.json["key"]


def of_map(fields: dict[str, Any]) -> tuple[str, int, str]:
    assert fields["jpg"].startswith(b"\xff\xd8")
    return fields["caption"], fields["cls"], fields["json"]["key"]


def of_packed(row: dict[str, Any]) -> tuple[str, int, str]:
    return of_map(msgpack.unpackb(row["msgpack"]))


def of_members(row: dict[str, Any]) -> tuple[str, int, str]:
    return of_map({**row, "caption": row["txt"]})


def of_features(row: dict[str, Any]) -> tuple[str, int, str]:
    assert np.asarray(row["jpg"]).shape == (8, 10, 3)
    return row["txt"], row["cls"], row["json"]["key"]


STOCK = {"packed": of_packed, "members": of_members}
HUB = {"packed": of_packed, "members": of_features}


def found(appview: AppView, name: str, author: str) -> list[Any]:
    views = AppViewClient(appview.url).search(author=author)
    return [view for view in views if view.name == name]
