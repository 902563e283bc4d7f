"""Shards in the members layout, through every way of reading that packed shards have."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from numpy.typing import NDArray

import atdata
from atdata.errors import RandomAccessError, SampleError, ShardError
from atdata.shards.offsets import index_path, offset_index
from shards.shard_bytes import member, shard


@atdata.packable
class Photo:
    jpg: bytes
    cls: int
    json: dict[str, Any]
    caption: Annotated[str, atdata.Member("txt")]


@atdata.packable
class Small:
    cls: int


def members(n: int) -> dict[str, bytes]:
    return {
        "jpg": bytes([255, 216, n]) * (n % 5),
        "cls": b"%d" % n,
        "json": json.dumps({"n": n}).encode(),
        "txt": f"caption {n}".encode(),
        "pyd": b"cos\nsystem\n(S'touch /tmp/pwned'\ntR.",
    }


def photo(n: int) -> Photo:
    return Photo(bytes([255, 216, n]) * (n % 5), n, {"n": n}, f"caption {n}")


def write(path: Path, start: int, stop: int) -> Path:
    """A shard as tar and webdataset write them: folders, pax headers, several members."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        folder = tarfile.TarInfo("train")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for n in range(start, stop):
            for extension, payload in members(n).items():
                info = tarfile.TarInfo(f"train/{n:05d}.{extension}")
                info.size, info.mtime = len(payload), 1_700_000_000.25
                tar.addfile(info, io.BytesIO(payload))
    return path


@pytest.fixture
def dataset(tmp_path: Path) -> atdata.Dataset[Photo]:
    for number in range(3):
        write(tmp_path / f"{number:06d}.tar", 20 * number, 20 * number + 20)
    return atdata.Dataset[Photo](str(tmp_path / "{000000..000002}.tar"))


PHOTOS = [photo(n) for n in range(60)]


def indexed(dataset: atdata.Dataset[Any]) -> None:
    for name in dataset.list_shards():
        path = Path(name)
        path.with_name(index_path(path.name)).write_bytes(offset_index(path))


def test_samples_come_in_order_typed_and_batched(dataset: atdata.Dataset[Photo]) -> None:
    assert list(dataset.ordered()) == PHOTOS
    batches = list(dataset.ordered(batch_size=7))
    assert [len(batch) for batch in batches] == [7] * 8 + [4]
    assert [caption for batch in batches for caption in batch.caption] == [
        one.caption for one in PHOTOS
    ]


def test_shuffled_samples_are_each_there_once_and_resume(dataset: atdata.Dataset[Photo]) -> None:
    whole = [one.cls for one in dataset.shuffled(seed=3, buffer_samples=16)]
    assert sorted(whole) == list(range(60))
    assert whole != sorted(whole)
    view = dataset.shuffled(seed=3, buffer_samples=16)
    reading = iter(view)
    first = [next(reading).cls for _ in range(25)]
    again = dataset.shuffled(seed=3, buffer_samples=16)
    again.load_state_dict(view.state_dict())
    assert first + [one.cls for one in again] == whole


def test_a_class_of_one_number_has_the_same_order(dataset: atdata.Dataset[Photo]) -> None:
    small = atdata.Dataset[Small](dataset.list_shards())
    options: dict[str, Any] = {"seed": 3, "buffer_samples": 16}
    expected = [one.cls for one in dataset.shuffled(**options)]
    assert [one.cls for one in small.shuffled(**options)] == expected


