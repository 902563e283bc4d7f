"""Datasets in PyTorch's DataLoader, with and without workers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from atdata import Dataset
from atdata.shards import cut_shards
from rows import Row


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset[Row]:
    rows = (Row(features=np.full(3, n, np.float32), label=n) for n in range(60))
    return Dataset[Row]([str(path) for path, _ in cut_shards(rows, tmp_path, maxcount=10)])


def test_samples_become_tensors(dataset: Dataset[Row]) -> None:
    items = list(dataset.to_torch())
    assert [item["label"] for item in items] == list(range(60))
    assert torch.equal(items[7]["features"], torch.full((3,), 7.0))
    items[7]["features"][0] = 1  # their own memory


@pytest.mark.parametrize(
    ("workers", "context"), [(0, None), (2, "fork"), (2, "spawn")], ids=["none", "fork", "spawn"]
)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_workers_read_every_sample_once(
    dataset: Dataset[Row], workers: int, context: str | None
) -> None:
    loader = torch.utils.data.DataLoader(
        dataset.to_torch(shuffle=True, seed=3),
        batch_size=8,
        num_workers=workers,
        multiprocessing_context=context,
        persistent_workers=workers > 0,
    )
    for _ in range(2):
        found = [int(n) for batch in loader for n in batch["label"]]
        assert sorted(found) == list(range(60))
        assert found != sorted(found)


def test_batches_made_here_pass_through(dataset: Dataset[Row]) -> None:
    loader = torch.utils.data.DataLoader(dataset.to_torch(batch_size=32), batch_size=None)
    assert [tuple(batch["features"].shape) for batch in loader] == [(32, 3), (28, 3)]


def test_it_resumes_at_the_next_sample(dataset: Dataset[Row]) -> None:
    running = dataset.to_torch(shuffle=True, seed=3)
    running.set_epoch(2)
    items = iter(running)
    head = [next(items)["label"] for _ in range(17)]
    resumed = dataset.to_torch(shuffle=True, seed=3)
    resumed.load_state_dict(running.state_dict())
    whole = head + [item["label"] for item in resumed]
    assert sorted(whole) == list(range(60))
    assert whole == head + [item["label"] for item in items]
