"""A view of what an index lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from itertools import islice
from operator import attrgetter
from typing import Any, Generic, TypeVar, overload
from weakref import ref

from atdata.base.display import html_table

T = TypeVar("T")

_SHOWN = 3  # in a repr


class Listing(Generic[T]):
    """The datasets or schemas of an index, to go through as often as wanted.

    Nothing is read before the view is used, and nothing is kept: each use reads the index, page
    by page, and sees its present state.
    ``listing.named("mnist*")`` has those whose names match; ``listing[0]``, ``listing[:10]``,
    ``len(listing)`` and ``listing == [...]`` do what they do for a list.

    Args:
        read: Returns a new iterator each time; called when the view is used.
        name_of: Returns an item's name.
    """

    def __init__(
        self, read: Callable[[], Iterable[T]], name_of: Callable[[T], str] = attrgetter("name")
    ) -> None:
        self._read = read
        self._name_of = name_of
        self._last: Callable[[], _Reading[T] | None] = lambda: None

    def __iter__(self) -> Iterator[T]:
        reading = _Reading(self._read)
        self._last = ref(reading)
        return reading

    def __len__(self) -> int:
        # list() takes an iterator and asks for the length before the first item: the index, which
        # may be on the network, is read once for both.
        reading = self._last()
        if reading is None or reading.has_begun:
            return sum(1 for _ in self._read())
        return reading.count()

    def __bool__(self) -> bool:
        return any(True for _ in self)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice) or index < 0:
            return list(self)[index]
        for item in islice(self, index, None):
            return item
        raise IndexError(f"the listing has fewer than {index + 1} items")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Listing, list)):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # what it contains changes

    def named(self, pattern: str) -> Listing[T]:
        """Return the items whose names match: a name, or a pattern such as ``mnist*``."""

        def matching() -> Iterator[T]:
            return (item for item in self if fnmatchcase(self._name_of(item), pattern))

        return Listing(matching, self._name_of)

    def names(self) -> list[str]:
        """Return the name of each item, in order."""
        return [self._name_of(item) for item in self]

    def __repr__(self) -> str:
        first = [repr(self._name_of(item)) for item in islice(self, _SHOWN + 1)]
        more = ["…"] if len(first) > _SHOWN else []
        return f"Listing({', '.join(first[:_SHOWN] + more)})"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, Any]] = [(str(n), name) for n, name in enumerate(self.names())]
        return html_table(f"{len(rows)} items", rows)


class _Reading(Iterator[T]):
    """One reading of an index, which begins with the first item, or with their number."""

    def __init__(self, read: Callable[[], Iterable[T]]) -> None:
        self._read = read
        self._items: Iterator[T] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the index was read."""
        return self._items is not None

    def count(self) -> int:
        """Read all items, keep them for the iteration, and return their number."""
        items = list(self._read())
        self._items = iter(items)
        return len(items)

    def __next__(self) -> T:
        if self._items is None:
            self._items = iter(self._read())
        return next(self._items)
