"""Datasets in PyTorch's DataLoader: with and without workers, in ranks, stopped and resumed."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

import atdata
from atdata import Dataset, DictSample
from atdata.errors import AtdataError
from atdata.shards import cut_shards
from photos import tarwriter_shard
from rows import Row

STARTS = pytest.mark.parametrize(
    ("workers", "context"), [(0, None), (2, "fork"), (2, "spawn")], ids=["none", "fork", "spawn"]
)
pytestmark = [
    # Servers of other tests in this process may have threads.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create . worker:UserWarning"),
    # torchdata calls what newer versions of PyTorch have no more use for.
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset[Row]:
    rows = (Row(features=np.full(3, n, np.float32), label=n) for n in range(60))
    return Dataset[Row]([str(path) for path, _ in cut_shards(rows, tmp_path, maxcount=10)])


def labels(loader: Any) -> list[int]:
    return [int(n) for batch in loader for n in batch["label"]]


# What comes out


@atdata.packable
class Label:
    label: int


@atdata.packable
class Mixed:
    big: NDArray[np.int16]
    wide: NDArray
    ragged: NDArray[np.uint8]
    good: bool
    ratio: float
    count: int
    name: str


def mixed(number: int) -> Mixed:
    return Mixed(
        big=np.asfortranarray(np.full((2, 3), number, ">i2")),
        wide=np.full(2, number, np.longdouble),
        ragged=np.full(number % 3, number, np.uint8),
        good=number % 2 == 0,
        ratio=number / 3,
        count=number,
        name=str(number),
    )


def test_samples_become_tensors_of_their_own_memory(dataset: Dataset[Row]) -> None:
    items = list(dataset.to_torch())
    assert [item["label"] for item in items] == list(range(60))
    assert torch.equal(items[7]["features"], torch.full((3,), 7.0))
    items[7]["features"][0] = 1
    assert dataset[7].features[0] == 7


def test_dtypes_are_kept_and_what_torch_has_not_stays_an_array(tmp_path: Path) -> None:
    mixes = atdata.write_shards(map(mixed, range(6)), tmp_path / "mixed")
    (item, *_) = mixes.skip(4).map(vars)
    found = list(mixes.to_torch())[4]
    assert list(found) == list(item)
    assert (found["big"].dtype, found["big"].tolist()) == (torch.int16, item["big"].tolist())
    assert (type(found["wide"]), found["wide"].dtype) == (np.ndarray, np.longdouble)
    assert (found["good"], found["ratio"], found["name"]) == (True, 4 / 3, "4")


def test_batches_made_here_have_columns(tmp_path: Path) -> None:
    mixes = atdata.write_shards(map(mixed, range(6)), tmp_path / "mixed")
    for shuffle in (False, True):
        batches = list(mixes.to_torch(batch_size=4, shuffle=shuffle))
        assert [len(batch["name"]) for batch in batches] == [4, 2]
        for batch in batches:
            counts = batch["count"].tolist()
            assert batch["count"].dtype == torch.int64
            assert (batch["big"].dtype, batch["big"].shape[1:]) == (torch.int16, (2, 3))
            assert batch["ratio"].dtype == torch.float64
            assert torch.equal(batch["good"], batch["count"] % 2 == 0)
            assert [len(one) for one in batch["ragged"]] == [n % 3 for n in counts]
            assert all(one.dtype == torch.uint8 for one in batch["ragged"])
            assert batch["name"] == [str(n) for n in counts]


def test_batches_may_be_whole_only(dataset: Dataset[Row]) -> None:
    whole = DataLoader(dataset.to_torch(batch_size=32, drop_last=True), batch_size=None)
    assert [tuple(batch["features"].shape) for batch in whole] == [(32, 3)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seed": "a"}, "a seed is an integer"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"uneven": "some"}, "uneven is 'exact'"),
    ],
)
def test_arguments_are_checked_where_they_are_given(
    dataset: Dataset[Row], wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        dataset.to_torch(**wrong)


def test_without_a_seed_each_pass_has_a_new_order(dataset: Dataset[Row]) -> None:
    data = dataset.to_torch(shuffle=True, seed=None)
    assert data.state_dict()["delivered"] == 0
    orders = [[one["label"] for one in data] for _ in range(3)]
    assert sorted(orders[0]) == sorted(orders[1])
    assert len(set(map(tuple, orders))) > 1
    with pytest.raises(ValueError, match="one seed"):
        list(torch.utils.data.DataLoader(data, batch_size=None, num_workers=2))


def test_samples_of_no_type_are_dicts_too(dataset: Dataset[Row]) -> None:
    plain = Dataset(dataset.list_shards())
    assert plain.sample_type is DictSample
    assert torch.equal(next(iter(plain.to_torch()))["features"], torch.zeros(3))
    (batch, *_) = plain.to_torch(batch_size=20)
    assert batch["features"].shape == (20, 3)
    assert batch["label"].tolist() == list(range(20))


# Workers


@STARTS
def test_workers_read_every_sample_once(
    dataset: Dataset[Row], workers: int, context: str | None
) -> None:
    loader = DataLoader(
        dataset.to_torch(shuffle=True, seed=3),
        batch_size=8,
        num_workers=workers,
        multiprocessing_context=context,
    )
    for _ in range(2):
        found = labels(loader)
        assert sorted(found) == list(range(60))
        assert found != sorted(found)


def test_workers_read_the_members_layout(tmp_path: Path) -> None:
    rows = (Row(features=np.full(3, n, np.float32), label=n) for n in range(60))
    cut = cut_shards(rows, tmp_path, maxcount=10, layout="members")
    dataset = Dataset[Row]([str(path) for path, _ in cut])
    loader = torch.utils.data.DataLoader(
        dataset.to_torch(batch_size=5, seed=0), batch_size=None, num_workers=2
    )
    assert sorted(labels(loader)) == list(range(60))


@STARTS
def test_workers_name_what_is_beside_packed_samples(
    tmp_path: Path, workers: int, context: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "both.tar"
    samples = {f"{n:03d}": {"msgpack": Label(n).packed, "txt": b"t"} for n in range(4)}
    path.write_bytes(tarwriter_shard(samples))
    loader = DataLoader(
        Dataset[Label](str(path)).to_torch(),
        num_workers=workers,
        multiprocessing_context=context,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = lambda message, *_, **__: print(message, file=sys.stderr)
        assert labels(loader) == [0, 1, 2, 3]
    assert "members beside the samples are skipped: txt." in capfd.readouterr().err


@STARTS
def test_an_epoch_reaches_workers_that_persist(
    dataset: Dataset[Row], workers: int, context: str | None
) -> None:
    def loader(source: Any, persistent: bool) -> Any:
        return DataLoader(
            source,
            batch_size=4,
            num_workers=workers,
            multiprocessing_context=context if persistent or not workers else "fork",
            persistent_workers=persistent and workers > 0,
        )

    running = dataset.to_torch(shuffle=True, seed=3)
    kept = loader(running, persistent=True)
    orders = []
    for epoch in (0, 1, 2, 1):
        running.set_epoch(epoch)
        orders.append(labels(kept))
        fresh = dataset.to_torch(shuffle=True, seed=3)
        fresh.set_epoch(epoch)
        assert orders[-1] == labels(loader(fresh, persistent=False))
    assert all(sorted(order) == list(range(60)) for order in orders)
    assert orders[1] == orders[3]
    assert len({tuple(order) for order in orders}) == 3
    with pytest.raises(ValueError, match="counted from 0"):
        running.set_epoch(-1)


def test_a_dataset_that_was_used_here_goes_to_workers(dataset: Dataset[Row]) -> None:
    assert dataset[3].label == 3  # opens a shard
    running = dataset.project("label").to_torch(shuffle=True, seed=3)
    assert len(list(running)) == 60
    loader = DataLoader(running, batch_size=8, num_workers=2, multiprocessing_context="spawn")
    assert sorted(labels(loader)) == list(range(60))


@pytest.mark.parametrize("kind", [DataLoader, StatefulDataLoader])
def test_workers_without_a_shard_have_nothing_to_do(dataset: Dataset[Row], kind: Any) -> None:
    two = Dataset[Row](dataset.list_shards()[:2])
    for shuffle in (False, True):
        data = two.to_torch(shuffle=shuffle, seed=1)
        loader = kind(data, batch_size=4, num_workers=5, multiprocessing_context="fork")
        assert sorted(labels(loader)) == list(range(20))
        assert sorted(labels(loader)) == list(range(20))


def test_the_position_of_workers_is_not_reported_wrongly(dataset: Dataset[Row]) -> None:
    running = dataset.to_torch(shuffle=True, seed=3)
    assert running.state_dict()["delivered"] == 0
    loader = DataLoader(running, batch_size=4, num_workers=2, multiprocessing_context="fork")
    next(iter(loader))
    with pytest.raises(AtdataError, match=r"position is not known.*\n.*StatefulDataLoader"):
        running.state_dict()
    items = iter(running)
    next(items)
    assert running.state_dict()["delivered"] == 1


def test_a_state_of_the_main_process_is_not_given_to_workers(dataset: Dataset[Row]) -> None:
    running = dataset.to_torch(shuffle=True, seed=3)
    items = iter(running)
    next(items)
    resumed = dataset.to_torch(shuffle=True, seed=3)
    resumed.load_state_dict(running.state_dict())
    loader = DataLoader(resumed, batch_size=4, num_workers=2, multiprocessing_context="fork")
    with pytest.raises(AtdataError, match="workers read the dataset"):
        list(loader)
    assert len(list(resumed)) == 59


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("typed", [True, False])
def test_a_loader_of_the_dataset_itself_says_what_to_pass(
    dataset: Dataset[Row], tmp_path: Path, workers: int, typed: bool
) -> None:
    rows = atdata.write_shards(dataset, tmp_path / "built", maxcount=10)
    given: Any = rows if typed else Dataset(rows.list_shards())
    context = "fork" if workers else None
    loader = DataLoader(given, batch_size=4, num_workers=workers, multiprocessing_context=context)
    with pytest.raises(AtdataError, match=r"samples[\s\S]*dataset.to_torch\(\)"):
        list(loader)


def test_a_loader_of_the_dataset_itself_works_with_a_collate_fn(
    dataset: Dataset[Row], tmp_path: Path
) -> None:
    rows = atdata.write_shards(dataset, tmp_path / "built", maxcount=10)
    loader = DataLoader(rows, batch_size=7, shuffle=True, collate_fn=lambda batch: batch)  # type: ignore[arg-type]
    assert sorted(row.label for batch in loader for row in batch) == list(range(60))


# There is no device to pin for here; the DataLoader says so, and goes on without.
@pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true but:UserWarning")
@pytest.mark.parametrize("batch_size", [None, 8])
def test_asking_for_pinned_memory_changes_nothing_else(
    dataset: Dataset[Row], batch_size: int | None
) -> None:
    made_here = 8 if batch_size is None else None
    loader = DataLoader(
        dataset.to_torch(batch_size=made_here),
        batch_size=batch_size,
        num_workers=2,
        multiprocessing_context="fork",
        pin_memory=True,
    )
    batches = list(loader)
    assert sorted(labels(batches)) == list(range(60))
    assert all(isinstance(value, torch.Tensor) for batch in batches for value in batch.values())


# Ranks

_RANK = """
import json, sys, torch, atdata
rank, world, meeting, uneven, paths = json.loads(sys.argv[1])
torch.distributed.init_process_group(
    "gloo", init_method=f"file://{meeting}", rank=rank, world_size=world
)
try:
    data = atdata.Dataset(paths).to_torch(shuffle=True, seed=5, uneven=uneven)
    loader = torch.utils.data.DataLoader(data, batch_size=None, num_workers=int(uneven == "exact"))
    print(json.dumps([int(item["label"]) for item in loader]))
