"""Datasets that are brought into stores: byte for byte unless other shards are asked for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

import atdata
from atdata.errors import EntryError, SampleError, ShardError
from atdata.local import LocalDiskStore, LocalIndex
from atdata.shards.info import content_cid, inspect_shard
from atdata.stores.transfer import transfer
from atdata.testing.samples import Thing, write_things
from readings import Reading, write_readings


@pytest.fixture
def store(tmp_path: Path) -> LocalDiskStore:
    return LocalDiskStore(tmp_path / "store")


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Ten readings in three shards."""
    return write_readings(tmp_path / "made", 10)


def contents(urls: list[str]) -> list[bytes]:
    return [Path(url).read_bytes() for url in urls]


def numbers(urls: list[str]) -> list[int]:
    return [reading.label for reading in atdata.Dataset[Reading](urls)]


def test_shards_are_copied_byte_for_byte(store: LocalDiskStore, paths: list[str]) -> None:
    urls = transfer(atdata.Dataset[Reading](paths), store, prefix="p")
    assert contents(urls) == contents(paths)


def test_cutting_options_pack_the_samples_anew(store: LocalDiskStore, paths: list[str]) -> None:
    urls = transfer(atdata.Dataset[Reading](paths), store, prefix="p", maxcount=6)
    assert [inspect_shard(url).samples for url in urls] == [6, 4]
    assert numbers(urls) == list(range(10))


def test_a_share_is_stored_without_the_rest(store: LocalDiskStore, paths: list[str]) -> None:
    share = atdata.Dataset[Reading](paths).split(0, 2)
    assert numbers(transfer(share, store, prefix="p")) == [0, 1, 2, 3, 8, 9]


def test_a_projection_is_stored_without_other_fields(
    store: LocalDiskStore, paths: list[str]
) -> None:
    urls = transfer(atdata.Dataset[Reading](paths).project("label"), store, prefix="p")
    assert [sample.to_dict() for sample in atdata.Dataset(urls)] == [
        {"label": number} for number in range(10)
    ]


def test_a_source_of_streams_alone_is_packed_anew(store: LocalDiskStore, paths: list[str]) -> None:
    class Streams:
        @property
        def shards(self) -> Iterator[tuple[str, IO[bytes]]]:
            for path in paths:
                yield path, io.BytesIO(Path(path).read_bytes())

    assert numbers(transfer(atdata.Dataset[Reading](Streams()), store, prefix="p")) == [*range(10)]


def test_a_store_that_can_not_copy_writes(tmp_path: Path, paths: list[str]) -> None:
    class WriteOnly:
        def write_shards(self, ds: Any, *, prefix: str, maxcount: int = 10_000) -> list[str]:
            return list(LocalDiskStore(tmp_path / "x").write_shards(ds, prefix=prefix))

    store: Any = WriteOnly()
    assert numbers(transfer(atdata.Dataset[Reading](paths), store, prefix="p")) == [*range(10)]


def test_shards_of_another_sample_type_are_refused(store: LocalDiskStore, tmp_path: Path) -> None:
    things = write_things(tmp_path / "things", 3).list_shards()
    with pytest.raises(SampleError):
        transfer(atdata.Dataset[Reading](things), store, prefix="p")
    assert not store.root.exists()
    assert transfer(atdata.Dataset[Thing](things), store, prefix="p")


def test_a_dataset_without_samples_is_refused(store: LocalDiskStore, tmp_path: Path) -> None:
    (tmp_path / "empty.tar").write_bytes(bytes(1024))
    with pytest.raises(EntryError, match="no samples"):
        transfer(atdata.Dataset[Reading](str(tmp_path / "empty.tar")), store, prefix="p")


def test_a_damaged_shard_is_refused(store: LocalDiskStore, paths: list[str]) -> None:
    Path(paths[2]).write_bytes(Path(paths[2]).read_bytes()[:-600])
    with pytest.raises(ShardError, match="000002"):
        transfer(atdata.Dataset[Reading](paths), store, prefix="p")


def test_a_share_that_is_indexed_in_place_has_its_own_urls(
    tmp_path: Path, paths: list[str]
) -> None:
    pattern = str(Path(paths[0]).parent / "{000000..000002}.tar")
    with LocalIndex(path=tmp_path / "index.db") as index:
        entry = index.insert_dataset(atdata.Dataset[Reading](pattern).split(1, 2), name="share")
    assert entry.data_urls == [paths[1]]
    assert entry.schema_cid is not None
    assert entry.content_cid == content_cid(entry.schema_cid, [inspect_shard(paths[1])])
