from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from atdata import Dataset
from atdata.errors import (
    AtdataError,
    DigestMismatch,
    RandomAccessError,
    SampleError,
    ShardError,
)
from atdata.reading.seek import Seeker
from atdata.shards import ShardInfo, ShardWriter, counts, inspect_shard
from atdata.shards.offsets import offset_index
from atdata.sources import VerifiedSource
from atdata.sources.adapt import AdaptedSource
from atdata.sources.url import URLSource
from atdata.testing.samples import Thing, things, write_things
from atdata.writing import write_shards
from servers.web import web_server


def seeker(names: list[str]) -> Seeker:
    return Seeker(AdaptedSource(URLSource(names)), names)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Dataset[Thing]:
    """Fifty samples in shards of eight, with their indexes."""
    return write_shards(things(50), tmp_path_factory.mktemp("built") / "a", maxcount=8)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Dataset[Thing]:
    """The same without."""
    return write_things(tmp_path_factory.mktemp("bare"), 50, maxcount=8)


@settings(max_examples=50)
@given(st.lists(st.integers(-60, 60), max_size=20))
def test_samples_by_number_are_those_of_a_list(
    built: Dataset[Thing], bare: Dataset[Thing], indices: list[int]
) -> None:
    everything = things(50)
    for dataset in (built, bare):
        for index in indices:
            if -50 <= index < 50:
                assert dataset[index] == everything[index]
            else:
                with pytest.raises(IndexError, match=f"sample {index} of 50"):
                    dataset[index]
        inside = [index for index in indices if -50 <= index < 50]
        assert list(dataset.select(inside)) == [everything[index] for index in inside]


def test_a_payload_comes_with_its_place(built: Dataset[Thing]) -> None:
    shard, key, offset, payload = seeker(built.list_shards()).payload(9)
    assert (shard, key) == (built.list_shards()[1], "000000009")
    assert Path(shard).read_bytes()[offset : offset + 512].startswith(b"000000009.msgpack")
    assert Thing.from_bytes(payload).number == 9


def test_few_files_are_open_at_once(tmp_path: Path) -> None:
    dataset = write_things(tmp_path, 150, maxcount=1)
    assert [dataset[number].number for number in (0, 149, 75, 0)] == [0, 149, 75, 0]
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert [thing.number for thing in dataset.select(range(150))] == list(range(150))
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 70


