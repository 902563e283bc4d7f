"""How a function is mapped over shards: on the cores of this machine, or on a Ray cluster.

Shards are the unit of work. Results come in the order of the items, whichever worker was first,
so whatever is made of them does not depend on the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

ENGINES = ("local", "ray")


class Engine(Protocol):
    """Something that maps functions."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """The function's result for each item, in order.

        Args:
            function: A function of a module, without effects that may not happen twice: when a
                worker dies, its item is given to another one.
            items: Arguments that can be pickled.

        Raises:
            StorageError: Workers die again and again.
        """
        ...


def engine(
    name: str = "local", *, processes: int | None = None, ray_address: str | None = None
) -> Engine:
    """The engine of this name.

    Args:
        name: ``"local"`` or ``"ray"``.
        processes: Worker processes of the local engine; all cores when None.
        ray_address: The cluster's address; None for the one this process is connected to or the
            environment names (``RAY_ADDRESS``), else one that is started for the occasion.

    Raises:
        MissingExtra: Ray is not installed.
    """
    if name == "local":
        from atdata.engines.local import LocalEngine

        return LocalEngine(processes)
    if name == "ray":
        from atdata.engines.ray import RayEngine

        return RayEngine(ray_address)
    raise ValueError(f"engines are {', '.join(ENGINES)}; there is no {name!r}")
