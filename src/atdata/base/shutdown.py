"""Closing of generators that hold files or connections when the program ends.

After a loop that ends early, the interpreter closes the generator, perhaps when modules that
it needs are already torn down: errors are printed, and some versions of Python crash.
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
    """Register a generator to be closed before the interpreter shuts down, if it still exists."""
    _open.add(generator)
    return generator


@atexit.register
def _close_all() -> None:
    for generator in list(_open):
        with suppress(ValueError):  # a daemon thread is inside of it
            generator.close()
