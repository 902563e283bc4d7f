"""Progress callbacks for long-running operations."""

from __future__ import annotations

from typing import Protocol

__all__ = ["NullProgress", "Progress", "Silence"]


class Progress(Protocol):
    """Receives progress updates."""

    def begin(self, size: int | None, shards: int | None) -> None:
        """Start the work: total bytes and shards; None if unknown."""
        ...

    def advance(self, size: int, shards: int) -> None:
        """Add bytes and shards that were done since the last update."""
        ...


class NullProgress:
    """Discards all updates."""

    def begin(self, size: int | None, shards: int | None) -> None:
        """Do nothing."""

    def advance(self, size: int, shards: int) -> None:
        """Do nothing."""


Silence = NullProgress
"""The name of :class:`NullProgress` in earlier versions."""
