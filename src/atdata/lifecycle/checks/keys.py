"""A compact set of sample keys, to detect duplicates.

atdata's writer numbers samples, so nearly all keys are runs of consecutive numbers, and a run is
two numbers of any length. Any other key costs two hashes. Keys are compared without regard to
case, because many file systems do so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from hashlib import blake2b

_MAX_DIGITS = 18


@dataclass(slots=True)
class Runs:
    """A set of integers, as ascending runs that don't touch.

    Attributes:
        starts: First number of each run.
        stops: The number after each run.
    """

    starts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)

    def add(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Add the numbers from ``start`` up to ``stop``; return the parts that it had already."""
        first = bisect_left(self.stops, start)
        behind = bisect_right(self.starts, stop)
        touched = list(zip(self.starts[first:behind], self.stops[first:behind], strict=True))
        common = [(max(start, low), min(stop, high)) for low, high in touched]
        if touched:
            start, stop = min(start, touched[0][0]), max(stop, touched[-1][1])
        self.starts[first:behind], self.stops[first:behind] = [start], [stop]
        return [(low, high) for low, high in common if low < high]

    def holds(self, number: int) -> bool:
        """Return whether the number is in the set."""
        place = bisect_right(self.starts, number) - 1
        return place >= 0 and number < self.stops[place]


@dataclass(slots=True)
class KeySet:
    """Keys that were seen in a shard, or in several.

    Attributes:
        numbers: Keys that are decimal numbers, by their number of digits.
        hashes: For all other keys: hash of the lower-case key to hash of the key itself.
    """

    numbers: dict[int, Runs] = field(default_factory=dict)
    hashes: dict[bytes, bytes] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.numbers or self.hashes)

    def add(self, key: str) -> str | None:
        """Add a key; return ``"KEY_TWICE"`` or ``"KEY_CASE"`` if it collides with another."""
        if _is_number(key):
            runs = self.numbers.setdefault(len(key), Runs())
            number = int(key)
            if runs.stops and runs.stops[-1] == number:  # the next sample, nearly always
                runs.stops[-1] += 1
                return None
            return "KEY_TWICE" if runs.add(number, number + 1) else None
        folded, exact = _hash(key.casefold()), _hash(key)
        found = self.hashes.setdefault(folded, exact)
        if found is exact:
            return None
        return "KEY_TWICE" if found == exact else "KEY_CASE"

    def merge(self, other: KeySet) -> KeySet:
        """Add another shard's keys; return those that were in the set already."""
        common = KeySet()
        for width, theirs in other.numbers.items():
            runs = self.numbers.setdefault(width, Runs())
            for start, stop in zip(theirs.starts, theirs.stops, strict=True):
                for low, high in runs.add(start, stop):
                    common.numbers.setdefault(width, Runs()).add(low, high)
        for folded, exact in other.hashes.items():
            found = self.hashes.setdefault(folded, exact)
            if found is not exact:
                common.hashes[folded] = found
        return common

    def collision(self, key: str) -> str | None:
        """Return how a key collides with the set, which is left unchanged."""
        if _is_number(key):
            runs = self.numbers.get(len(key))
            return "KEY_TWICE" if runs is not None and runs.holds(int(key)) else None
        found = self.hashes.get(_hash(key.casefold()))
        if found is None:
            return None
        return "KEY_TWICE" if found == _hash(key) else "KEY_CASE"


def _is_number(key: str) -> bool:
    return key.isdigit() and key.isascii() and len(key) <= _MAX_DIGITS


def _hash(key: str) -> bytes:
    return blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16).digest()
