"""Samples by number: how many a shard holds, and one of them alone.

Both come from the offset index beside a local shard (``000000.idx``, see
:mod:`atdata.shards.offsets`). A shard without one is walked once before its samples are read by
number, but not to tell a length, which would read all of it unasked; that, a manifest may say.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from atdata.errors import ShardError
from atdata.shards.names import SAMPLE, split_name
from atdata.shards.offsets import read_index, unfit
from atdata.shards.reader import read_samples
from atdata.shards.tar import BLOCK, parse_header
from atdata.shards.window import open_file
from atdata.sources.adapt import AdaptedSource
from atdata.sources.schemes import redacted

_MOST_OPEN = 64


class _Shard(NamedTuple):
    """A local shard that is ready to be read by number."""

    name: str
    data: Any  # bytes, or a mapped file
    offsets: list[tuple[int, int]]  # of payloads, and their sizes
    sound: bytearray  # 1 for each that was seen to be where it should


class Seeker:
    """Reads the samples of a source's shards by number.

    Args:
        source: Where the shards are.
        names: Which ones, in order.
    """

    def __init__(self, source: AdaptedSource, names: list[str]) -> None:
        self._source = source
        self._names = names
        self._ends: list[int] | None = None
        self._open: dict[int, _Shard] = {}

    def known_length(self) -> int:
        """How many samples there are, as far as it is known without reading shards.

        Raises:
            TypeError: Nothing says so of some shard.
            ShardError: An index does not fit its shard.
        """
        total = 0
        for name in self._names:
            count = self._source.known_samples(name)
            if count is None:
                raise TypeError(
                    f"the number of samples is not known: {redacted(name)} has no offset index "
                    "and no manifest; iterate to count, or write with atdata.write_shards"
                )
            total += count
        return total

    def payload(self, index: int) -> tuple[str, int, bytes]:
        """The shard, offset and msgpack bytes of one sample, counted from either end.

        Raises:
            IndexError: There are fewer.
            TypeError: A shard is read as a stream: there is no file of it on this machine.
            ShardError: A shard or index is not sound.
        """
        if self._ends is None:
            counts = (len(self._shard(number).offsets) for number in range(len(self._names)))
            self._ends = list(accumulate(counts))
        total = self._ends[-1] if self._ends else 0
        wanted = index + total if index < 0 else index
        if not 0 <= wanted < total:
            raise IndexError(f"sample {index} of {total}")
        number = bisect_right(self._ends, wanted)
        shard = self._open.get(number) or self._shard(number)
        row = wanted - (self._ends[number - 1] if number else 0)
        place, size = shard.offsets[row]
        if not shard.sound[row]:
            _check_header(shard, place, size)
            shard.sound[row] = 1
        return shard.name, place - BLOCK, shard.data[place : place + size]

    def _shard(self, number: int) -> _Shard:
        shard = self._open.get(number)
        if shard is None:
            shard = self._opened(self._names[number])
            if len(self._open) >= _MOST_OPEN:
                self._open.pop(next(iter(self._open)))
            self._open[number] = shard
        return shard

    def _opened(self, name: str) -> _Shard:
        shown = redacted(name)
        file = self._source.open_file(name)
        if file is None:
            raise TypeError(f"{shown} is read as a stream, which has no samples by number")
        with file:
            offsets = read_index(Path(file.name), shown)
            window = open_file(file, shown)
            data, *_ = window.state()
            if offsets is not None:
                return _Shard(shown, data, offsets, bytearray(len(offsets)))
            walked = read_samples(window)
            offsets = [(at + BLOCK, len(payload)) for _, _, at, payload in walked]
            return _Shard(shown, data, offsets, bytearray(b"\1") * len(offsets))


def _check_header(shard: _Shard, place: int, size: int) -> None:
    try:
        kind, name, there = parse_header(shard.data[place - BLOCK : place])
        sound = kind == b"0" and there == size and split_name(name)[1] == SAMPLE
    except ShardError:
        sound = False
    if not sound:
        raise unfit("it points at no sample", shard.name, place)
