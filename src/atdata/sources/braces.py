"""Brace notation of shard names: ``data-{000000..000049}.tar``, ``{train,val}/{0..9}.tar``.

As shells have it: ranges of integers (zero-padded when an end is written so, in both
directions, with an optional step), comma lists, any nesting. Braces around anything else stand
for themselves. The count is known before anything is expanded, and bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

from atdata.errors import UrlError

MAX_NAMES = 1_000_000
_MAX_DEPTH = 32
_RANGE = re.compile(r"(-?\d{1,18})\.\.(-?\d{1,18})(?:\.\.(-?\d{1,18}))?")


def expand(pattern: str) -> list[str]:
    """All names that a pattern stands for, in the order of its parts.

    Raises:
        UrlError: Braces don't match, or the names are more than 1,000,000.
    """
    return list(iterate(pattern))


def iterate(pattern: str) -> Iterator[str]:
    """As :func:`expand`, one name at a time."""
    tree = _parse(pattern)
    if tree.count > MAX_NAMES:
        raise UrlError(
            f"the pattern stands for {tree.count} names; the limit is {MAX_NAMES}", uri=pattern
        )
    return iter(tree)


def count(pattern: str) -> int:
    """How many names a pattern stands for, found without expanding it.

    Raises:
        UrlError: Braces don't match.
    """
    return _parse(pattern).count


@dataclass(frozen=True, slots=True)
class _Text:
    text: str
    count: int = 1

    def __iter__(self) -> Iterator[str]:
        yield self.text


@dataclass(frozen=True, slots=True)
class _Range:
    numbers: range
    width: int

    @property
    def count(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[str]:
        return (f"{number:0{self.width}d}" for number in self.numbers)


@dataclass(frozen=True, slots=True)
class _Choice:
    options: list[_Sequence]

    @property
    def count(self) -> int:
        return sum(option.count for option in self.options)

    def __iter__(self) -> Iterator[str]:
        return (name for option in self.options for name in option)


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: list[_Text | _Range | _Choice]

    @property
    def count(self) -> int:
        return prod(part.count for part in self.parts)

    def __iter__(self) -> Iterator[str]:
        return map("".join, product(*self.parts))


def _parse(pattern: str) -> _Sequence:
    tree, end = _sequence(pattern, 0, 0)
    if end != len(pattern):
        raise _unbalanced(pattern, end)
    return tree


def _sequence(pattern: str, at: int, depth: int) -> tuple[_Sequence, int]:
    """Parse up to the brace (or inside braces, the comma) that ends this part; where it stands."""
    if depth > _MAX_DEPTH:
        raise UrlError("braces are nested too deep", uri=pattern)
    parts: list[_Text | _Range | _Choice] = []
    stops = re.compile(r"[{},]" if depth else r"[{}]")
    while (match := stops.search(pattern, at)) and match[0] == "{":
        parts.append(_Text(pattern[at : match.start()]))
        found, at = _braces(pattern, match.start(), depth + 1)
        parts += found
    end = match.start() if match else len(pattern)
    parts.append(_Text(pattern[at:end]))
    return _Sequence(parts), end


def _braces(pattern: str, start: int, depth: int) -> tuple[list[_Text | _Range | _Choice], int]:
    """Parse what begins with the brace at ``start``; and where what follows begins."""
    options: list[_Sequence] = []
    at = start
    while True:
        option, at = _sequence(pattern, at + 1, depth)
        options.append(option)
        if at == len(pattern):
            raise _unbalanced(pattern, start)
        if pattern[at] == "}":
            break
    if len(options) > 1:
        return [_Choice(options)], at + 1
    if numbers := _range(pattern[start + 1 : at]):
        return [numbers], at + 1
    return [_Text("{"), *options[0].parts, _Text("}")], at + 1


def _range(text: str) -> _Range | None:
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    first, last, step = int(match[1]), int(match[2]), abs(int(match[3] or 1)) or 1
    numbers = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    ends = match[1], match[2]
    padded = any(end.lstrip("-").startswith("0") and len(end.lstrip("-")) > 1 for end in ends)
    return _Range(numbers, max(map(len, ends)) if padded else 0)


def _unbalanced(pattern: str, at: int) -> UrlError:
    return UrlError(f"the brace at character {at} has no partner", uri=pattern)
