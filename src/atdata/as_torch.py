"""Datasets for PyTorch's ``DataLoader``. Imported by ``Dataset.to_torch()`` only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from atdata._extras import require
from atdata.order import Uneven
from atdata.reading import View

if TYPE_CHECKING:
    from atdata.dataset import Dataset

torch = require("torch", extra="torch")


class TorchDataset(torch.utils.data.IterableDataset):  # type: ignore[misc, name-defined]
    """A dataset as a ``torch.utils.data.IterableDataset``: of dicts of tensors and plain values.

    Each process of a job that has called ``torch.distributed.init_process_group`` reads its own
    share of the shards, and each worker of its ``DataLoader`` a share of that. Where batches are
    made here (``batch_size``), give the ``DataLoader`` ``batch_size=None``.

    It has ``state_dict`` and ``load_state_dict``, which torchdata's ``StatefulDataLoader`` calls
    in each worker; and ``set_epoch``.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        *,
        shuffle: bool,
        seed: int,
        batch_size: int | None,
        drop_last: bool,
        uneven: Uneven,
    ) -> None:
        super().__init__()
        self._dataset = dataset
        self._shuffle = shuffle
        self._seed = seed
        self._batching = {"batch_size": batch_size, "drop_last": drop_last}
        self._uneven = uneven
        self._epoch = 0
        self._state: Mapping[str, int] | None = None
        self._view: View[Any] | None = None

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next iteration; workers that persist must be started anew."""
        self._epoch = epoch

    def state_dict(self) -> dict[str, int]:
        """Where this process is in its share."""
        if self._view is not None:
            return self._view.state_dict()
        return dict(self._state or {"seed": self._seed, "epoch": self._epoch, "delivered": 0})

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Begin the next iteration behind the last item of that state."""
        self._state, self._view, self._epoch = dict(state), None, state["epoch"]

    def __iter__(self) -> Iterator[Any]:
        self._view = self._make_view()
        self._view.set_epoch(self._epoch)
        if self._state is not None:
            self._view.load_state_dict(self._state)
            self._state = None
        names = [field.name for field in _fields(self._dataset.sample_type)]
        for item in self._view:
            yield {name: _tensor(value) for name, value in _values(item, names)}

    def _make_view(self) -> View[Any]:
        dataset = self._dataset
        distributed = torch.distributed
        if distributed.is_available() and distributed.is_initialized():
            dataset = dataset.split(
                distributed.get_rank(), distributed.get_world_size(), uneven=self._uneven
            )
        worker = torch.utils.data.get_worker_info()
        if worker is not None:
            dataset = dataset.split_worker(worker.id, worker.num_workers)
        if self._shuffle:
            return dataset.shuffled(seed=self._seed, **self._batching)  # type: ignore[call-overload, no-any-return]
        return dataset.ordered(**self._batching)  # type: ignore[call-overload, no-any-return]


def _fields(sample_type: Any) -> Any:
    from atdata.samples.fields import fields_of

    return fields_of(sample_type) if hasattr(sample_type, "__dataclass_fields__") else ()


def _values(item: Any, names: list[str]) -> Iterator[tuple[str, Any]]:
    if names:
        column = getattr(item, "column", None)
        return ((name, column(name) if column else getattr(item, name)) for name in names)
    if hasattr(item, "samples"):
        return ((name, item.column(name)) for name in item.samples[0])
    return iter(item.items())


def _tensor(value: Any) -> Any:
    """Arrays as tensors of their own memory: those of samples are read-only views of files."""
    import numpy as np

    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufc":
        return value
    native = value.dtype.newbyteorder("=")
    return torch.from_numpy(np.array(value, dtype=native, order="C"))
