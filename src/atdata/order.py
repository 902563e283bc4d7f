"""Orders in which things are visited: pure functions of their arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


def shuffled(items: Iterable[Item], size: int, random: Random) -> Iterator[Item]:
    """Every item once, in an order that a buffer of ``size`` items makes random.

    A buffer as large as the whole makes every order equally likely. A size of 0 or 1 keeps the
    order. The same items, size and state of ``random`` give the same order on every machine.
    """
    if size < 2:
        yield from items
        return
    buffer: list[Item] = []
    below = random.random
    for item in items:
        if len(buffer) < size:
            buffer.append(item)
            continue
        chosen = int(below() * size)
        yield buffer[chosen]
        buffer[chosen] = item
    random.shuffle(buffer)
    yield from buffer
