"""Generators that hold files or connections, and are still open when the program ends.

A loop that is left early leaves its generator to the interpreter, which may close it when the
modules that it needs are half gone: errors are printed, and some versions of Python crash.
"""

from __future__ import annotations

import atexit
from collections.abc import Generator
from contextlib import suppress
from typing import TypeVar
from weakref import WeakSet

Item = TypeVar("Item")

_open: WeakSet[Generator[object, None, None]] = WeakSet()


def closed_at_exit(generator: Generator[Item, None, None]) -> Generator[Item, None, None]:
    """Have a generator closed before the interpreter is taken down, if it is still there."""
    _open.add(generator)
    return generator


@atexit.register
def _close_all() -> None:
    for generator in list(_open):
        with suppress(ValueError):  # a daemon thread is inside of it
            generator.close()
