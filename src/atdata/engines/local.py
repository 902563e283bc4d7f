"""The local engine: worker processes on the cores of this machine."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from atdata.base.workers import begin_worker
from atdata.errors import StorageError

__all__ = ["LocalEngine"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_ATTEMPTS = 3  # without progress


class LocalEngine:
    """Worker processes of this machine; for one process or one item, this process itself.

    Args:
        processes: The number of processes; one per core if None.
    """

    def __init__(self, processes: int | None = None) -> None:
        self.processes = processes or _cores()

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield the results in order; see :class:`atdata.engines.Engine`."""
        waiting = list(items)
        if self.processes == 1 or len(waiting) < 2:
            yield from map(function, waiting)
            return
        done, failures = 0, 0
        while done < len(waiting):
            started = done
            try:
                for result in self._run(function, waiting[done:]):
                    done += 1
                    yield result
            except BrokenProcessPool as error:
                failures = 1 if done > started else failures + 1
                if failures == _ATTEMPTS:
                    raise StorageError(
                        "worker processes died repeatedly",
                        hint="Check that memory is sufficient, or pass fewer processes.",
                    ) from error

    def _run(self, function: Callable[[Item], Result], items: list[Item]) -> Iterator[Result]:
        count = min(self.processes, len(items))
        running: deque[Future[Result]] = deque()
        pool = ProcessPoolExecutor(count, _context(), begin_worker, (dict(os.environ),))
        try:
            for item in items:
                running.append(pool.submit(function, item))
                # Results are kept here in order; twice the workers is enough to keep all busy.
                if len(running) > 2 * count:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _cores() -> int:
    """Return the number of cores that this process may use, as the system reports it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _context() -> multiprocessing.context.BaseContext:
    # A fork is fast and works in any script, but copies locks that other threads hold.
    is_single = threading.active_count() == 1 and sys.platform != "darwin"
    methods = multiprocessing.get_all_start_methods()
    wanted = ["fork", "forkserver", "spawn"] if is_single else ["forkserver", "spawn"]
    return multiprocessing.get_context(next(method for method in wanted if method in methods))
