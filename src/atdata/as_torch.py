"""Datasets for PyTorch's ``DataLoader``. Imported by ``Dataset.to_torch()`` only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from atdata._extras import require
from atdata.order import Uneven, checked_epoch
from atdata.reading import View
from atdata.samples import DictSample
from atdata.samples.fields import fields_of

if TYPE_CHECKING:
    from atdata.dataset import Dataset

torch = require("torch", extra="torch")


# Of NumPy's dtypes, those that PyTorch has too.
_KNOWN = frozenset("?bBhHiIlLqQefdFD")


class TorchDataset(torch.utils.data.IterableDataset):  # type: ignore[misc, name-defined]
    """A dataset as a ``torch.utils.data.IterableDataset``: of dicts of tensors and plain values.

    Each process of a job that has called ``torch.distributed.init_process_group`` reads its own
    share of the shards, and each worker of its ``DataLoader`` a share of that; one that would
    read nothing raises ``ValueError``. Where batches are made here (``batch_size``), give the
    ``DataLoader`` ``batch_size=None``; columns of numbers are tensors then. Fields that
    ``default_collate`` does not know (None, dates, nested samples, arrays of dtypes that PyTorch
    lacks) need a ``collate_fn``.

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
        # Workers that persist were given the dataset long ago: they look here.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self._state: Mapping[str, int] | None = None
        self._view: View[Any] | None = None

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the iterations that begin from now on, in all workers.

        Raises:
            ValueError: Less than 0, or more than 32 bits.
        """
        self._epoch.fill_(checked_epoch(epoch))

    def state_dict(self) -> dict[str, int]:
        """Where this process is in its share."""
        if self._view is not None:
            return self._view.state_dict()
        epoch = int(self._epoch)
        return dict(self._state or {"seed": self._seed, "epoch": epoch, "delivered": 0})

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Begin the next iteration behind the last item of that state, in its epoch."""
        self._state, self._view = dict(state), None

    def __iter__(self) -> Iterator[Any]:
        # No generator: the epoch is that of the moment when the iteration begins.
        view = self._view = self._make_view()
        view.set_epoch(int(self._epoch))
        if self._state is not None:
            view.load_state_dict(self._state)
            self._state = None
        return map(self._to_dict(), view)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_view": None}

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

    def _to_dict(self) -> Callable[[Any], dict[str, Any]]:
        sample_type = self._dataset.sample_type
        untyped = issubclass(sample_type, DictSample)
        names = [] if untyped else [field.name for field in fields_of(sample_type)]

        def sample(one: Any) -> dict[str, Any]:
            if untyped:
                return {name: _tensor(value) for name, value in one.items()}
            return {name: _tensor(getattr(one, name)) for name in names}

        def batch(one: Any) -> dict[str, Any]:
            found = one.samples[0] if untyped else names
            return {name: _column(one.column(name)) for name in found}

        return sample if self._batching["batch_size"] is None else batch


def _tensor(value: Any) -> Any:
    """An array as a tensor of its own memory: those of samples are read-only views of files."""
    if not isinstance(value, np.ndarray) or value.dtype.char not in _KNOWN:
        return value
    return torch.from_numpy(np.require(value, value.dtype.newbyteorder("="), ["C", "W"]))


def _column(values: Any) -> Any:
    """The column of a batch: one tensor where there can be one, else a list."""
    if not isinstance(values, list):
        return _tensor(values)
    types = {type(value) for value in values}
    if types in ({bool}, {int}, {float}):
        # As default_collate has them: 64 bits.
        return torch.tensor(values, dtype=torch.float64 if types == {float} else None)
    return [_tensor(value) for value in values]
