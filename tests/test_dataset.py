from __future__ import annotations

import io
import pickle
import random
import resource
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import IO, Any

import msgpack
import numpy as np
import pytest
import webdataset
from numpy.typing import NDArray

import atdata
from atdata import Dataset, DictSample, PackableSample, SampleBatch, URLSource
from atdata.dataset import BatchSizeWarning
from atdata.errors import AtdataError, SampleError, SchemaError, ShardError, StorageError, UrlError
from atdata.shards import ShardWriter, cut_shards, inspect_shard
from atdata.sources import VerifiedSource
from servers.web import web_server


@atdata.packable
class Feature:
    features: NDArray[np.float32]
    label: int


def feature(label: int) -> Feature:
    return Feature(features=np.full(4, label, dtype=np.float32), label=label)


def write(folder: Path, count: int = 10, per_shard: int = 4) -> str:
    """Shards of samples labelled from 0; their brace pattern."""
    folder.mkdir(exist_ok=True)
    paths = list(cut_shards(map(feature, range(count)), folder, maxcount=per_shard))
    return f"{folder}/{{000000..{len(paths) - 1:06d}}}.tar"


@pytest.fixture
def pattern(tmp_path: Path) -> str:
    return write(tmp_path / "data")


def labels(samples: Iterable[Any]) -> list[int]:
    return [sample.label for sample in samples]


# Where samples come from


def test_a_pattern_a_list_a_path_and_a_source_give_the_same(pattern: str, tmp_path: Path) -> None:
    names = URLSource(pattern).list_shards()
    for dataset in (
        Dataset[Feature](pattern),
        Dataset[Feature](url=pattern),
        Dataset[Feature](names),
        Dataset[Feature]([Path(name) for name in names]),
        Dataset[Feature](URLSource(pattern)),
        Dataset[Feature]([f"file://{name}" for name in names]),
    ):
        assert labels(dataset) == labels(dataset.ordered()) == list(range(10))
        assert len(dataset.shard_list) == 3
        assert dataset.list_shards() == dataset.shard_list
    assert labels(Dataset[Feature](Path(names[1]))) == [4, 5, 6, 7]


def test_shards_are_streams_to_iterate_over_or_to_call(pattern: str) -> None:
    dataset = Dataset[Feature](pattern)
    for pairs in (dataset.shards, dataset.shards()):
        found = []
        for name, stream in pairs:
            with stream:
                found.append((name, inspect_shard(stream, name).samples))
        assert found == list(zip(dataset.shard_list, [4, 4, 2], strict=True))


def test_a_source_as_in_the_seed_is_streamed(pattern: str) -> None:
    names = URLSource(pattern).list_shards()

    class Custom:
        def __init__(self) -> None:
            self.streams: list[IO[bytes]] = []

        @property
        def shard_list(self) -> list[str]:
            return names

        def shards(self) -> Iterator[tuple[str, IO[bytes]]]:
            for name in names:
                yield name, self.open_shard(name)

        def open_shard(self, shard_id: str) -> IO[bytes]:
            self.streams.append(io.BytesIO(Path(shard_id).read_bytes()))
            return self.streams[-1]

    source = Custom()
    dataset = Dataset[Feature](source)
    assert dataset.source is source
    assert source.streams == []
    assert labels(dataset) == list(range(10))
    assert all(stream.closed for stream in source.streams)


def test_over_http(pattern: str) -> None:
    with web_server() as web:
        urls = [
            web.serve(f"/{i}.tar", Path(name).read_bytes())
            for i, name in enumerate(URLSource(pattern).list_shards())
        ]
        assert labels(Dataset[Feature](urls)) == list(range(10))
        assert labels(Dataset[Feature](web.url("/{0..2}.tar"))) == list(range(10))


@pytest.mark.parametrize("given", [{}, {"source_or_url": "a", "url": "b"}])
def test_one_source_is_needed(given: dict[str, str]) -> None:
    with pytest.raises(UrlError, match="needs one source"):
        Dataset(**given)


def test_nothing_is_opened_before_samples_are_asked_for(tmp_path: Path) -> None:
    dataset = Dataset[Feature](tmp_path / "none.tar")
    view = dataset.ordered()
    with pytest.raises(StorageError, match="No such file"):
        list(view)


# In other processes


def test_a_dataset_survives_pickling(pattern: str) -> None:
    copy = pickle.loads(pickle.dumps(Dataset[Feature](pattern)))
    assert copy.sample_type is Feature
    assert labels(copy) == list(range(10))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_dataset_goes_to_other_processes(pattern: str, method: str) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
        samples = pool.submit(list, Dataset(pattern)).result(timeout=60)
    assert [type(sample) for sample in samples] == [DictSample] * 10
    assert labels(samples) == list(range(10))


