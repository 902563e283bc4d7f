"""The walk over the shards of a dataset: their selection, order, and packed samples."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import product
from typing import NamedTuple

from atdata.errors import RandomAccessError, ShardError
from atdata.reading.order import Uneven, random_of, share, shuffled
from atdata.reading.passes import Pass
from atdata.shards.blocks import SampleBlock
from atdata.shards.reader import PackedSample, read_stream
from atdata.sources.adapt import AdaptedSource
from atdata.storage.urls import redacted


class Share(NamedTuple):
    """The part of a pass that one process reads.

    Attributes:
        names: Its shards, in order.
        samples: Number of samples, starting again after the last if there are fewer; None for
            each once.
    """

    names: list[str]
    samples: int | None


class ShardWalk:
    """The shards of a source that one process reads: all of them, or a share of a share.

    Args:
        source: Where the shards are.
        shares: The splits, from the outermost on: number of the share, of how many, and what to
            do if shards can't be shared out evenly.
    """

    def __init__(
        self, source: AdaptedSource, shares: tuple[tuple[int, int, Uneven], ...] = ()
    ) -> None:
        self.source = source
        self._shares = shares
        self._counts: dict[str, int | None] = {}

    @property
    def parts(self) -> list[int]:
        """The number of the share in each split; empty for the whole."""
        return [part for part, _, _ in self._shares]

    def split(self, part: int, parts: int, uneven: Uneven) -> ShardWalk:
        """Return a share of this walk.

        Raises:
            ValueError: There is no such share, or it would be empty.
        """
        walk = ShardWalk(self.source, (*self._shares, (part, parts, uneven)))
        walk.names()
        walk._counts = self._counts
        return walk

    def over(self, source: AdaptedSource) -> ShardWalk:
        """Return the same share of another source's shards."""
        return ShardWalk(source, self._shares)

    def names(self) -> list[str]:
        """Return the names of the shards, in the order of the source."""
        return self._shared(self.source.list_shards())

    def ordered(self) -> Share:
        """Return the share in the order of the source."""
        return self._share_of(self.source.list_shards())

    def mixed(self, buffer: int, pass_: Pass) -> Share:
        """Return the share in the order of a pass, which is shuffled before it is shared out.

        Args:
            buffer: Size of the shuffle buffer for shard names.
            pass_: The pass, whose seed and epoch decide the order.
        """
        random = random_of(pass_.seed, pass_.epoch)
        return self._share_of(list(shuffled(self.source.list_shards(), buffer, random)))

    def packed(self, share: Share, pass_: Pass, *, blocks: bool) -> Iterator[PackedSample]:
        """Yield the samples of a share, still packed.

        Args:
            share: As :meth:`ordered` or :meth:`mixed` returned it.
            pass_: The pass, which decides what happens to damaged shards.
            blocks: As for :func:`~atdata.shards.tar.walk`.
        """
        if share.samples is None:
            yield from self._once(share.names, pass_, blocks)
            return
        left, before = share.samples, -1
        while left and left != before:  # a whole round without a sound sample is the last
            before = left
            with closing(self._once(share.names, pass_, blocks)) as packed:
                for one in packed:
                    part, size = _first(one, left)
                    left -= size
                    yield part
                    if not left:
                        break

    def count(self, share: Share) -> int:
        """Return the number of samples in a share, if it is known without reading shards.

        Raises:
            RandomAccessError: The number in some shard is not known.
            ShardError: An index or manifest does not fit its shard.
        """
        count = self.known_count(share)
        if count is not None:
            return count
        raise RandomAccessError(
            "the number of samples is not known: the shard has no offset index and no manifest",
            hint="Iterate to count, or write the dataset with atdata.write_shards.",
            shard=redacted(next(name for name in share.names if self._count_of(name) is None)),
        )

    def known_count(self, share: Share) -> int | None:
        """Return the same as :meth:`count`, or None if the number is not known."""
        if share.samples is not None:
            return share.samples
        counts = self._known_counts(share.names)
        return None if counts is None else sum(counts[name] for name in share.names)

    def _once(
        self, names: Iterable[str], pass_: Pass, blocks: bool
    ) -> Generator[PackedSample, None, None]:
        for name, file in self.source.opened(names):
            try:
                shown = redacted(name)
                yield from read_stream(file, shown, blocks=blocks)
            except ShardError as error:
                pass_.damaged(error)

    def _shared(self, names: list[str]) -> list[str]:
        return _shared(names, self._shares)

    def _share_of(self, listed: list[str]) -> Share:
        return Share(self._shared(listed), self._common_count(listed))

    def _common_count(self, listed: list[str]) -> int | None:
        """Return the number of samples that this share and its peers (in other processes) read.

        None if the numbers may differ, or if the number in some shard is not known.
        """
        uneven = [how for _, _, how in self._shares if how != "exact"]
        if not uneven:
            return None
        counts = self._known_counts(listed)
        if counts is None:
            return None
        parts = [[part] if how == "exact" else range(parts) for part, parts, how in self._shares]
        peers = (
            [(part, *split[1:]) for part, split in zip(chosen, self._shares, strict=True)]
            for chosen in product(*parts)
        )
        totals = (sum(counts[name] for name in _shared(listed, peer)) for peer in peers)
        return max(totals) if uneven[0] == "pad" else min(totals)

    def _known_counts(self, listed: list[str]) -> dict[str, int] | None:
        known = {name: count for name in listed if (count := self._count_of(name)) is not None}
        return known if len(known) == len(set(listed)) else None

    def _count_of(self, name: str) -> int | None:
        if name not in self._counts:
            self._counts[name] = self.source.known_samples(name)
        return self._counts[name]


def _shared(names: list[str], shares: Iterable[tuple[int, int, Uneven]]) -> list[str]:
    for part, parts, uneven in shares:
        names = share(names, part, parts, uneven)
    return names


def _first(one: PackedSample, most: int) -> tuple[PackedSample, int]:
    """Return the first samples of a block, at most ``most``, and their number."""
    shard, key, offset, payload = one
    if not isinstance(payload, SampleBlock):
        return one, 1
    size = min(payload.count, most)
    return (shard, key, offset, payload.first(size)), size