except ValueError as error:
    print(json.dumps(str(error)))
finally:
    torch.distributed.destroy_process_group()
"""


def ranks(world: int, paths: list[str], uneven: str, folder: Path) -> list[Any]:
    """What each process of a job reads."""
    meeting = folder / f"meeting-{uneven}-{world}"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _RANK, json.dumps([rank, world, str(meeting), uneven, paths])],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]
    return [json.loads(one.communicate(timeout=120)[0].splitlines()[-1]) for one in running]


def test_ranks_read_their_shares(dataset: Dataset[Row], tmp_path: Path) -> None:
    five = dataset.list_shards()[:5]
    exact = ranks(2, five, "exact", tmp_path)
    assert sorted(map(len, exact)) == [20, 30]
    assert sorted(exact[0] + exact[1]) == list(range(50))
    padded = ranks(2, five, "pad", tmp_path)
    assert [len(one) for one in padded] == [30, 30]
    assert set(padded[0] + padded[1]) == set(range(50))
    dropped = ranks(2, five, "drop", tmp_path)
    assert [len(one) for one in dropped] == [20, 20]
    assert len(set(dropped[0] + dropped[1])) == 40


@pytest.mark.parametrize("uneven", ["pad", "drop"])
def test_ranks_get_equally_many_samples_of_shards_that_differ(
    dataset: Dataset[Row], tmp_path: Path, uneven: str
) -> None:
    built = atdata.write_shards(dataset, tmp_path / "built", maxcount=11)
    found = ranks(2, built.list_shards(), uneven, tmp_path)
    assert len(found[0]) == len(found[1]) >= 27


def test_a_rank_that_would_read_nothing_is_an_error(dataset: Dataset[Row], tmp_path: Path) -> None:
    with_shard, without = ranks(2, dataset.list_shards()[:1], "exact", tmp_path)
    assert sorted(with_shard) == list(range(10))
    assert "share 1 of 2 would be empty: there are too few shards" in without


# Resuming


def test_it_resumes_at_the_next_sample(dataset: Dataset[Row]) -> None:
    running = dataset.to_torch(shuffle=True, seed=3)
    running.set_epoch(2)
    assert running.state_dict() == {"seed": 3, "epoch": 2, "delivered": 0}
    items = iter(running)
    head = [next(items)["label"] for _ in range(17)]
    resumed = dataset.to_torch(shuffle=True, seed=3)
    resumed.load_state_dict(running.state_dict())
    assert resumed.state_dict() == running.state_dict()
    whole = head + [item["label"] for item in resumed]
    assert sorted(whole) == list(range(60))
    assert whole == head + [item["label"] for item in items]
    assert pickle.loads(pickle.dumps(resumed)).state_dict()["delivered"] == 0


_RESUME = """
import json, sys, atdata
from torchdata.stateful_dataloader import StatefulDataLoader
sys.path.insert(0, sys.argv[2])
paths, states, workers, batch_size = json.loads(sys.argv[1])
rests = []
for state in states:
    data = atdata.Dataset(paths).to_torch(shuffle=True, seed=9)
    loader = StatefulDataLoader(data, batch_size=batch_size, num_workers=workers)
    loader.load_state_dict(state)
    rests.append([int(n) for batch in loader for n in batch["label"].reshape(-1)])
