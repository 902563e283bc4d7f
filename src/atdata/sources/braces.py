"""Brace notation of shard names: ``data-{000000..000049}.tar``, ``{train,val}/{0..9}.tar``.

The notation is that of shells: ranges of integers (zero-padded if an end is written so, in both
directions, with an optional step), comma lists, nesting. Braces around anything else are
literal. Names are counted before any is made, and made when they are asked for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, groupby, product
from math import prod
from typing import overload

from atdata.errors import UrlError
from atdata.storage.urls import redacted

MAX_NAMES = 1_000_000
"""Names of all patterns of a source together."""
MAX_RECORD_NAMES = 100_000
"""Names of all patterns of a record together."""
_MAX_AVERAGE = 320  # characters a name, if the number of names is at its limit
_MAX_DEPTH = 32
_FLAT = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(-?\d{1,18})\.\.(-?\d{1,18})(?:\.\.(-?\d{1,18}))?", re.ASCII)


class Names(Sequence[str]):
    """All names that patterns stand for, in order. Only those that are asked for are made.

    Args:
        patterns: The patterns.
        limit: The largest number of names that they may stand for together.

    Raises:
        UrlError: Braces don't match, or the names are too many, or too long together.
    """

    def __init__(self, patterns: Iterable[str], limit: int = MAX_NAMES) -> None:
        self._trees: list[_Node] = []
        self._ends: list[int] = []
        count = characters = 0
        for pattern in patterns:
            tree = _parse(pattern)
            count += _count(tree)
            if count > limit:
                raise UrlError(
                    f"the URLs stand for too many names: the limit is {limit}",
                    uri=redacted(pattern),
                )
            characters += _characters(tree)
            if characters > limit * _MAX_AVERAGE:
                raise UrlError(
                    f"the names are longer than {limit * _MAX_AVERAGE} characters together",
                    uri=redacted(pattern),
                )
            self._trees.append(tree)
            self._ends.append(count)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(map(_iterate, self._trees))

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        number = range(len(self))[index]
        place = bisect_right(self._ends, number)
        return _at(self._trees[place], number - (self._ends[place - 1] if place else 0))


@dataclass(frozen=True, slots=True)
class _Range:
    numbers: range
    width: int

    @property
    def count(self) -> int:
        return len(self.numbers)

    @property
    def characters(self) -> int:
        """An upper bound of the lengths of all names together."""
        longest = max(len(self.at(0)), len(self.at(-1)))
        return longest * len(self.numbers)

    def at(self, index: int) -> str:
        return f"{self.numbers[index]:0{self.width}d}"

    def __iter__(self) -> Iterator[str]:
        return (f"{number:0{self.width}d}" for number in self.numbers)


@dataclass(frozen=True, slots=True)
class _Choice:
    options: list[_Node]
    ends: list[int]  # how many names the options up to each have

    @property
    def count(self) -> int:
        return self.ends[-1]

    @property
    def characters(self) -> int:
        return sum(map(_characters, self.options))

    def at(self, index: int) -> str:
        place = bisect_right(self.ends, index)
        return _at(self.options[place], index - (self.ends[place - 1] if place else 0))

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(map(_iterate, self.options))


@dataclass(frozen=True, slots=True)
class _Joined:
    parts: list[_Node]
    count: int

    @property
    def characters(self) -> int:
        return sum(_characters(part) * (self.count // _count(part)) for part in self.parts)

    def at(self, index: int) -> str:
        names = []
        for part in reversed(self.parts):
            index, place = divmod(index, _count(part))
            names.append(_at(part, place))
        return "".join(reversed(names))

    def __iter__(self) -> Iterator[str]:
        return map("".join, product(*map(_iterate, self.parts)))


# Text is a plain str: most of a pattern is text, and a record may have 100,000s of pieces.
_Node = str | _Range | _Choice | _Joined


def _count(node: _Node) -> int:
    return 1 if isinstance(node, str) else node.count


def _characters(node: _Node) -> int:
    return len(node) if isinstance(node, str) else node.characters


def _at(node: _Node, index: int) -> str:
    return node if isinstance(node, str) else node.at(index)


def _iterate(node: _Node) -> Iterator[str]:
    return iter((node,)) if isinstance(node, str) else iter(node)


def _parse(pattern: str) -> _Node:
    tree, end = _sequence(pattern, 0, 0)
    if end != len(pattern):
        raise _unbalanced(pattern, end)
    return tree


def _sequence(pattern: str, at: int, depth: int) -> tuple[_Node, int]:
    """Parse up to the brace (inside braces: or comma) that ends this part, and return its index."""
    if depth > _MAX_DEPTH:
        raise UrlError("braces are nested too deep", uri=redacted(pattern))
    parts: list[_Node] = []
    stops = re.compile(r"[{},]" if depth else r"[{}]")
    while (match := stops.search(pattern, at)) and match[0] == "{":
        parts.append(pattern[at : match.start()])
        if flat := _FLAT.match(pattern, match.start()):
            parts.append(_flat(flat[1]))
            at = flat.end()
        else:
            found, at = _nested(pattern, match.start(), depth + 1)
            parts += found
    end = match.start() if match else len(pattern)
    parts.append(pattern[at:end])
    return _joined(parts), end


def _flat(text: str) -> _Node:
    """Return the node for braces that contain no others."""
    if "," in text:
        return _choice(text.split(","))
    return _range(text) or f"{{{text}}}"


def _nested(pattern: str, start: int, depth: int) -> tuple[list[_Node], int]:
    """Parse from the brace at ``start``; return the nodes, and the index after them."""
    options: list[_Node] = []
    at = start
    while True:
        option, at = _sequence(pattern, at + 1, depth)
        options.append(option)
        if at == len(pattern):
            raise _unbalanced(pattern, start)
        if pattern[at] == "}":
            break
    return [_choice(options)] if len(options) > 1 else ["{", *options, "}"], at + 1


def _choice(options: Sequence[_Node]) -> _Choice:
    return _Choice(list(options), list(accumulate(map(_count, options))))


def _joined(parts: list[_Node]) -> _Node:
    """Return the parts as one node, with neighbouring texts joined."""
    merged: list[_Node] = []
    for is_text, group in groupby(parts, lambda part: isinstance(part, str)):
        nodes = list(group)
        merged += ["".join(map(str, nodes))] if is_text else nodes
    merged = [part for part in merged if part != ""] or [""]
    return merged[0] if len(merged) == 1 else _Joined(merged, prod(map(_count, merged)))


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
    return UrlError(f"the brace at character {at} has no partner", uri=redacted(pattern))
