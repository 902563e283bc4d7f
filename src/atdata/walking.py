"""The walk over the shards of a dataset: which ones, in what order, and the samples in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from atdata.errors import ShardError
from atdata.order import Uneven, random_of, share, shuffled
from atdata.reading import Pass
from atdata.shards.reader import Packed, read_stream
from atdata.sources.adapt import AdaptedSource
from atdata.sources.schemes import redacted


class ShardWalk:
    """The shards of a source that one process reads: all of them, or a share of a share.

    Args:
        source: Where the shards are.
        shares: What was split off, from the outermost on: which share, of how many, and what
            happens where shards don't come out even.
    """

    def __init__(
        self, source: AdaptedSource, shares: tuple[tuple[int, int, Uneven], ...] = ()
    ) -> None:
        self.source = source
        self._shares = shares

    @property
    def parts(self) -> list[int]:
        """Which share of each split this is; empty for the whole."""
        return [part for part, _, _ in self._shares]

    def split(self, part: int, parts: int, uneven: Uneven) -> ShardWalk:
        """A share of this walk.

        Raises:
            ValueError: There is no such share, or it would be empty.
        """
        walk = ShardWalk(self.source, (*self._shares, (part, parts, uneven)))
        walk.names()
        return walk

    def over(self, source: AdaptedSource) -> ShardWalk:
        """The same share of another source's shards."""
        return ShardWalk(source, self._shares)

    def names(self) -> list[str]:
        """Names of the shards, in the order of the source."""
        return self._shared(self.source.list_shards())

    def mixed_names(self, buffer: int, order: Pass) -> list[str]:
        """Names of the shards in the order of a pass, which is shuffled before it is shared out.

        Args:
            buffer: Size of the buffer of names.
            order: Its seed and epoch say the order.
        """
        random = random_of(order.seed, order.epoch)
        return self._shared(list(shuffled(self.source.list_shards(), buffer, random)))

    def packed(self, names: Iterable[str], order: Pass, *, runs: bool) -> Iterator[Packed]:
        """The samples in these shards, still packed.

        Args:
            names: Of the shards.
            order: Says what happens to shards that are damaged.
            runs: As for :func:`~atdata.shards.tar.walk`.
        """
        for name, file in self.source.opened(names):
            try:
                yield from read_stream(file, redacted(name), runs=runs)
            except ShardError as error:
                order.damaged(error)

    def _shared(self, names: list[str]) -> list[str]:
        for part, parts, uneven in self._shares:
            names = share(names, part, parts, uneven)
        return names
