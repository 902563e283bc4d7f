"""Engines map a function over shards, on the cores of this machine or on a Ray cluster.

Shards are the unit of work. Results come in the order of the items, so they do not depend on the
engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

__all__ = ["ENGINES", "Engine", "engine"]

Item = TypeVar("Item")
Result = TypeVar("Result")

ENGINES = ("local", "ray")


class Engine(Protocol):
    """Maps functions over items, in parallel where it can."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield the function's result for each item, in order.

        Args:
            function: A function of a module. It may run twice for an item: when a worker dies,
                another one gets its item.
            items: Arguments that can be pickled.

        Raises:
            StorageError: Workers die repeatedly.
        """
        ...


def engine(
    name: str = "local", *, processes: int | None = None, ray_address: str | None = None
) -> Engine:
    """Return the engine of this name.

    Args:
        name: ``"local"`` or ``"ray"``.
        processes: Worker processes of the local engine; all cores when None.
        ray_address: The cluster's address. None for the cluster that this process is connected
            to, or that ``RAY_ADDRESS`` names; without either, one is started.

    Raises:
        MissingExtra: Ray is not installed.
        NetworkError: There is no Ray cluster at the address.
        ValueError: The name is unknown.
    """
    if name == "local":
        from atdata.engines.local import LocalEngine

        return LocalEngine(processes)
    if name == "ray":
        from atdata.engines.ray import RayEngine

        return RayEngine(ray_address)
    raise ValueError(f"engine must be one of {', '.join(ENGINES)}, not {name!r}")
