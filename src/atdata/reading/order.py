"""Deterministic shuffling and sharing out: pure functions of their arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

if TYPE_CHECKING:
    import numpy as np

Item = TypeVar("Item")
Uneven = Literal["exact", "pad", "drop"]


def shuffled(items: Iterable[Item], size: int, random: Random) -> Iterator[Item]:
    """Yield every item once, in an order shuffled through a buffer of ``size`` items.

    A buffer as large as the whole makes every order equally likely. A size of 0 or 1 keeps the
    order. The same items, size and state of ``random`` give the same order on every machine.
    """
    if size < 2:
        yield from items
        return
    numbered = enumerate(items)
    held: dict[int, Item] = {}

    def take(count: int) -> int:
        before = len(held)
        held.update(islice(numbered, count))
        return len(held) - before

    for numbers in mixed(take, size, random):
        yield from map(held.pop, numbers.tolist())


def mixed(
    take: Callable[[int], int], size: int, random: Random
) -> Iterator[np.ndarray[Any, np.dtype[np.int64]]]:
    """Yield indices 0, 1, 2, … in the order of a shuffle buffer, each once, in blocks.

    The buffer is filled and shuffled; half of it is yielded and refilled, until there are no more
    items. All of this is done with integers.

    Args:
        take: Prepares up to the given number of items; returns how many.
        size: Size of the buffer; at least 2.
        random: The random generator.
    """
    import numpy as np

    held = np.arange(take(size), dtype=np.int64)
    end = len(held)
    half = size // 2
    while True:
        held = held[_permutation(len(held), random)]
        if len(held) < size:
            break
        yield held[:half]
        held = held[half:]
        more = take(half)
        if not more:
            break
        held = np.concatenate((held, np.arange(end, end + more, dtype=np.int64)))
        end += more
    yield held


def _permutation(count: int, random: Random) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the numbers below ``count`` in random order."""
    import numpy as np

    # Random bits above, the number itself below: sorting is the fastest shuffle, and no two are
    # equal, so every sorting algorithm gives the same result.
    keys = np.frombuffer(random.randbytes(8 * count), "<u8").astype(np.uint64)
    low = np.uint64((1 << count.bit_length()) - 1)
    keys = (keys & ~low) | np.arange(count, dtype=np.uint64)
    keys.sort()
    return (keys & low).astype(np.int64)


def share(items: Sequence[Item], part: int, parts: int, uneven: Uneven = "exact") -> list[Item]:
    """Return one of ``parts`` shares: every ``parts``-th item, from number ``part`` on.

    Args:
        items: The items to share out.
        part: Which share, from 0.
        parts: How many there are.
        uneven: If the items don't divide evenly: ``"exact"`` gives each item to one share, so
            some are longer by one; ``"pad"`` repeats items from the start until all are equally
            long; ``"drop"`` leaves out the rest.

    Raises:
        ValueError: There is no such share, or it would be empty.
    """
    if not 0 <= part < parts:
        raise ValueError(f"share {part} of {parts}: count from 0")
    rest = len(items) % parts
    if checked_uneven(uneven) == "drop":
        items = items[: len(items) - rest]
    elif uneven == "pad" and rest and items:
        items = [items[n % len(items)] for n in range(len(items) + parts - rest)]
    mine = list(items[part::parts])
    if not mine:
        raise ValueError(f"share {part} of {parts} would be empty: there are too few shards")
    return mine


def checked_uneven(uneven: Uneven) -> Uneven:
    """Return one of the ways to share out unevenly unchanged.

    Raises:
        ValueError: Another word.
    """
    if uneven not in get_args(Uneven):
        raise ValueError(f"uneven is 'exact', 'pad' or 'drop', not {uneven!r}")
    return uneven


def random_of(seed: int, *numbers: int) -> Random:
    """Return a random generator that depends on these integers only, on every machine.

    Args:
        seed: Any integer.
        numbers: Epoch, rank, worker: each at least 0 and below 2**32. All of them 0 give the
            generator of the seed alone.
    """
    mixed = abs(seed)
    for place, number in enumerate(numbers, 1):
        mixed ^= number << (64 * place)
    return Random(mixed)  # noqa: S311 - an order, not a secret


def checked_epoch(epoch: int) -> int:
    """Return a valid epoch unchanged.

    Raises:
        ValueError: Less than 0, or more than 32 bits.
    """
    if not 0 <= epoch < 1 << 32:
        raise ValueError(f"an epoch is counted from 0, and not {epoch}")
    return epoch
