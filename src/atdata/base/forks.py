"""Forked children drop connections: processes that share one would read each other's replies."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class HoldsConnections(Protocol):
    """An object with connections or locks that a forked child must not use."""

    def forget(self) -> None:
        """Drop them in the child; new ones are made when they are needed."""


_holders: weakref.WeakSet[HoldsConnections] = weakref.WeakSet()


def forget_after_fork(holder: HoldsConnections) -> None:
    """Call the holder's ``forget`` in each forked child."""
    _holders.add(holder)


def _in_child() -> None:
    for holder in list(_holders):
        holder.forget()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_in_child)
