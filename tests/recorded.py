"""A progress callback that keeps what it received."""

from __future__ import annotations


class RecordedProgress:
    """A ``Progress`` that keeps all updates.

    Attributes:
        begun: Bytes and shards, for each start of work.
        done: Bytes and shards of each update.
    """

    def __init__(self) -> None:
        self.begun: list[tuple[int | None, int | None]] = []
        self.done: list[tuple[int, int]] = []

    def begin(self, size: int | None, shards: int | None) -> None:
        self.begun.append((size, shards))

    def advance(self, size: int, shards: int) -> None:
        self.done.append((size, shards))
