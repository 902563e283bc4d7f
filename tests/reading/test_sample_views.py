"""What views give, of any class and any bytes: the same as decoding each sample by itself."""

from __future__ import annotations

import gzip
import random
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atdata import Dataset
from atdata.errors import AtdataError, SampleError, ShardError
from atdata.reading.view import View
from atdata.shards import ShardWriter, read_file
from rows import Row
from samples.strategies import Case, cases
from servers.web import web_server

few = settings(max_examples=60)


def write(path: Path, samples: list[Any]) -> None:
    with ShardWriter(path) as writer:
        for number, sample in enumerate(samples):
            writer.write(f"{number:06d}", sample.packed)


def one_by_one(path: Path, sample_type: Any) -> Iterator[Any]:
    """The samples of a shard, each decoded by itself; its errors are placed."""
    for shard, key, offset, payload in read_file(path, str(path)):
        try:
            yield sample_type.from_bytes(bytes(payload))
        except SampleError as error:
            error.shard, error.member, error.offset = shard, f"{key}.msgpack", offset
            raise


def taken(items: Iterator[Any]) -> tuple[list[Any], str | None]:
    """All items, and the error that ended them, with its place."""
    found: list[Any] = []
    try:
        found.extend(items)
    except (ShardError, SampleError) as error:
        return found, f"{type(error)} {error} {error.shard} {error.member} {error.offset}"
    return found, None


def shown(sample: Any) -> tuple[Any, ...]:
    """All that can be observed of a sample: types, dtypes, shapes, orders and bytes."""
    arrays = [
        (name, value.dtype, value.shape, value.tobytes(), value.flags.writeable)
        for name, value in vars(sample).items()
        if isinstance(value, np.ndarray)
    ]
    types = [(name, type(value)) for name, value in vars(sample).items()]
    return type(sample), types, arrays, sample.packed


def batched(view: View[Any]) -> Iterator[Any]:
    return (sample for batch in view for sample in batch)