def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are opened from here on."""
    names: list[str] = []
    real = Path.open

    def seen(path: Path, *args: Any, **kwargs: Any) -> Any:
        names.append(path.name)
        return real(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", seen)
    return names


def test_a_shard_that_is_in_use_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = write_things(tmp_path, 150, maxcount=1)
    assert dataset[0].number == 0
    names = opened(monkeypatch)
    for number in range(150):
        assert (dataset[0].number, dataset[number].number) == (0, number)
    assert len(names) < 200
    assert names.count("000000.tar") <= 1


def test_indexes_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = write_shards(things(150), tmp_path / "a", maxcount=1)
    (tmp_path / "a" / "dataset.json").unlink()
    read: list[Path] = []
    real = counts.read_index

    def counted(path: Path, shard: str) -> Any:
        read.append(path)
        return real(path, shard)

    monkeypatch.setattr(counts, "read_index", counted)
    assert len(dataset) == len(dataset) == len(list(dataset)) == 150
    assert len(read) == 150
    for number in range(300):
        assert dataset[number % 150].number == number % 150
    assert len(read) == 300  # once more for the ends


def test_a_shard_that_was_replaced_is_indexed_anew(tmp_path: Path) -> None:
    dataset = write_things(tmp_path, 130, maxcount=2)
    assert [dataset[0].number, dataset[1].number] == [0, 1]
    assert dataset[129].number == 129
    list(dataset.select(range(2, 130)))
    first = Path(dataset.list_shards()[0])
    with ShardWriter(first) as writer:
        for number in (7, 8):
            writer.write(f"a-longer-key-{number}", things(9)[number].packed)
    assert [dataset[0].number, dataset[1].number] == [7, 8]
    with ShardWriter(first) as writer:
        writer.write("one", things(1)[0].packed)
    list(dataset.select(range(2, 130)))
    with pytest.raises(ShardError, match="1 samples, not 2"):
        dataset[1]


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_compressed_shards_are_read_in_order_and_not_by_number(tmp_path: Path, kind: str) -> None:
    plain = Path(write_things(tmp_path, 5, maxcount=5).list_shards()[0]).read_bytes()
    compress = gzip.compress if kind == "gzip" else zstandard.compress
    path = tmp_path / "a.tar.x"
    path.write_bytes(compress(plain))
    dataset = Dataset[Thing](path)
    with pytest.raises(RandomAccessError, match="is compressed") as caught:
        dataset[3]
    assert isinstance(caught.value, TypeError)
    assert caught.value.shard == str(path)
    assert list(dataset) == things(5)


@pytest.mark.parametrize("index", [1.0, None, [1, 2]])
def test_what_is_not_a_number_chooses_no_sample(built: Dataset[Thing], index: Any) -> None:
    with pytest.raises(RandomAccessError, match=r"by number.*\n.*select\(\[3, 1\]\)"):
        built[index]
    with pytest.raises(RandomAccessError, match="by number"):
        list(built.select([index]))


@pytest.mark.parametrize("chosen", [slice(3), slice(-3, None), slice(40, 2, -7), slice(48, 99)])
def test_a_slice_is_a_batch_of_the_samples_of_a_list(
    built: Dataset[Thing], bare: Dataset[Thing], chosen: slice
) -> None:
    for dataset in (built, bare):
        batch = dataset[chosen]
        assert list(batch) == things(50)[chosen]
        assert batch.sample_type is Thing
        assert batch.number == [one.number for one in things(50)[chosen]]
        assert batch.values.flags.writeable
    assert len(built[60:]) == 0


def test_numpy_numbers_choose_samples(built: Dataset[Thing]) -> None:
    assert built[np.int64(3)].number == 3


def test_the_length_is_known_from_indexes_manifests_and_promises(
    bare: Dataset[Thing], tmp_path: Path
) -> None:
    built = write_shards(things(50), tmp_path / "a", maxcount=8)
    assert len(built) == 50
    for index in (tmp_path / "a").glob("*.idx"):
        index.unlink()
    assert len(built) == len(Dataset(f"{tmp_path}/a/{{000000..000006}}.tar")) == 50
    assert len(built.split(0, 2)) + len(built.split(1, 2)) == 50
    infos = [inspect_shard(Path(name)) for name in bare.list_shards()]
    assert len(Dataset(VerifiedSource(bare.source, infos))) == 50


def test_an_unknown_length_is_a_type_error(bare: Dataset[Thing]) -> None:
    with pytest.raises(TypeError, match="has no offset index and no manifest") as caught:
        len(bare)
    assert isinstance(caught.value, RandomAccessError)
    assert sum(1 for _ in bare) == len(list(bare)) == 50


def test_a_length_fetches_no_remote_shard(built: Dataset[Thing]) -> None:
    infos = [inspect_shard(Path(name)) for name in built.list_shards()]
    with web_server() as web:
        urls = [web.url(f"/{number}.tar") for number in range(len(infos))]
        with pytest.raises(TypeError, match="not known"):
            len(Dataset(urls))
        assert len(Dataset(VerifiedSource(URLSource(urls), infos))) == 50
        assert web.seen == []


def test_remote_shards_are_read_by_number_from_the_cache(built: Dataset[Thing]) -> None:
    with web_server() as web:
        urls = [
            web.serve(f"/{number}.tar", Path(name).read_bytes(), headers={"ETag": f'"{number}"'})
            for number, name in enumerate(built.list_shards())
        ]
        dataset = Dataset[Thing](urls)
        assert [dataset[index].number for index in (49, 0, -1, 20)] == [49, 0, 49, 20]


def test_shards_that_can_only_be_streamed_have_no_numbers(
    built: Dataset[Thing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_CACHE", "off")
    with web_server() as web:
        url = web.serve("/0.tar", Path(built.list_shards()[0]).read_bytes())
        with pytest.raises(TypeError, match="read as a stream"):
            Dataset[Thing](url)[0]


def test_other_bytes_than_promised_are_not_given_out(bare: Dataset[Thing]) -> None:
    infos = [inspect_shard(Path(name)) for name in bare.list_shards()]
    wrong = [ShardInfo(infos[1].cid, infos[0].size, infos[0].samples), *infos[1:]]
    with pytest.raises(DigestMismatch):
        Dataset[Thing](VerifiedSource(bare.source, wrong))[0]


def test_a_sample_that_is_none_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with ShardWriter(path) as writer:
        writer.write("a", things(1)[0].packed)
        writer.write("b", b"\xc1")
    dataset = Dataset[Thing](path)
    assert dataset[0].number == 0
    with pytest.raises(SampleError) as caught:
        dataset[1]
    assert caught.value.shard == str(path)
    assert path.read_bytes()[caught.value.offset :].startswith(b"b.msgpack")


@pytest.mark.parametrize("seed", range(100))
def test_a_damaged_index_never_gives_another_sample(tmp_path: Path, seed: int) -> None:
    """Whatever it says: an error, or a sample that is there."""
    dataset = write_shards(things(20), tmp_path / "a")
    index = tmp_path / "a" / "000000.idx"
    chance = random.Random(seed)
    data = bytearray(index.read_bytes())
    for _ in range(chance.randint(1, 3)):
        data[chance.randrange(len(data))] = chance.choice(b"0123456789 \nmv.")
    index.write_bytes(data)
    for number in range(20):
        try:
            found: Thing | AtdataError = dataset[number]
        except AtdataError as error:
            found = error
        if isinstance(found, AtdataError):
            assert isinstance(found, ShardError)
            assert found.hint is not None
        else:
            assert found in things(20)


def test_a_foreign_index_changes_no_sample_and_no_length(tmp_path: Path) -> None:
    dataset = write_things(tmp_path, 20, maxcount=20)
    shard = Path(dataset.list_shards()[0])
    lines = offset_index(shard).splitlines(keepends=True)[1:]
    shard.with_suffix(".idx").write_bytes(b"v1.2 19\n" + b"".join(lines[1:]))
    for read in (lambda: dataset[0], lambda: len(Dataset(str(shard)))):
        with pytest.raises(ShardError, match="offset index does not fit"):
            read()
    assert list(dataset.ordered()) == things(20)
    shard.with_suffix(".idx").write_bytes(b"v1.2 20\n" + b"".join(lines))
    assert len(Dataset[Thing](str(shard))) == 20
    assert [dataset[number] for number in range(20)] == things(20)
