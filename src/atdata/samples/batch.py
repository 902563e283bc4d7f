"""Batches: samples side by side, and their columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar, get_args, overload

import numpy as np

_T = TypeVar("_T")


class SampleBatch(Generic[_T]):
    """Samples of one type. An attribute is the column of the field of that name.

    A column of arrays of one shape and dtype is one new, writable array of shape
    ``(len(batch), *shape)``; any other column is a list. Columns are made when first asked for.

    Args:
        samples: The samples, at least one if columns are to be asked for.
    """

    samples: Sequence[_T]

    def __init__(self, samples: Sequence[_T]) -> None:
        self.samples = samples
        self._columns: dict[str, Any] = {}

    @property
    def sample_type(self) -> type[_T]:
        """The type of the samples: T of ``SampleBatch[T](…)``, else that of the first sample."""
        declared = get_args(getattr(self, "__orig_class__", None))
        if declared and isinstance(declared[0], type):
            return declared[0]
        return type(self.samples[0])

    def column(self, name: str) -> Any:
        """The values of one field: ``batch.name``, also where the batch itself has that name.

        Raises:
            AttributeError: A sample has no such field.
        """
        if name not in self._columns:
            self._columns[name] = _stack([getattr(sample, name) for sample in self.samples])
        return self._columns[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("samples", "_columns"):
            raise AttributeError(name)  # asked by copy and pickle before there is anything
        return self.column(name)

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[_T]:
        return iter(self.samples)

    @overload
    def __getitem__(self, index: int) -> _T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[_T]: ...

    def __getitem__(self, index: int | slice) -> _T | Sequence[_T]:
        return self.samples[index]

    def __repr__(self) -> str:
        return f"SampleBatch[{self.sample_type.__name__}] of {len(self)} samples"


def _stack(values: list[Any]) -> Any:
    first = values[0] if values else None
    if not isinstance(first, np.ndarray):
        return values
    dtype, shape = first.dtype, first.shape
    for value in values:
        if not isinstance(value, np.ndarray) or value.dtype != dtype or value.shape != shape:
            return values
    return np.stack(values)
