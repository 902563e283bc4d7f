"""Views: resuming, splitting, damage that is passed over; columns against the plain decoder."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

import atdata
from atdata import Dataset
from atdata.errors import AtdataError, SampleError, SchemaError, ShardError
from atdata.reading.order import share
from atdata.shards import ShardInfo, ShardWriter, cut_shards, inspect_shard, read_file
from atdata.shards.blocks import SampleBlock
from atdata.sources import VerifiedSource


@atdata.packable
class Row:
    features: NDArray[np.float32]
    label: int
    weight: float
    good: bool
    name: str
    raw: bytes
    other: NDArray[np.int16] | None = None


def row(number: int) -> Row:
    return Row(
        features=np.full((2, 3), number, np.float32),
        label=number,
        weight=number / 3,
        good=number % 2 == 0,
        name=f"row {number:06d}",
        raw=number.to_bytes(4, "little"),
        other=None if number % 97 == 5 else np.asfortranarray(np.full((2, 2), number, np.int16)),
    )


def write(folder: Path, count: int, per_shard: int = 50) -> list[str]:
    folder.mkdir(exist_ok=True)
    return [str(path) for path, _ in cut_shards(map(row, range(count)), folder, maxcount=per_shard)]


def labels(items: Any) -> list[int]:
    return [item.label for item in items]


def test_columns_give_what_the_decoder_gives(tmp_path: Path) -> None:
    paths = write(tmp_path, 700, 300)
    samples = [one for path in paths for one in read_file(Path(path), path, blocks=True)]
    assert sum(isinstance(payload, SampleBlock) for *_, payload in samples) > 3
    plain = [Row.from_bytes(bytes(p)) for path in paths for *_, p in read_file(Path(path), path)]
    dataset = Dataset[Row](paths)
    assert list(dataset.ordered()) == plain == list(map(row, range(700)))
    assert [type(value) for value in vars(plain[3]).values()] == [
        type(value) for value in vars(next(iter(dataset.skip(3)))).values()
    ]
    for size in (1, 7, 32, 299, 1000):
        batches = list(dataset.ordered(batch_size=size))
        assert [sample for batch in batches for sample in batch.samples] == plain
        assert [n for batch in batches for n in batch.label] == list(range(700))
        columns = [batch.features for batch in dataset.ordered(batch_size=size)]
        assert np.array_equal(np.concatenate(columns)[:, 0, 0], np.arange(700))
        assert all(column.flags.writeable and column.flags.c_contiguous for column in columns)


def test_the_last_batch_is_kept_or_dropped(tmp_path: Path) -> None:
    dataset = Dataset[Row](write(tmp_path, 70))
    assert [len(batch) for batch in dataset.ordered(32)] == [32, 32, 6]
    assert [len(batch) for batch in dataset.ordered(32, drop_last=True)] == [32, 32]
    assert [len(b) for b in dataset.shuffled(batch_size=32, drop_last=True)] == [32, 32]
    with pytest.raises(ValueError, match="at least 1"):
        dataset.ordered(0)


def test_views_are_lazy(tmp_path: Path) -> None:
    dataset = Dataset[Row](write(tmp_path, 60))
    assert labels(dataset.take(3)) == [0, 1, 2]
    assert labels(dataset.skip(57)) == [57, 58, 59]
    assert list(dataset.map(lambda sample: sample.label * 2).take(2)) == [0, 2]
    assert labels(dataset.filter(lambda sample: sample.label > 57)) == [58, 59]
    assert labels(dataset.select([5, -1, 51])) == [5, 59, 51]
    projected = dataset.project("label", "name")
    assert vars(next(iter(projected.ordered()))) == {"label": 0, "name": "row 000000"}
    with pytest.raises(SchemaError, match="no field 'nothing'"):
        dataset.project("nothing")


def test_length_and_samples_by_number(tmp_path: Path) -> None:
    without = Dataset[Row](write(tmp_path / "bare", 60))
    with pytest.raises(TypeError, match="no offset index"):
        len(without)
    assert without
    dataset = atdata.write_shards(map(row, range(60)), tmp_path / "built", maxcount=25)
    assert len(dataset) == 60
    for one in (dataset, without):
        assert [one[n].label for n in (0, 24, 25, 59, -1, -60)] == [0, 24, 25, 59, 59, 0]
        for beyond in (60, -61):
            with pytest.raises(IndexError):
                one[beyond]
    source = VerifiedSource(without.source, [inspect_shard(Path(n)) for n in without.shard_list])
    assert len(Dataset[Row](source)) == 60


@pytest.mark.parametrize("change", [b"v1.2 25", b"msgpack 99999999999 1 x", b""])
def test_an_index_that_does_not_fit_is_an_error(tmp_path: Path, change: bytes) -> None:
    dataset = atdata.write_shards(map(row, range(20)), tmp_path / "built")
    (tmp_path / "built" / "dataset.json").unlink()  # which says how many there are
    index = tmp_path / "built" / "000000.idx"
    lines = index.read_bytes().split(b"\n")
    lines[0 if change.startswith(b"v") else 3] = change
    index.write_bytes(b"\n".join(lines))
    with pytest.raises(ShardError, match="index does not fit"):
        len(dataset)


def test_an_index_of_another_shard_is_noticed(tmp_path: Path) -> None:
    dataset = atdata.write_shards(map(row, range(20)), tmp_path / "built")
    (tmp_path / "built" / "dataset.json").unlink()  # which says how many there are
    index = tmp_path / "built" / "000000.idx"
    index.write_bytes(index.read_bytes().replace(b" 512 ", b" 544 "))
    with pytest.raises(ShardError, match=r"index does not fit it.*elsewhere"):
        dataset[0]


def test_damage_is_raised_skipped_or_reported(tmp_path: Path) -> None:
    paths = write(tmp_path, 150)
    data = bytearray(Path(paths[1]).read_bytes())
    data[1024 * 10 + 20] ^= 1  # the name in some header of the second shard
    Path(paths[1]).write_bytes(data)
    dataset = Dataset[Row](paths)
    with pytest.raises(ShardError, match="checksum"):
        list(dataset.ordered())
    view = dataset.ordered(on_error="skip")
    found = labels(view)
    assert found[:50] == list(range(50))
    assert found[-50:] == list(range(100, 150))
    assert view.skipped == 1
    errors: list[AtdataError] = []
    assert labels(dataset.ordered(on_error=errors.append)) == found
    assert errors[0].shard == paths[1]


def test_a_sample_that_is_none_is_skipped_alone(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a.tar") as writer:
        for number in range(30):
            payload = row(number).packed
            writer.write(f"{number}", b"\xc1" + payload[1:] if number == 20 else payload)
    dataset = Dataset[Row](str(tmp_path / "a.tar"))
    with pytest.raises(SampleError) as caught:
        list(dataset.ordered())
    assert caught.value.member == "20.msgpack"
    view = dataset.ordered(batch_size=4, on_error="skip")
    assert [n for batch in view for n in batch.label] == [n for n in range(30) if n != 20]
    assert view.skipped == 1


@pytest.mark.parametrize("uneven", ["pad", "drop"])
def test_shares_that_must_be_even_have_equally_many_samples(
    tmp_path: Path, uneven: Literal["pad", "drop"]
) -> None:
    """Also when shards are not: 100 samples in shards of 12, the last one with 4."""
    dataset = atdata.write_shards(map(row, range(100)), tmp_path / "a", maxcount=12)
    ranks = [dataset.split(rank, 2, uneven=uneven) for rank in range(2)]
    assert len(dataset.list_shards()) == 9
    for read in (
        lambda one: labels(one.ordered()),
        lambda one: labels(one.shuffled(seed=3)),
        lambda one: labels(one.shuffled(buffer_samples=0, seed=3)),
        lambda one: [n for batch in one.ordered(batch_size=7) for n in batch.label],
        lambda one: [n for batch in one.shuffled(batch_size=7, seed=4) for n in batch.label],
        lambda one: [one[number].label for number in range(len(one))],
    ):
        found = [read(one) for one in ranks]
        assert len(found[0]) == len(found[1]) > 0
        everything = found[0] + found[1]
        if uneven == "pad":
            assert set(everything) == set(range(100))
        else:
            assert len(set(everything)) == len(everything) >= 80
    assert {len(one) for one in ranks} == {len(labels(ranks[0].ordered()))}
    workers = [[len(one.split_worker(n, 3)) for n in range(3)] for one in ranks]
    assert workers[0] == workers[1]


def test_every_share_is_read_once_and_none_is_empty(tmp_path: Path) -> None:
    dataset = Dataset[Row](write(tmp_path, 70, 10))
    for view in (lambda d: d.ordered(), lambda d: d.shuffled(seed=3)):
        shares = [labels(view(dataset.split(rank, 3))) for rank in range(3)]
        assert sorted(n for one in shares for n in one) == list(range(70))
    assert [len(dataset.split(r, 3, uneven="pad").shard_list) for r in range(3)] == [3, 3, 3]
    assert [len(dataset.split(r, 3, uneven="drop").shard_list) for r in range(3)] == [2, 2, 2]
    with pytest.raises(ValueError, match="too few shards"):
        dataset.split(7, 8)
    with pytest.raises(ValueError, match="one seed"):
        dataset.split(0, 2).shuffled()
    with pytest.raises(ValueError, match="count from 0"):
        share([1, 2], 2, 2)


def test_epochs_have_their_own_orders(tmp_path: Path) -> None:
    view = Dataset[Row](write(tmp_path, 70, 10)).shuffled(seed=3)
    first = labels(view)
    view.set_epoch(1)
    second = labels(view)
    assert first != second
    assert sorted(first) == sorted(second)
    view.set_epoch(0)
    assert labels(view) == first
    with pytest.raises(ValueError, match="counted from 0"):
        view.set_epoch(-1)


@pytest.mark.parametrize("seed", [None, 5])
def test_a_view_resumes_at_every_sample(tmp_path: Path, seed: int | None) -> None:
    """Over a thousand points: two workers of a shuffled epoch, with and without a seed."""
    dataset = Dataset[Row](write(tmp_path, 260, 40))
    for worker in range(2):
        mine = dataset.split_worker(worker, 2) if seed is not None else dataset
        view = mine.shuffled(buffer_samples=30, seed=seed)
        view.set_epoch(4)
        whole = labels(view)
        for stop in range(len(whole) + 1):
            running = mine.shuffled(buffer_samples=30, seed=seed)
            running.load_state_dict({**view.state_dict(), "delivered": 0})
            items = iter(running)
            head = [next(items).label for _ in range(stop)]
            state = json.loads(json.dumps(running.state_dict()))
            resumed = mine.shuffled(buffer_samples=30, seed=seed)
            resumed.load_state_dict(state)
            assert head + labels(resumed) == whole


_RESUME = """
import json, sys, atdata
paths, states = json.loads(sys.argv[1])
said = []
for worker, stops in enumerate(states):
    for state in stops:
        view = atdata.Dataset(paths).split_worker(worker, 2).shuffled(seed=9, buffer_samples=20)
        view.load_state_dict(state)
        said.append([s.label for s in view])
