"""What is known of shards before they are copied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import atdata
from atdata.errors import DigestMismatch, SampleTooLarge, ShardError
from atdata.shards.info import ShardInfo, inspect_shard
from atdata.sources import URLSource
from atdata.stores.copying import Copies
from atdata_records import cid as cids

from .conftest import Number

MakeDataset = Callable[[int], atdata.Dataset[Number]]
FAR = URLSource("https://nowhere.invalid/{0..1}.tar")
"""Shards that nobody opens."""


def info(size: int, samples: int) -> ShardInfo:
    return ShardInfo(cids.of_bytes(b""), size, samples)


def test_the_size_of_all_shards(make_dataset: MakeDataset) -> None:
    (path,) = make_dataset(5).list_shards()
    size = Path(path).stat().st_size
    assert Copies(URLSource([path, path]), None, None).size() == 2 * size
    assert Copies(URLSource([path, "https://nowhere.invalid/a.tar"]), None, None).size() is None
    assert Copies(FAR, None, None).size() is None
    assert Copies(FAR, [info(2000, 1), info(3000, 1)], None).size() == 5000


def test_another_number_of_shards_than_announced_raises() -> None:
    with pytest.raises(DigestMismatch, match="1 shards are expected"):
        Copies(FAR, [info(2000, 1)], None)


def test_a_sample_that_is_too_large_is_found_before_a_byte_is_read(
    make_dataset: MakeDataset,
) -> None:
    # From size and count: two samples in 9,000 bytes can't both fit into 4,000 …
    with pytest.raises(SampleTooLarge, match=r"4,000 bytes at most.*1\.tar"):
        Copies(FAR, [info(3000, 1), info(9000, 2)], 4000).check()
    Copies(FAR, [info(3000, 1), info(9000, 4)], 4000).check()
    # … and from the headers of files.
    (path,) = make_dataset(5).list_shards()
    with pytest.raises(SampleTooLarge, match=r"1,500 bytes at most.*key-0\.msgpack"):
        Copies(URLSource(path), None, 1500).check()
    Copies(URLSource(path), None, 2048).check()
    Copies(URLSource(path), None, None).check()


def test_a_damaged_file_that_would_be_cut(make_dataset: MakeDataset) -> None:
    path = Path(make_dataset(50).list_shards()[0])
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(ShardError, match=path.name):
        Copies(URLSource(path), None, 4096).check()


def test_pieces_and_what_they_were_cut_from(make_dataset: MakeDataset, tmp_path: Path) -> None:
    (path,) = make_dataset(50).list_shards()
    (tmp_path / "out").mkdir()
    copies = Copies(URLSource(path), None, 8192)
    pieces = list(copies.pieces(tmp_path / "out"))
    assert copies.cut
    assert copies.originals == [inspect_shard(path)]
    assert [info for _, info in pieces] == [inspect_shard(piece) for piece, _ in pieces]
    assert sorted((tmp_path / "out").iterdir()) == [piece for piece, _ in pieces]
