"""The Ray engine: a cluster of machines that share files or an object store."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from atdata.base.extras import require
from atdata.errors import NetworkError, StorageError

__all__ = ["RayEngine"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_RETRIES = 3


class RayEngine:
    """Tasks on a Ray cluster; a task whose worker died runs again.

    Workers need atdata, and the same paths and URLs as this process.

    Args:
        address: The cluster's address; see :func:`atdata.engines.engine`.

    Raises:
        MissingExtra: Ray is not installed.
        NetworkError: There is no cluster at the address.
    """

    def __init__(self, address: str | None = None) -> None:
        # Ray sends usage statistics to its developers unless this is "0".
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self._ray: Any = require("ray", extra="ray")
        if not self._ray.is_initialized():
            try:
                self._ray.init(
                    address=address,
                    include_dashboard=None if address or "RAY_ADDRESS" in os.environ else False,
                    log_to_driver=False,
                    logging_level="ERROR",
                )
            except (ConnectionError, ValueError) as error:
                raise NetworkError(
                    "the Ray cluster can't be reached",
                    uri=address,
                    hint="Check the address, or start a cluster with `ray start --head`.",
                ) from error

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield the results in order; see :class:`atdata.engines.Engine`."""
        remote = self._ray.remote(max_retries=_RETRIES)(function)
        in_flight = 2 * max(2, int(self._ray.cluster_resources().get("CPU", 1)))
        running: deque[Any] = deque()
        try:
            for item in items:
                running.append(remote.remote(item))
                if len(running) > in_flight:
                    yield self._result(running.popleft())
            while running:
                yield self._result(running.popleft())
        finally:
            for task in running:
                self._ray.cancel(task)

    def _result(self, task: Any) -> Any:
        failures = self._ray.exceptions
        try:
            return self._ray.get(task)
        except failures.RayTaskError as error:
            raise error.cause from None
        except failures.RayError as error:
            raise StorageError(
                "the Ray cluster lost a task repeatedly",
                hint="Check the cluster with `ray status`.",
            ) from error