def test_a_dataset_that_was_used_goes_to_other_processes(pattern: str) -> None:
    dataset = Dataset[Feature](pattern)
    assert dataset[3].label == 3  # opens a shard
    for one in (dataset, dataset.project("label"), dataset.split(1, 3)):
        copy = pickle.loads(pickle.dumps(one))
        assert copy.sample_type is one.sample_type
        assert labels(copy) == labels(one)
    sample = next(iter(dataset.project("label")))
    assert pickle.loads(pickle.dumps(sample)) == sample


# Other types


@atdata.packable
class Labelled:
    label: int


@atdata.packable
class Doubled:
    label: int


@atdata.packable
class Named:
    label: str


@atdata.lens
def labelled(feature: Feature) -> Labelled:
    return Labelled(feature.label)


@atdata.lens
def doubled(one: Labelled) -> Doubled:
    return Doubled(2 * one.label)


@atdata.lens
def named(one: Doubled) -> Named:
    return Named(f"label {one.label}")


def test_a_dataset_is_seen_through_compositions_of_lenses(pattern: str) -> None:
    dataset = Dataset[Feature](pattern)
    assert labels(dataset.as_type(Doubled)) == list(range(0, 20, 2))
    seen = dataset.as_type(Named)
    assert seen.sample_type is Named
    assert [one.label for one in seen] == [f"label {2 * n}" for n in range(10)]
    assert [one.label for one in dataset.as_type(Labelled).as_type(Named)] == [
        one.label for one in seen
    ]
    with pytest.raises(SchemaError, match="no lens leads from Feature to Other"):
        dataset.as_type(Other)
    with pytest.raises(SchemaError):
        dataset.as_type(int)


@atdata.packable
class Other:
    label: int


def test_a_share_stays_one_in_another_type(pattern: str) -> None:
    for dataset in (Dataset[Feature](pattern), Dataset(pattern)):
        shares = [dataset.split(rank, 2) for rank in range(2)]
        target: Any = Labelled if dataset.sample_type is Feature else Feature
        seen = [share.as_type(target) for share in shares]
        assert [one.list_shards() for one in seen] == [one.list_shards() for one in shares]
        assert list(map(labels, seen)) == list(map(labels, shares))


def test_a_view_of_another_type_has_the_same_length(pattern: str, tmp_path: Path) -> None:
    built = atdata.write_shards(map(feature, range(10)), tmp_path / "built", maxcount=4)
    assert len(built.as_type(Named)) == 10
    with pytest.raises(TypeError, match="not known"):
        len(Dataset[Feature](pattern).as_type(Named))


# Order and batches


def test_a_pass_starts_anew_each_time(pattern: str) -> None:
    view = Dataset[Feature](pattern).ordered()
    assert labels(view) == labels(view) == list(range(10))
    one, other = iter(view), iter(view)
    next(one)
    assert next(other).label == 0


@pytest.mark.parametrize("size", [1, 3, 5, 10, 11])
def test_batches_are_full_but_the_last(pattern: str, size: int) -> None:
    batches = list(Dataset[Feature](pattern).ordered(batch_size=size))
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert [label for batch in batches for label in batch.label] == list(range(10))
    assert batches[0].features.shape == (min(size, 10), 4)
    assert all(isinstance(batch, SampleBatch) for batch in batches)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_has_samples(pattern: str, size: int) -> None:
    dataset = Dataset[Feature](pattern)
    with pytest.raises(ValueError, match="batch_size"):
        dataset.ordered(batch_size=size)
    with pytest.raises(ValueError, match="batch_size"):
        dataset.shuffled(batch_size=size)


def test_shuffled_gives_each_sample_once_and_a_seed_repeats_it(tmp_path: Path) -> None:
    dataset = Dataset[Feature](write(tmp_path / "many", count=300, per_shard=20))
    first = labels(dataset.shuffled(seed=1))
    assert sorted(first) == list(range(300))
    assert first != list(range(300))
    assert first == labels(dataset.shuffled(seed=1))
    assert first != labels(dataset.shuffled(seed=2))
    assert labels(dataset.shuffled()) != labels(dataset.shuffled())
    for buffers in ((0, 0), (1, 7), (5, 0), (100, 10_000)):
        assert sorted(labels(dataset.shuffled(*buffers, seed=3))) == list(range(300))


def test_the_buffers_shuffle_shards_and_samples(tmp_path: Path) -> None:
    dataset = Dataset[Feature](write(tmp_path / "many", count=300, per_shard=20))
    assert labels(dataset.shuffled(0, 0)) == list(range(300))
    shards_only = labels(dataset.shuffled(100, 0, seed=1))
    assert shards_only != list(range(300))
    assert all(
        shards_only[i : i + 20] == sorted(shards_only[i : i + 20]) for i in range(0, 300, 20)
    )
    with pytest.raises(ValueError, match="smaller than 0"):
        dataset.shuffled(-1)


