"""Random access: samples by number.

The headers of a shard are walked once before its samples are read by number, so that these are
the samples that iterating gives.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections import OrderedDict
from functools import cached_property
from itertools import accumulate, chain
from typing import IO, Any, NamedTuple

from atdata.errors import RandomAccessError, ShardError
from atdata.shards.groups import read_group
from atdata.shards.member_group import MemberGroup
from atdata.shards.names import SAMPLE
from atdata.shards.offsets import spans
from atdata.shards.reader import read_samples
from atdata.shards.tar import BLOCK
from atdata.shards.window import Window, open_file
from atdata.sources.adapt import AdaptedSource
from atdata.storage.urls import redacted

_MOST_OPEN = 64
_NAME = 100  # bytes of a name in a tar header


class _Offsets(NamedTuple):
    """The places of a shard's samples, valid while its file is in this state.

    Attributes:
        state: Of the file.
        in_groups: Whether a sample is a group of members.
        starts: Where the payload of each sample starts, or the first header of its group.
        sizes: Length of each payload, or of the group up to the end of its last member.
    """

    state: tuple[int, ...]
    in_groups: bool
    starts: array[int]
    sizes: array[int]


class _Shard(NamedTuple):
    """A local shard that is ready to be read by number."""

    name: str
    data: Any  # bytes, or a mapped file
    offsets: _Offsets

    def sample(self, row: int) -> tuple[str, str | None, int, bytes | MemberGroup]:
        """Return its name; and key, offset and payload of one of its samples."""
        start, size = self.offsets.starts[row], self.offsets.sizes[row]
        if not self.offsets.in_groups:
            return self.name, self._key(start), start - BLOCK, self.data[start : start + size]
        group = read_group(Window(self.data, self.name), start, start + size)
        return self.name, group.key, group.offset, group

    def _key(self, start: int) -> str | None:
        """Return the key before a payload; None if its header does not have the whole name."""
        name = bytes(self.data[start - BLOCK : start - BLOCK + _NAME])
        key, suffix, _ = name.partition(f".{SAMPLE}".encode())
        return key.decode(errors="replace") if suffix else None


class Seeker:
    """Reads the samples of a source's shards by number.

    The last 64 shards that were read stay open; the offsets of all that were read are kept, at 16
    bytes a sample.

    Args:
        source: Where the shards are.
        names: Names of the shards, in order.
        length: Number of samples, starting again after the last if there are fewer; None for
            each once.
    """

    def __init__(self, source: AdaptedSource, names: list[str], length: int | None = None) -> None:
        self._source = source
        self._names = names
        self._limit = length
        self._open: OrderedDict[int, _Shard] = OrderedDict()
        self._offsets: dict[int, _Offsets] = {}

    @property
    def length(self) -> int:
        """The number of samples; shards whose number is not known are walked for it.

        Raises:
            RandomAccessError, ShardError: As :meth:`payload`.
        """
        if self._limit is not None:
            return self._limit
        return self._ends[-1] if self._ends else 0

    def payload(self, index: int) -> tuple[str, str | None, int, bytes | MemberGroup]:
        """Return shard, key, offset, and bytes or members of one sample, from either end.

        The key is None if it is too long for a plain tar header.

        Raises:
            IndexError: There are fewer samples.
            RandomAccessError: A shard can only be read from its start.
            ShardError: A shard or index is not sound.
        """
        ends = self._ends
        there = ends[-1] if ends else 0
        total = there if self._limit is None else self._limit
        wanted = index + total if index < 0 else index
        if not there or not 0 <= wanted < total:
            raise IndexError(f"sample {index} of {total}")
        wanted %= there
        number = bisect_right(ends, wanted)
        first = ends[number - 1] if number else 0
        shard = self._shard(number)
        _check_count(shard, ends[number] - first)
        return shard.sample(wanted - first)

    @cached_property
    def _ends(self) -> list[int]:
        """For each shard, the number of samples up to its end."""
        return list(accumulate(map(self._count, range(len(self._names)))))

    def _count(self, number: int) -> int:
        count = self._source.known_samples(self._names[number])
        return len(self._shard(number).offsets.starts) if count is None else count

    def _shard(self, number: int) -> _Shard:
        shard = self._open.pop(number, None) or self._opened(number)
        self._open[number] = shard
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)
        return shard

    def _find(self, window: Window, state: tuple[int, ...]) -> _Offsets:
        """Walk over a shard, and return the places of its samples."""
        starts, sizes = array("q"), array("q")
        samples = read_samples(window, blocks=True)
        first = next(samples, None)
        in_groups = first is not None and isinstance(first[3], MemberGroup)
        for start, size in spans(samples if first is None else chain([first], samples)):
            starts.append(start)
            sizes.append(size)
        return _Offsets(state, in_groups, starts, sizes)

    def _opened(self, number: int) -> _Shard:
        shown = redacted(self._names[number])
        file = self._source.open_file(self._names[number])
        if file is None:
            raise RandomAccessError(
                "the shard is read as a stream, which has no samples by number",
                hint="Iterate, or have it in the cache (ATDATA_CACHE) or on this machine.",
                shard=shown,
            )
        with file:
            window = open_file(file, shown)
            if window.is_compressed:
                raise RandomAccessError(
                    "the shard is compressed, so it can only be read from its start",
                    hint="Iterate, or uncompress it.",
                    shard=shown,
                )
            state = _state(file)
            known = self._offsets.get(number)
            if known is None or known.state != state:
                known = self._offsets[number] = self._find(window, state)
            data, *_ = window.state()
            return _Shard(shown, data, known)


def _state(file: IO[bytes]) -> tuple[int, ...]:
    state = os.fstat(file.fileno())
    return (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


def _check_count(shard: _Shard, count: int) -> None:
    found = len(shard.offsets.starts)
    if found != count:
        raise ShardError(f"the shard has {found} samples, not {count}", shard=shard.name)
