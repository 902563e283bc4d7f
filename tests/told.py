"""Somebody who wants to know how far long work has come."""

from __future__ import annotations


class Told:
    """A ``Progress`` that remembers.

    Attributes:
        begun: Bytes and shards, each time work has begun.
        done: Bytes and shards of each step.
    """

    def __init__(self) -> None:
        self.begun: list[tuple[int | None, int | None]] = []
        self.done: list[tuple[int, int]] = []

    def begin(self, size: int | None, shards: int | None) -> None:
        self.begun.append((size, shards))

    def advance(self, size: int, shards: int) -> None:
        self.done.append((size, shards))