def test_shuffling_many_shards_keeps_few_of_them_open(tmp_path: Path) -> None:
    dataset = Dataset[Feature](write(tmp_path / "many", count=210, per_shard=1))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (180, hard))
    try:
        samples = iter(dataset.shuffled())
        first = next(samples)  # the buffer is full by now
        with ExitStack() as others:
            for _ in range(20):
                others.enter_context(Path(__file__).open())
        assert sorted(labels([first, *samples])) == list(range(210))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_shuffled_batches(pattern: str) -> None:
    batches = list(Dataset[Feature](pattern).shuffled(100, 100, 4, seed=1))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(label for batch in batches for label in batch.label) == list(range(10))


@pytest.mark.parametrize("arguments", [{}, {"seed": 1}, {"seed": 1, "drop_last": True}])
def test_a_single_number_for_shuffled_warns_of_a_batch_size(
    pattern: str, arguments: dict[str, Any]
) -> None:
    dataset = Dataset[Feature](pattern)
    with pytest.warns(BatchSizeWarning, match=r"write shuffled\(batch_size=32\)") as caught:
        view = dataset.shuffled(32, **arguments)
    assert caught[0].filename == __file__
    assert sorted(labels(view)) == list(range(10))
    # These warn of nothing: warnings are errors here.
    dataset.shuffled(32, batch_size=4)
    dataset.shuffled(32, 1000)
    dataset.shuffled(32, buffer_samples=1000)
    dataset.shuffled(buffer_shards=32)
    dataset.shuffled()


# Names that other libraries have, and earlier versions had


def test_the_url_is_the_one_that_was_given(pattern: str) -> None:
    names = URLSource(pattern).list_shards()
    assert Dataset(pattern).url == pattern
    assert Dataset(names).url == names[0]
    infos = list(map(inspect_shard, names))
    assert Dataset(VerifiedSource(URLSource(pattern), infos)).url == names[0]

    class NoShards:
        shard_list: tuple[str, ...] = ()
        shards = ()

    assert Dataset(NoShards()).url == ""
    assert Dataset(NoShards()).describe()["num_samples"] == 0


def test_fields_are_known_by_name(pattern: str) -> None:
    dataset = Dataset[Feature](pattern)
    assert dataset.schema == dataset.features
    assert dataset.features["label"] is int
    assert dataset.column_names == ["features", "label"]
    assert Dataset(pattern).features == {}
    assert Dataset(pattern).column_names == []


def test_the_head_is_a_list_of_the_first_samples(pattern: str) -> None:
    dataset = Dataset[Feature](pattern)
    assert labels(dataset.head()) == [0, 1, 2, 3, 4]
    assert labels(dataset.head(2)) == [0, 1]


def test_a_sample_is_got_by_its_key(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "s.tar") as writer:
        for number in range(20):
            writer.write(f"key-{number}", feature(number).packed)
        writer.write("bad", b"\xc1")
    dataset = Dataset[Feature](tmp_path / "s.tar")
    assert dataset.get("key-13").label == 13
    assert dataset.get("key-99") is None
    assert dataset.get("key-99", 3) == 3
    with pytest.raises(SampleError) as caught:
        dataset.get("bad")
    assert caught.value.shard == str(tmp_path / "s.tar")


def test_a_description_has_numbers_where_they_are_known(pattern: str, tmp_path: Path) -> None:
    bare = Dataset[Feature](pattern).describe()
    assert bare == {
        "sample_type": "Feature",
        "fields": Dataset[Feature](pattern).schema,
        "num_samples": None,
        "num_shards": 3,
        "shards": URLSource(pattern).list_shards(),
        "url": pattern,
        "metadata": None,
    }
    built = atdata.write_shards(map(feature, range(10)), tmp_path / "built", maxcount=4)
    assert built.describe()["num_samples"] == 10
    shown = Dataset("https://web.test/a.tar?sig=secret").describe()
    assert "secret" not in str(shown)


# Stock webdataset


