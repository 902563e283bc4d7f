"""Batches: samples side by side, and their columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, get_args, overload

from atdata.base.display import html_table
from atdata.samples.aliases import expanded
from atdata.samples.blocks import BatchBlocks, stacked

_T = TypeVar("_T")


class SampleBatch(Generic[_T]):
    """Samples of one type. An attribute is the column of the field of that name.

    A column of arrays (or tensors) of one shape and dtype is one new, writable array (or tensor)
    of shape ``(len(batch), *shape)``; any other column is a list. Columns are made when first
    asked for.

    Args:
        samples: The samples, at least one if columns are to be asked for.
    """

    def __init__(self, samples: Sequence[_T] | BatchBlocks) -> None:
        self._given = samples
        self._columns: dict[str, Any] = {}

    @property
    def samples(self) -> Sequence[_T]:
        """The samples."""
        if isinstance(self._given, BatchBlocks):
            self._given = self._given.samples()
        return self._given

    @property
    def sample_type(self) -> type[_T]:
        """The type of the samples: T of ``SampleBatch[T](…)``, else that of the first sample."""
        declared = get_args(getattr(self, "__orig_class__", None))
        named = expanded(declared[0]) if declared else None
        if isinstance(named, type):
            return named
        return type(self.samples[0])

    def column(self, name: str) -> Any:
        """Return the values of one field: ``batch.name``, also if the batch has such an attribute.

        Raises:
            AttributeError: A sample has no such field.
        """
        if name not in self._columns:
            self._columns[name] = self._make_column(name)
        return self._columns[name]

    def _make_column(self, name: str) -> Any:
        if isinstance(self._given, BatchBlocks) and name in self._given.names:
            return self._given.column(name)
        return stacked([getattr(sample, name) for sample in self.samples])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_given", "_columns"):
            raise AttributeError(name)  # copy and pickle ask before __init__ has run
        return self.column(name)

    @overload
    def __getitem__(self, index: int) -> _T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[_T]: ...

    def __getitem__(self, index: int | slice) -> _T | Sequence[_T]:
        return self.samples[index]

    def __len__(self) -> int:
        return len(self._given)

    def __iter__(self) -> Iterator[_T]:
        return iter(self.samples)

    def __repr__(self) -> str:
        return f"SampleBatch[{self.sample_type.__name__}] of {len(self)} samples"

    def _repr_html_(self) -> str:
        names = (
            self._given.names if isinstance(self._given, BatchBlocks) else _names(self.samples[0])
        )
        return html_table(repr(self), ((name, _form(self.column(name))) for name in names))


def _names(sample: Any) -> Iterable[str]:
    declared: Iterable[str] | None = getattr(type(sample), "__dataclass_fields__", None)
    return list(sample) if declared is None else declared


def _form(column: Any) -> str:
    """Describe a column: dtype and shape of an array, or the types in a list."""
    if not isinstance(column, list):
        return f"{column.dtype} {tuple(column.shape)}"
    return f"list of {', '.join(sorted({type(value).__name__ for value in column}))}"