@few
@given(cases(), st.integers(1, 40), st.integers(1, 20))
def test_samples_and_batches_are_what_the_decoder_reads(case: Case, repeat: int, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.tar")
        write(path, case.samples * repeat)
        dataset = Dataset[case.sample_type](path)  # type: ignore[name-defined]
        wanted = list(map(shown, one_by_one(path, case.sample_type)))
        assert list(map(shown, dataset.ordered())) == wanted
        assert list(map(shown, batched(dataset.ordered(size)))) == wanted
        assert sorted(one[-1] for one in map(shown, dataset.shuffled(seed=1))) == sorted(
            one[-1] for one in wanted
        )
        assert [len(batch) for batch in dataset.ordered(size, drop_last=True)] == [size] * (
            len(wanted) // size
        )


@few
@given(cases(), st.integers(10, 40), st.randoms(use_true_random=False))
def test_damaged_shards_give_the_same_samples_and_the_same_error(
    case: Case, repeat: int, chance: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.tar")
        write(path, case.samples[:1] * repeat)
        data = bytearray(path.read_bytes())
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        dataset = Dataset[case.sample_type](path)  # type: ignore[name-defined]
        wanted, error = taken(one_by_one(path, case.sample_type))
        found, raised = taken(iter(dataset.ordered()))
        assert raised == error
        assert list(map(shown, found)) == list(map(shown, wanted))
        # Of a batch with damage in it nothing is given.
        found, raised = taken(batched(dataset.ordered(4)))
        assert raised == error
        assert list(map(shown, found)) == list(map(shown, wanted))[: len(found)]


def row(number: int) -> Row:
    return Row(np.full(3, number, np.float32), 1000 + number)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_skipped_is_the_same_in_every_view(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = tmp_path / "a.tar"
    packed = [row(number).packed for number in range(60)]
    bad = set(chance.sample(range(60), 5))
    with ShardWriter(path) as writer:
        for number, payload in enumerate(packed):
            broken = b"\xc1" + payload[1:]
            writer.write(f"{number:06d}", broken if number in bad else payload)
    dataset = Dataset[Row](path)
    errors: list[AtdataError] = []
    views = {
        "samples": dataset.ordered(on_error=errors.append),
        "batches": dataset.ordered(7, on_error="skip"),
        "shuffled": dataset.shuffled(seed=1, on_error="skip"),
        "shuffled batches": dataset.shuffled(batch_size=7, seed=1, on_error="skip"),
    }
    for name, view in views.items():
        samples = list(batched(view) if "batches" in name else view)
        assert sorted(one.label - 1000 for one in samples) == sorted(set(range(60)) - bad)
        assert view.skipped == 5
    assert [error.member for error in errors] == [f"{number:06d}.msgpack" for number in sorted(bad)]


def test_batches_of_a_shuffled_view_are_its_samples(tmp_path: Path) -> None:
    write(tmp_path / "a.tar", list(map(row, range(50))))
    dataset = Dataset[Row](tmp_path / "a.tar")
    samples = [one.label for one in dataset.shuffled(10, 20, seed=3)]
    batches = [batch.label for batch in dataset.shuffled(10, 20, 8, seed=3)]
    assert [label for batch in batches for label in batch] == samples
    assert [len(batch) for batch in batches] == [8] * 6 + [2]


def test_columns_of_batches_are_stacked_samples(tmp_path: Path) -> None:
    write(tmp_path / "a.tar", list(map(row, range(50))))
    dataset = Dataset[Row](tmp_path / "a.tar")
    for view in (dataset.ordered(8), dataset.shuffled(batch_size=8, seed=1)):
        for batch in view:
            assert batch.features.dtype == np.float32
            assert np.array_equal(batch.features, np.stack([one.features for one in batch]))
            assert batch.label == [one.label for one in batch]


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    views = [
        Dataset[Row](tmp_path / "missing.tar").ordered(4),
        Dataset[Row](tmp_path / "missing.tar").shuffled(batch_size=4),
    ]
    write(tmp_path / "missing.tar", list(map(row, range(9))))
    assert [[len(batch) for batch in islice(view, 2)] for view in views] == [[4, 4], [4, 4]]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "a.tar"
    write(path, list(map(row, range(50))))
    return path


@pytest.fixture(params=["mapped", "compressed", "streamed", "untyped"])
def readable(
    request: pytest.FixtureRequest,
    stored: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Dataset[Any]]:
    match request.param:
        case "mapped":
            yield Dataset[Row](stored)
        case "untyped":
            yield Dataset(stored)
        case "compressed":
            (tmp_path / "a.tar.gz").write_bytes(gzip.compress(stored.read_bytes()))
            yield Dataset[Row](tmp_path / "a.tar.gz")
        case "streamed":
            monkeypatch.setenv("ATDATA_CACHE", "off")
            with web_server() as web:
                yield Dataset[Row](web.serve("/a.tar", stored.read_bytes()))


def test_arrays_are_read_only_unless_they_are_asked_for_writable(
    readable: Dataset[Any], stored: Path
) -> None:
    before = stored.read_bytes()
    for view in (readable.ordered(), readable.shuffled(seed=1), batched(readable.batch(8))):
        with pytest.raises(ValueError, match="read-only"):
            next(iter(view)).features /= 2
    for writable in (
        readable.ordered(writable=True),
        readable.shuffled(seed=1, writable=True),
        batched(readable.ordered(8, writable=True)),
        batched(readable.shuffled(batch_size=8, seed=1, writable=True)),
    ):
        samples = list(writable)
        for one in samples:
            one.features /= 2
        assert sorted(one.features[0] * 2 for one in samples) == list(range(50))
    assert stored.read_bytes() == before
    assert [one.features[0] for one in readable] == list(range(50))


def test_columns_of_writable_batches_can_be_written_to(tmp_path: Path) -> None:
    """Also those of arrays of several shapes, which are lists."""
    samples = [Row(np.full(1 + number // 20, number, np.float32), number) for number in range(40)]
    write(tmp_path / "a.tar", samples)
    for batch in Dataset[Row](tmp_path / "a.tar").ordered(15, writable=True):
        for one in batch.features:
            one += 1
        assert [int(one[0]) - 1 for one in batch.features] == batch.label
