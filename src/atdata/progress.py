"""Who wants to know how far long work has come."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told of work as it is done."""

    def begin(self, size: int | None, shards: int | None) -> None:
        """There are so many bytes to go through, in so many shards; None where nobody knows."""
        ...

    def advance(self, size: int, shards: int) -> None:
        """So many more bytes and shards are done."""
        ...


class Silence:
    """Nobody wants to know."""

    def begin(self, size: int | None, shards: int | None) -> None:
        """Nothing."""

    def advance(self, size: int, shards: int) -> None:
        """Nothing."""
