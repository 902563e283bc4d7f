"""Orders in which things are visited: pure functions of their arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from random import Random
from typing import Literal, TypeVar

Item = TypeVar("Item")
Uneven = Literal["exact", "pad", "drop"]


def shuffled(items: Iterable[Item], size: int, random: Random) -> Iterator[Item]:
    """Every item once, in an order that a buffer of ``size`` items makes random.

    A buffer as large as the whole makes every order equally likely. A size of 0 or 1 keeps the
    order. The same items, size and state of ``random`` give the same order on every machine.
    """
    if size < 2:
        yield from items
        return
    rest = iter(items)
    buffer = list(islice(rest, size))
    below = random.random
    for item in rest:
        chosen = int(below() * size)
        yield buffer[chosen]
        buffer[chosen] = item
    # What is left, shuffled as random.shuffle() does, but in half the time.
    for last in range(len(buffer) - 1, 0, -1):
        chosen = int(below() * (last + 1))
        buffer[last], buffer[chosen] = buffer[chosen], buffer[last]
    yield from buffer


def share(items: Sequence[Item], part: int, parts: int, uneven: Uneven = "exact") -> list[Item]:
    """One of ``parts`` shares: every ``parts``-th item, from number ``part`` on.

    Args:
        items: What is shared out.
        part: Which share, from 0.
        parts: How many there are.
        uneven: Where the items don't come out even: ``"exact"`` gives each item to one share, so
            some are longer by one; ``"pad"`` repeats items from the start until all are equally
            long; ``"drop"`` leaves out what is over.

    Raises:
        ValueError: There is no such share, or it would be empty.
    """
    if not 0 <= part < parts:
        raise ValueError(f"share {part} of {parts}: count from 0")
    rest = len(items) % parts
    if uneven == "drop":
        items = items[: len(items) - rest]
    elif uneven == "pad" and rest and items:
        items = [items[n % len(items)] for n in range(len(items) + parts - rest)]
    elif uneven not in ("exact", "pad"):
        raise ValueError(f"uneven is 'exact', 'pad' or 'drop', not {uneven!r}")
    mine = list(items[part::parts])
    if not mine:
        raise ValueError(f"share {part} of {parts} would be empty: there are too few shards")
    return mine


def random_of(seed: int, *numbers: int) -> Random:
    """A generator that depends on these integers only, on every machine.

    Args:
        seed: Any integer.
        numbers: Epoch, rank, worker: each at least 0 and below 2**32. All of them 0 give the
            generator of the seed alone.
    """
    mixed = abs(seed)
    for place, number in enumerate(numbers, 1):
        mixed ^= number << (64 * place)
    return Random(mixed)  # noqa: S311 - an order, not a secret
