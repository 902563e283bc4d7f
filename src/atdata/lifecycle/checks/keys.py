"""A compact set of sample keys, to detect duplicates.

atdata's writer numbers samples, so nearly all keys are runs of consecutive numbers, and a run is
two numbers of any length. Any other key costs two hashes. Keys are compared without regard to
case, because many file systems do so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

_MAX_DIGITS = 18
# Inserting into a list moves all that follows: lists up to this length are inserted into.
_SHORT = 512


@dataclass(slots=True)
class Runs:
    """A set of integers, as ascending runs that don't touch.

    Attributes:
        starts: First number of each run.
        stops: The number after each run.
    """

    starts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.starts, self.stops, strict=True)

    def add(self, start: int, stop: int) -> None:
        """Add the numbers from ``start`` up to ``stop``, in steps linear in the runs after."""
        first, after = bisect_left(self.stops, start), bisect_right(self.starts, stop)
        if first < after:
            start, stop = min(start, self.starts[first]), max(stop, self.stops[after - 1])
        self.starts[first:after], self.stops[first:after] = [start], [stop]

    def common(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the parts from ``start`` up to ``stop`` that the set has."""
        for place in range(bisect_right(self.stops, start), bisect_left(self.starts, stop)):
            yield max(start, self.starts[place]), min(stop, self.stops[place])

    def merged(self, other: Runs) -> Runs:
        """Return the union of two sets."""
        union = Runs()
        for start, stop in sorted([*self, *other]):
            if union.stops and start <= union.stops[-1]:
                union.stops[-1] = max(union.stops[-1], stop)
            else:
                union.starts.append(start)
                union.stops.append(stop)
        return union


@dataclass(slots=True)
class Numbers:
    """A set of integers, as lists of runs; n numbers in any order take n log n steps.

    Numbers above all others are appended to the first list. Others are inserted into the last,
    which is short; when it is full, it is merged with the one before while that is not longer.

    Attributes:
        lists: The lists. No number is in two of them, and the first has the greatest.
    """

    lists: list[Runs] = field(default_factory=lambda: [Runs()])

    def add(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Add the numbers from ``start`` up to ``stop``; return the parts that it had already."""
        first = self.lists[0]
        top = first.stops[-1] if first.stops else start
        if stop > top:
            first.add(max(start, top), stop)
        if start >= top:
            return []
        stop = min(stop, top)
        common = sorted(part for runs in self.lists for part in runs.common(start, stop))
        for low, high in [*common, (stop, stop)]:
            if start < low:
                self._insert(start, low)
            start = high
        return common

    def _insert(self, start: int, stop: int) -> None:
        lists = self.lists
        if len(lists[-1].starts) >= _SHORT:
            lists.append(Runs())
        lists[-1].add(start, stop)
        if len(lists[-1].starts) >= _SHORT:
            while len(lists) > 1 and len(lists[-2].starts) <= len(lists[-1].starts):
                last = lists.pop()
                lists[-1] = lists[-1].merged(last)


@dataclass(slots=True)
class KeySet:
    """Keys that were seen in a shard, or in several.

    Attributes:
        numbers: Keys that are decimal numbers, by their number of digits.
        hashes: For all other keys: hash of the lower-case key to hash of the key itself.
    """

    numbers: dict[int, Numbers] = field(default_factory=dict)
    hashes: dict[bytes, bytes] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.numbers or self.hashes)

    def add(self, key: str) -> str | None:
        """Add a key; return ``"KEY_TWICE"`` or ``"KEY_CASE"`` if it collides with another."""
        if _is_number(key):
            numbers = self.numbers.get(len(key)) or self.numbers.setdefault(len(key), Numbers())
            number, stops = int(key), numbers.lists[0].stops
            if stops and stops[-1] == number:  # the next sample, nearly always
                stops[-1] += 1
                return None
            return "KEY_TWICE" if numbers.add(number, number + 1) else None
        folded, exact = _hash(key.casefold()), _hash(key)
        found = self.hashes.setdefault(folded, exact)
        if found is exact:
            return None
        return "KEY_TWICE" if found == exact else "KEY_CASE"

    def merge(self, other: KeySet) -> KeySet:
        """Add another shard's keys; return those that were in the set already."""
        common = KeySet()
        for width, theirs in other.numbers.items():
            numbers = self.numbers.setdefault(width, Numbers())
            for start, stop in (run for runs in theirs.lists for run in runs):
                for part in numbers.add(start, stop):
                    common.numbers.setdefault(width, Numbers()).add(*part)
        for folded, exact in other.hashes.items():
            found = self.hashes.setdefault(folded, exact)
            if found is not exact:
                common.hashes[folded] = found
        return common

    def collision(self, key: str) -> str | None:
        """Return how a key collides with the set, which is left unchanged."""
        if _is_number(key):
            number, numbers = int(key), self.numbers.get(len(key), Numbers())
            found = any(part for runs in numbers.lists for part in runs.common(number, number + 1))
            return "KEY_TWICE" if found else None
        exact = self.hashes.get(_hash(key.casefold()))
        if exact is None:
            return None
        return "KEY_TWICE" if exact == _hash(key) else "KEY_CASE"


def _is_number(key: str) -> bool:
    return key.isdigit() and key.isascii() and len(key) <= _MAX_DIGITS


def _hash(key: str) -> bytes:
    return blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16).digest()
