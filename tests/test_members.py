"""Shards of webdataset in indexes, in stores and on the network: bytes unmoved, samples equal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import atdata
from atdata.atmosphere import AtmosphereClient, AtmosphereIndex
from atdata.errors import ShardError
from atdata.lifecycle import verify
from atdata.local import LocalDiskStore, LocalIndex, S3DataStore
from atdata.promote import promote_to_atmosphere
from atdata.samples.schema import schema_document
from atdata.shards.info import inspect_shard
from atdata.shards.recut import recut
from photos import Photo, photo, photo_shard, root_of, tarwriter_shard

pytestmark = pytest.mark.xdist_group("pds")


@atdata.packable
class Number:
    number: int


PHOTOS = [photo(n) for n in range(8)]


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number:06d}.tar" for number in range(2)]
    for path, (start, stop) in zip(paths, ((0, 5), (5, 8)), strict=True):
        path.write_bytes(photo_shard(start, stop))
    return paths


@pytest.fixture
def dataset(shards: list[Path]) -> atdata.Dataset[Photo]:
    return atdata.Dataset[Photo]([str(path) for path in shards])


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(path=tmp_path / "index.db")


def test_an_entry_without_a_store_refers_to_the_shards(
    index: LocalIndex, dataset: atdata.Dataset[Photo], shards: list[Path]
) -> None:
    entry = index.insert_dataset(dataset, name="photos")
    assert entry.shards == tuple(map(inspect_shard, shards))
    loaded = index.open_dataset("photos")
    assert [one.cls for one in loaded] == list(range(8))
    assert loaded[6].caption == "caption 6"
    assert len(loaded) == 8
    assert schema_document(loaded.sample_type) == schema_document(Photo)


def test_an_entry_of_a_build_root_leaves_its_shards_where_they_are(tmp_path: Path) -> None:
    root = root_of(tmp_path / "root", [photo_shard(0, 5), photo_shard(5, 8)])
    before = {path.name: path.read_bytes() for path in root.iterdir()}
    store = LocalDiskStore(tmp_path / "store")
    with LocalIndex(path=tmp_path / "index.db", data_store=store) as index:
        entry = index.add_entry(atdata.load_dataset(root, Photo, split="train"), name="photos")
        assert entry.data_urls == [str(root / "000000.tar"), str(root / "000001.tar")]
        assert entry.shards == tuple(map(inspect_shard, entry.data_urls))
        assert entry.content_cid == verify(root).subject["content_cid"]
        assert [one.cls for one in index.open_dataset("photos")] == list(range(8))
    assert {path.name: path.read_bytes() for path in root.iterdir()} == before


@pytest.mark.parametrize("kind", ["disk", "s3"])
def test_a_store_gets_the_same_bytes(
    kind: str,
    index: LocalIndex,
    dataset: atdata.Dataset[Photo],
    shards: list[Path],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if kind == "disk":
        index.data_store = LocalDiskStore(tmp_path / "store")
    else:
        credentials = request.getfixturevalue("s3_credentials")
        bucket = request.getfixturevalue("s3_bucket")
        index.data_store = S3DataStore(credentials, bucket=bucket)
    entry = index.insert_dataset(dataset, name="photos")
    assert entry.shards == tuple(map(inspect_shard, shards))
    assert [one.json for one in index.open_dataset("photos")] == [one.json for one in PHOTOS]


def test_the_network_gets_the_same_bytes_and_a_stranger_reads_them(
    index: LocalIndex,
    dataset: atdata.Dataset[Photo],
    shards: list[Path],
    client: AtmosphereClient,
) -> None:
    entry = index.insert_dataset(dataset, name="photos")
    uri = promote_to_atmosphere(entry, index, client, verify=True)
    published = AtmosphereIndex(AtmosphereClient()).get_dataset(uri)
    assert published.shards == tuple(map(inspect_shard, shards))
    assert published.content_cid == entry.content_cid
    typed = AtmosphereIndex(AtmosphereClient()).decode_schema(published.schema_ref)
    for found in (
        atdata.load_dataset(uri, split="train"),
        atdata.Dataset[typed](published.data_urls),  # type: ignore[valid-type]
    ):
        rows = [(one.png.bytes, one.cls, one.json, one.caption) for one in found]
        assert rows == [(one.png.bytes, one.cls, one.json, one.caption) for one in PHOTOS]


def skipped() -> AbstractContextManager[object]:
    return pytest.warns(UserWarning, match=r"members beside the samples are skipped: jpg\.")


def test_what_is_beside_packed_samples_is_named_on_every_way(
    index: LocalIndex, tmp_path: Path
) -> None:
    path = tmp_path / "both.tar"
    samples = {f"{n:03d}": {"msgpack": Number(n).packed, "jpg": b"j"} for n in range(20)}
    path.write_bytes(tarwriter_shard(samples))
    dataset = atdata.Dataset[Number](str(path))
    stored = LocalIndex(path=tmp_path / "2.db", data_store=LocalDiskStore(tmp_path / "store"))
    ways: list[Callable[[], object]] = [
        lambda: list(dataset.ordered()),
        lambda: list(dataset.shuffled(seed=1)),
        lambda: list(atdata.Dataset(str(path))),
        lambda: dataset[3],
        lambda: dataset.get("003"),
        lambda: index.insert_dataset(dataset, name="both"),
        lambda: stored.insert_dataset(dataset, name="copied"),
    ]
    for way in ways:
        with skipped():
            way()
    with pytest.raises(ShardError, match="holds fields beside its samples"):
        list(recut(path, tmp_path, maxsize=9000))


def test_members_beside_packed_samples_are_promoted_unmoved_and_named(
    index: LocalIndex, client: AtmosphereClient, tmp_path: Path
) -> None:
    path = tmp_path / "both.tar"
    samples = {f"{n:03d}": {"msgpack": Number(n).packed, "jpg": b"j"} for n in range(20)}
    path.write_bytes(tarwriter_shard(samples))
    with skipped():
        entry = index.insert_dataset(atdata.Dataset[Number](str(path)), name="both")
    with skipped():
        uri = promote_to_atmosphere(entry, index, client)
    published = AtmosphereIndex(AtmosphereClient()).get_dataset(uri)
    assert published.shards == entry.shards
    loaded = atdata.load_dataset(uri, split="train")
    with skipped():
        assert [one.number for one in loaded] == list(range(20))
    with loaded.source.open_shard(loaded.list_shards()[0]) as stream:
        assert stream.read() == path.read_bytes()


def test_a_shard_is_cut_between_samples_with_all_their_members(
    shards: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "cut").mkdir()
    pieces = [path for path, _ in recut(shards[0], tmp_path / "cut", maxsize=14_000)]
    assert len(pieces) > 1
    cut = atdata.Dataset[Photo]([str(path) for path in pieces])
    assert list(cut) == PHOTOS[:5]
    assert cut.get("train/00003") == PHOTOS[3]
    others = list(atdata.Dataset([str(path) for path in pieces]))
    assert {one["extra.bin"] for one in others} == {b"nothing of ours"}