def test_shards_written_by_webdataset_are_read(tmp_path: Path) -> None:
    path = tmp_path / "wds.tar"
    with webdataset.TarWriter(str(path)) as sink:
        for i in range(10):
            sink.write({**feature(i).as_wds, "__key__": f"{i:06d}"})
    samples = list(Dataset[Feature](path))
    assert labels(samples) == list(range(10))
    assert all(sample.features.dtype == np.float32 for sample in samples)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_stock_webdataset_reads_is_wrapped(pattern: str) -> None:
    dataset = Dataset[Feature](pattern)
    stock = list(webdataset.WebDataset(dataset.shard_list, shardshuffle=False))
    assert labels(map(dataset.wrap, stock)) == list(range(10))
    batch = dataset.wrap_batch({"msgpack": [sample["msgpack"] for sample in stock]})
    assert batch.label == list(range(10))
    assert batch.sample_type is Feature
    with pytest.raises(SampleError, match="has no member"):
        dataset.wrap({"__key__": "a", "jpg": b""})
    with pytest.raises(SampleError, match="has no member"):
        dataset.wrap_batch({"jpg": [b""]})
    with pytest.raises(SampleError, match="no members, only '__key__'"):
        dataset.wrap({"__key__": "a"})


# Metadata


def test_metadata_is_fetched_once(pattern: str, tmp_path: Path) -> None:
    path = tmp_path / "meta.msgpack"
    path.write_bytes(msgpack.packb({"lab": "302", "runs": [1, 2]}))
    dataset = Dataset[Feature](pattern, str(path))
    assert dataset.metadata == {"lab": "302", "runs": [1, 2]}
    path.unlink()
    assert dataset.metadata == {"lab": "302", "runs": [1, 2]}
    assert Dataset[Feature](pattern).metadata is None
    with pytest.raises(StorageError):
        Dataset[Feature](pattern, metadata_url=str(path)).metadata  # noqa: B018


# Damage


def test_a_bad_sample_raises_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    with ShardWriter(path) as writer:
        writer.write("good", feature(1).packed)
        writer.write("bad", msgpack.packb({"label": 1}))
    for view in (Dataset[Feature](path).ordered(), Dataset[Feature](path).shuffled()):
        with pytest.raises(SampleError) as caught:
            list(view)
        assert caught.value.shard == str(path)
        assert caught.value.member == "bad.msgpack"
        assert caught.value.offset == 1024
        assert "features" in str(caught.value)


def test_presigned_urls_are_not_shown_in_errors() -> None:
    with web_server() as web:
        web.serve("/a.tar?sig=secret", b"not a tar")
        dataset = Dataset[Feature](web.url("/a.tar?sig=secret"))
        with pytest.raises(ShardError) as caught:
            list(dataset)
    assert "/a.tar?…" in str(caught.value)
    assert "secret" not in str(caught.value) + repr(dataset)


def test_other_bytes_than_expected_raise_mapped_and_streamed(tmp_path: Path) -> None:
    pattern = write(tmp_path / "data", count=4)
    (path,) = URLSource(pattern).list_shards()
    infos = [inspect_shard(path)]
    assert labels(Dataset[Feature](VerifiedSource(URLSource(path), infos))) == [0, 1, 2, 3]
    data = bytearray(Path(path).read_bytes())
    data[600] ^= 1  # inside an array: still a sample, but another one
    Path(path).write_bytes(data)
    with pytest.raises(ShardError, match="not those expected"):
        list(Dataset[Feature](VerifiedSource(URLSource(path), infos)))
    with web_server() as web:
        url = web.serve("/s.tar", bytes(data))
        with pytest.raises(ShardError, match="not those expected"):
            list(Dataset[Feature](VerifiedSource(URLSource(url), infos)))


@pytest.mark.parametrize("seed", range(300))
def test_random_damage_is_a_typed_error_or_touches_values_only(tmp_path: Path, seed: int) -> None:
    """Where no digest is known, a flip inside a value can't be distinguished from the value."""
    rng = random.Random(seed)
    path = tmp_path / "s.tar"
    with ShardWriter(path) as writer:
        for i in range(5):
            writer.write(f"{i}", feature(i).packed)
    data = bytearray(path.read_bytes())
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data))
        match rng.randrange(3):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + rng.randrange(1, 600)] = b""
            case 2:
                data[at:at] = rng.randbytes(rng.randrange(1, 600))
    path.write_bytes(data)
    outcome: object
    try:
        outcome = [sample.features.shape for sample in Dataset[Feature](path)]
    except AtdataError as error:
        outcome = error
    if isinstance(outcome, AtdataError):
        assert isinstance(outcome, (ShardError, SampleError))
        assert outcome.shard == str(path)
        assert outcome.offset is not None
    else:
        assert outcome == [(4,)] * 5


def test_a_sample_type_may_inherit(tmp_path: Path) -> None:
    from dataclasses import dataclass

    @dataclass
    class Plain(PackableSample):
        label: int

    path = tmp_path / "s.tar"
    with ShardWriter(path) as writer:
        writer.write("a", Plain(label=3).packed)
    assert list(Dataset[Plain](path)) == [Plain(label=3)]