def test_shuffling_many_shards_keeps_none_of_them_open(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{n:06d}.tar", n, n + 1) for n in range(140)]
    dataset = atdata.Dataset[Small]([str(path) for path in paths])
    found, most = [], 0
    for one in dataset.shuffled(seed=1, buffer_samples=200):
        found.append(one.cls)
        most = max(most, len(list(Path("/proc/self/fd").iterdir())))
    assert sorted(found) == list(range(140))
    assert most < 100


def test_samples_are_read_by_number_slice_field_and_key(dataset: atdata.Dataset[Photo]) -> None:
    assert [dataset[n] for n in (0, 25, -1)] == [PHOTOS[0], PHOTOS[25], PHOTOS[59]]
    assert list(dataset[18:22]) == PHOTOS[18:22]
    assert list(dataset["caption"])[:2] == ["caption 0", "caption 1"]
    assert dataset.get("train/00031") == PHOTOS[31]
    assert dataset.get("train/99999") is None
    with pytest.raises(IndexError):
        dataset[60]


def test_the_length_is_known_from_offset_indexes(dataset: atdata.Dataset[Photo]) -> None:
    with pytest.raises(RandomAccessError):
        len(dataset)
    indexed(dataset)
    dataset = atdata.Dataset[Photo](dataset.list_shards())
    assert len(dataset) == 60
    assert [dataset[n] for n in range(60)] == PHOTOS


def test_an_index_of_other_places_is_refused(dataset: atdata.Dataset[Photo]) -> None:
    indexed(dataset)
    index = Path(dataset.list_shards()[0]).with_suffix(".idx")
    index.write_bytes(index.read_bytes().replace(b"cls", b"clz", 1))
    with pytest.raises(ShardError, match="offset index"):
        len(dataset)


def test_projection_decodes_only_the_members_it_wants(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(shard([member(b"a.cls", b"1"), member(b"a.json", b"{broken")]))
    dataset = atdata.Dataset[Photo](str(path))
    assert [one.cls for one in dataset.project("cls")] == [1]
    with pytest.raises(SampleError):
        list(dataset)


def test_shares_lenses_and_functions_over_shards(dataset: atdata.Dataset[Photo]) -> None:
    @atdata.lens
    def small(photo: Photo) -> Small:
        return Small(photo.cls + 1)

    assert [one.cls for one in dataset.as_type(Small)] == list(range(1, 61))
    assert [one.cls for one in dataset.split(1, 3)] == list(range(20, 40))
    counts = dataset.process_shards(len)
    assert list(counts.values()) == [20, 20, 20]
    assert len(list(pickle.loads(pickle.dumps(dataset)))) == 60


def test_without_a_type_the_safe_members_are_fields(dataset: atdata.Dataset[Photo]) -> None:
    first = next(iter(atdata.Dataset(dataset.list_shards())))
    assert (first["cls"], first["json"], first["txt"]) == (0, {"n": 0}, "caption 0")
    with pytest.raises(SampleError, match="pickle"):
        first["pyd"]


def test_what_a_stock_reader_yields_is_wrapped() -> None:
    dataset = atdata.Dataset[Photo]("none.tar")
    stock = [{"__key__": str(n), **members(n)} for n in range(3)]
    assert list(map(dataset.wrap, stock)) == PHOTOS[:3]
    batch = {name: [one[name] for one in stock] for name in stock[0]}
    assert list(dataset.wrap_batch(batch)) == PHOTOS[:3]


def test_a_missing_member_names_shard_and_member(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(
        shard([member(b"a.cls", b"1"), member(b"b.txt", b"x"), member(b"c.cls", b"3")])
    )
    dataset = atdata.Dataset[Small](str(path))
    with pytest.raises(SampleError, match="no member 'cls'") as caught:
        list(dataset)
    error = caught.value
    assert (error.shard, error.member, error.offset) == (str(path), "b.cls", 1024)
    with pytest.raises(SampleError) as caught:
        dataset[1]
    assert (caught.value.member, caught.value.offset) == ("b.cls", 1024)
    view = dataset.ordered(on_error="skip")
    assert ([one.cls for one in view], view.skipped) == ([1, 3], 1)


@atdata.packable
class Many:
    values: NDArray[np.float32]
    name: str
    count: int | None = None


@pytest.fixture
def many() -> list[Many]:
    return [
        Many(np.arange(n % 4, dtype=np.float32), f"n{n}", None if n % 2 else n) for n in range(25)
    ]


def test_the_same_samples_are_equal_in_both_layouts(tmp_path: Path, many: list[Many]) -> None:
    packed = atdata.write_shards(many, tmp_path / "a", maxcount=10)
    apart = atdata.write_shards(many, tmp_path / "b", maxcount=10, layout="members")
    assert list(packed) == list(apart) == many
    assert len(apart) == 25
    assert [apart[n] for n in range(25)] == many
    assert (tmp_path / "a/schema.json").read_bytes() == (tmp_path / "b/schema.json").read_bytes()


def test_written_members_are_the_same_bytes_each_time(tmp_path: Path, many: list[Many]) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        atdata.write_shards(many, folder, maxcount=10, layout="members", name="m")
    one, other = ({path.name: path.read_bytes() for path in sorted(f.iterdir())} for f in folders)
    assert one == other
    assert one["000001.idx"] == offset_index(folders[0] / "000001.tar")
    with tarfile.open(folders[0] / "000001.tar") as tar:
        assert tar.getnames()[:3] == ["000000010.values", "000000010.name", "000000010.count"]


def test_a_layout_of_another_name_is_refused(tmp_path: Path, many: list[Many]) -> None:
    with pytest.raises(ValueError, match="'packed' or 'members'"):
        atdata.write_shards(many, tmp_path / "a", layout="other")  # type: ignore[arg-type]
