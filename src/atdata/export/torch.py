"""Datasets for PyTorch's ``DataLoader``. Imported by ``Dataset.to_torch()`` only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from atdata.base.extras import require
from atdata.errors import AtdataError
from atdata.export.source import Exportable
from atdata.reading.order import Uneven, checked_epoch, checked_uneven
from atdata.reading.passes import checked_seed
from atdata.reading.view import View
from atdata.samples import DictSample, PackableSample
from atdata.samples.fields import fields_of
from atdata.samples.tensors import BFLOAT16

torch = require("torch", extra="torch")


# Of NumPy's dtypes, those that PyTorch has too.
_KNOWN = frozenset("?bBhHiIlLqQefdFD")


class TorchDataset(torch.utils.data.IterableDataset):  # type: ignore[misc, name-defined]
    """A dataset as a ``torch.utils.data.IterableDataset``: of dicts of tensors and plain values.

    Each process of a job that has called ``torch.distributed.init_process_group`` reads its own
    share of the shards, and each worker of its ``DataLoader`` a share of that. A process without
    a shard raises ``ValueError``; a worker without one yields nothing.

    Where batches are made here (``batch_size``), give the ``DataLoader`` ``batch_size=None``;
    columns of numbers are tensors then. Fields that ``default_collate`` does not know (None,
    dates, images, sound, video, nested samples, arrays of dtypes that PyTorch lacks) need a
    ``collate_fn``.

    It has ``state_dict`` and ``load_state_dict``, which torchdata's ``StatefulDataLoader`` calls
    in each worker; and ``set_epoch``. A plain ``DataLoader`` does not call them, so with
    workers the position is not known here: ``state_dict`` raises ``AtdataError``.
    """

    def __init__(
        self,
        dataset: Exportable[Any],
        *,
        shuffle: bool,
        seed: int | None,
        batch_size: int | None,
        drop_last: bool,
        uneven: Uneven,
    ) -> None:
        super().__init__()
        self._dataset = dataset
        self._shuffle = shuffle
        self._seed = checked_seed(seed)
        self._batching = {"batch_size": batch_size, "drop_last": drop_last}
        self._uneven = checked_uneven(uneven)
        dataset.ordered(**self._batching)  # refuses a wrong batch size here, not in a worker
        # Persistent workers have a copy of the dataset from their start, so this is shared memory.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self._read_by_workers = torch.zeros((), dtype=torch.int64).share_memory_()
        self._state: Mapping[str, int] | None = None
        self._loaded_in: int | None = None
        self._view: View[Any] | None = None

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the iterations that begin from now on, in all workers.

        Raises:
            ValueError: Less than 0, or more than 32 bits.
        """
        self._epoch.fill_(checked_epoch(epoch))

    def state_dict(self) -> dict[str, int]:
        """Return the position of this process in its share.

        Raises:
            AtdataError: Workers have read, and this is not one of them.
        """
        if _worker_id() is None and self._read_by_workers:
            raise AtdataError(
                "workers have read the dataset, so its position is not known in this process",
                hint="Use torchdata's StatefulDataLoader, and its state_dict().",
            )
        if self._view is not None:
            return self._view.state_dict()
        epoch = int(self._epoch)
        return dict(self._state or {"seed": self._seed or 0, "epoch": epoch, "delivered": 0})

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Begin the next iteration of this process after the last item of that state."""
        self._state, self._view = dict(state), None
        self._loaded_in = _worker_id()

    def __iter__(self) -> Iterator[Any]:
        # Not a generator: the epoch is read when the iteration begins.
        self._check_state()
        self._read_by_workers.fill_(_worker_id() is not None)
        share = self._share()
        if share is None:
            self._state = self._view = None
            return iter(())
        view = self._view = self._make_view(share)
        view.set_epoch(int(self._epoch))
        if self._state is not None:
            view.load_state_dict(self._state)
            self._state = None
        return map(self._to_dict(), view)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_view": None}

    def _check_state(self) -> None:
        """Refuse a position that another process loaded: this one has another share."""
        if self._state is not None and self._loaded_in != _worker_id():
            raise AtdataError(
                "a state was loaded in the main process, but workers read the dataset",
                hint="Use torchdata's StatefulDataLoader, and its load_state_dict().",
            )

    def _share(self) -> Exportable[Any] | None:
        """Return the share of this process; None for a worker without a shard."""
        dataset = self._dataset
        distributed = torch.distributed
        if distributed.is_available() and distributed.is_initialized():
            dataset = dataset.split(
                distributed.get_rank(), distributed.get_world_size(), uneven=self._uneven
            )
        worker = torch.utils.data.get_worker_info()
        if worker is None:
            return dataset
        if worker.id >= len(dataset.list_shards()):
            return None
        return dataset.split_worker(worker.id, worker.num_workers)

    def _make_view(self, dataset: Exportable[Any]) -> View[Any]:
        if self._shuffle:
            return dataset.shuffled(seed=self._seed, **self._batching)  # type: ignore[no-any-return]
        return dataset.ordered(**self._batching)  # type: ignore[no-any-return]

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


def _worker_id() -> int | None:
    """Return the number of this ``DataLoader`` worker; None in the main process."""
    worker = torch.utils.data.get_worker_info()
    return None if worker is None else int(worker.id)


def _refuse(batch: list[Any], *, collate_fn_map: object = None) -> None:
    raise AtdataError(
        f"a DataLoader can't make a batch of {type(batch[0]).__name__} samples",
        hint="Pass it dataset.to_torch(), or a collate_fn.",
    )


# What ``default_collate`` does with samples: PyTorch documents this map for it.
torch.utils.data._utils.collate.default_collate_fn_map[PackableSample] = _refuse
torch.utils.data._utils.collate.default_collate_fn_map[DictSample] = _refuse


def _tensor(value: Any) -> Any:
    """Return an array as a tensor; read-only arrays, as those of samples, are copied."""
    if isinstance(value, np.ndarray) and value.dtype.name == BFLOAT16:
        return _tensor(value.view(np.uint16)).view(torch.bfloat16)
    if not isinstance(value, np.ndarray) or value.dtype.char not in _KNOWN:
        return value
    return torch.from_numpy(np.require(value, value.dtype.newbyteorder("="), ["C", "W"]))


def _column(values: Any) -> Any:
    """Return the column of a batch: one tensor where that is possible, else a list."""
    if not isinstance(values, list):
        return _tensor(values)
    types = {type(value) for value in values}
    if types in ({bool}, {int}, {float}):
        # As in default_collate: 64 bits.
        return torch.tensor(values, dtype=torch.float64 if types == {float} else None)
    return [_tensor(value) for value in values]