print(json.dumps(said))
"""


def test_a_new_process_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    paths = write(tmp_path, 120, 20)
    heads, states = [], []
    for worker in range(2):
        view = Dataset[Row](paths).split_worker(worker, 2).shuffled(seed=9, buffer_samples=20)
        stops = []
        for stop in range(1, 60, 7):
            heads.append([sample.label for sample, _ in zip(view, range(stop), strict=False)])
            stops.append({**view.state_dict(), "delivered": stop})
        states.append(stops)
    answer = subprocess.run(
        [sys.executable, "-c", _RESUME, json.dumps([paths, states])],
        capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "77"},
    )  # fmt: skip
    rests = json.loads(answer.stdout)
    whole = [sorted(head + rest) for head, rest in zip(heads, rests, strict=True)]
    half = len(whole) // 2
    assert all(one == whole[0] for one in whole[:half])
    assert all(one == whole[-1] for one in whole[half:])
    assert sorted(whole[0] + whole[-1]) == list(range(120))


def damaged(data: bytes, chance: random.Random) -> bytes:
    broken = bytearray(data)
    match chance.randrange(3):
        case 0:
            for _ in range(chance.randint(1, 4)):
                broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        case 1:
            del broken[chance.randrange(len(broken)) :]
        case 2:
            at, length = chance.randrange(len(broken)), chance.randint(1, 2048)
            take = chance.randrange(len(broken))
            broken[at : at + length] = data[take : take + chance.randint(0, 2048)]
    return bytes(broken)


def read_alike(path: Path) -> list[Row] | str:
    """What the fast reader gives, after a look that the plain one gives the same."""
    answers: list[list[Row] | str] = []
    for in_blocks in (True, False):
        try:
            if in_blocks:
                answers.append(list(Dataset[Row](str(path)).ordered()))
            else:
                packed = read_file(path, str(path))
                answers.append([Row.from_bytes(bytes(view)) for *_, view in packed])
        except (ShardError, SampleError) as error:
            answers.append(type(error).__name__)
    assert answers[0] == answers[1]
    return answers[0]


@pytest.mark.parametrize("part", range(8))
def test_damaged_shards_are_errors_or_as_plain_reading_finds_them(
    tmp_path: Path, part: int
) -> None:
    sound = Path(write(tmp_path, 40, 40)[0])
    data, info = sound.read_bytes(), inspect_shard(sound)
    chance = random.Random(part)
    path = tmp_path / "broken.tar"
    for _ in range(250):
        broken = damaged(data, chance)
        path.write_bytes(broken)
        answer = read_alike(path)
        view = Dataset[Row](str(path)).ordered(on_error="skip")
        left = list(view)
        assert bool(view.skipped) == isinstance(answer, str)
        assert view.skipped or left == answer
        if broken != data:
            with pytest.raises(AtdataError):
                list(Dataset[Row](VerifiedSource(Dataset(str(path)).source, [info])))


def test_a_digest_mismatch_is_not_skipped_in_silence(tmp_path: Path) -> None:
    path = write(tmp_path, 20)[0]
    wrong = ShardInfo("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", 1, 20)
    dataset = Dataset[Row](VerifiedSource(Dataset(path).source, [wrong]))
    with pytest.raises(ShardError):
        list(dataset.ordered(on_error="skip"))
