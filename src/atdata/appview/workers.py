"""Threads that keep running: a failed step is repeated after a pause."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from atdata.base.text import one_line
from atdata.errors import AtdataError, NetworkError

_log = logging.getLogger("atdata.appview")

_LONGEST_PAUSE = 60.0  # seconds between two attempts


class Workers:
    """Threads by name, and their failures.

    Attributes:
        stopping: Set when all threads are to end.
        failing: The error of each worker that failed last.
        failures: How often each worker failed.
    """

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.failing: dict[str, Exception] = {}
        self.failures: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def start(self, name: str, step: Callable[[], bool]) -> None:
        """Repeat a step in a thread until it returns False, or until ``stop``."""
        thread = threading.Thread(target=self._run, args=(name, step), name=name, daemon=True)
        with self._lock:
            self._threads = [one for one in self._threads if one.is_alive()]
            self._threads.append(thread)
            thread.start()

    def mark_working(self, name: str) -> None:
        """Clear the failure of a worker whose step takes long."""
        self.failing.pop(name, None)

    def stop(self) -> None:
        """End all threads; return when none runs any more."""
        self.stopping.set()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    @property
    def is_broken(self) -> bool:
        """Whether a worker fails for a reason other than a server of the network."""
        return not all(isinstance(error, NetworkError) for error in list(self.failing.values()))

    def _run(self, name: str, step: Callable[[], bool]) -> None:
        tries = 0
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                continues = step()
            except Exception as error:  # the worker continues after any error
                lasted = time.monotonic() - began
                tries = 1 if lasted > _LONGEST_PAUSE else tries + 1
                self._note(name, error)
                self.stopping.wait(min(2.0 ** (tries - 2), _LONGEST_PAUSE))
                continue
            tries = 0
            self.mark_working(name)
            if not continues:
                break

    def _note(self, name: str, error: Exception) -> None:
        self.failing[name] = error
        self.failures[name] += 1
        # A traceback helps only with unexpected errors.
        unexpected = None if isinstance(error, AtdataError) else error
        _log.warning("%s: %s", name, one_line(str(error)), exc_info=unexpected)
