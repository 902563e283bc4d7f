"""The protocol of datasets that can be exported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from atdata.reading.order import Uneven

T_co = TypeVar("T_co", covariant=True)


class Exportable(Protocol[T_co]):
    """A dataset, with the members that exports use; :class:`atdata.Dataset` is one."""

    @property
    def sample_type(self) -> type[Any]:
        """Type of the samples."""
        ...

    @property
    def ordered(self) -> Callable[..., Any]:
        """A function that makes a view of the samples in order."""
        ...

    @property
    def shuffled(self) -> Callable[..., Any]:
        """A function that makes a view of the samples in random order."""
        ...

    def list_shards(self) -> list[str]:
        """Return the names of the shards."""
        ...

    def split(self, rank: int, world_size: int, *, uneven: Uneven = ...) -> Exportable[T_co]:
        """Return the share of one rank."""
        ...

    def split_worker(self, worker: int, workers: int) -> Exportable[T_co]:
        """Return the share of one worker."""
        ...

    def __iter__(self) -> Iterator[T_co]:
        """Iterate over the samples."""
        ...