print(json.dumps(rests))
"""


@pytest.mark.parametrize(("workers", "batch_size", "every"), [(0, 1, 1), (2, 1, 7), (2, 4, 3)])
def test_a_loader_resumes_in_a_new_process(
    dataset: Dataset[Row], workers: int, batch_size: int, every: int
) -> None:
    """Stopped after every so many batches of an epoch: head and rest are the epoch, in order."""
    running = dataset.to_torch(shuffle=True, seed=9)
    running.set_epoch(3)
    loader = StatefulDataLoader(
        running,
        batch_size=batch_size,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
    )
    whole: list[int] = []
    stops = []
    for number, batch in enumerate(loader, 1):
        whole += batch["label"].tolist()
        if number % every == 0 and len(whole) < 60:
            stops.append((len(whole), loader.state_dict()))
    assert sorted(whole) == list(range(60))
    states = [state for _, state in stops]
    given = json.dumps([dataset.list_shards(), states, workers, batch_size])
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _RESUME, given, str(Path(__file__).parent.parent)],
        capture_output=True, text=True, timeout=300, check=True, env={"PYTHONHASHSEED": "5"},
    )  # fmt: skip
    rests = json.loads(answer.stdout)
    assert len(rests) == len(stops) > 4
    for (stop, _), rest in zip(stops, rests, strict=True):
        assert whole[:stop] + rest == whole


def test_the_epoch_after_a_resumed_one_is_whole(dataset: Dataset[Row]) -> None:
    def loader(data: Any) -> Any:
        return StatefulDataLoader(
            data, batch_size=5, num_workers=2, multiprocessing_context="fork",
            persistent_workers=True,
        )  # fmt: skip

    running = dataset.to_torch(shuffle=True, seed=9)
    first = loader(running)
    batches = iter(first)
    head = labels([next(batches) for _ in range(3)])
    state = first.state_dict()
    resumed = dataset.to_torch(shuffle=True, seed=9)
    second = loader(resumed)
    second.load_state_dict(state)
    assert sorted(head + labels(second)) == list(range(60))
    resumed.set_epoch(1)
    running.set_epoch(1)
    assert sorted(labels(second)) == list(range(60))
    assert labels(second) == labels(loader(running))


# Without PyTorch

_WITHOUT = """
import sys
sys.modules["torch"] = None
import numpy as np
import atdata
from atdata.errors import MissingExtra
dataset = atdata.Dataset(sys.argv[1])
print(len(list(dataset.shuffled(batch_size=4, seed=1))))
try:
    dataset.to_torch()
except MissingExtra as error:
    print(error)
"""


def test_without_torch_all_else_works_and_the_extra_is_named(dataset: Dataset[Row]) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", _WITHOUT, dataset.list_shards()[0]],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert answer.stdout.startswith("3\n")
    assert "pip install 'atdata-sdk[torch]'" in answer.stdout
