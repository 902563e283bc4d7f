"""The interface of sources, and what a source may offer beyond it.

Nothing needs to inherit from these classes. ``DataSource`` is what every source has; each of the
others is optional, and its docstring says what a dataset gains from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Protocol, runtime_checkable

from atdata.shards.expected import ExpectedShard
from atdata.shards.info import ShardInfo


@runtime_checkable
class DataSource(Protocol):
    """A place that shards are read from.

    Sources of existing users differ in two ways, and all of them are accepted: ``shards`` may
    be a method or a property, and ``list_shards()`` may stand in for ``shard_list``.
    """

    @property
    def shard_list(self) -> list[str]:
        """Names of the shards, in order."""
        ...

    def shards(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Yield each shard's name and an open binary stream of its bytes."""
        ...

    def open_shard(self, shard_id: str) -> IO[bytes]:
        """Open one shard's stream; ``KeyError`` if the source has no such shard."""
        ...


@runtime_checkable
class LocalSource(Protocol):
    """A source with files of this machine, which are mapped into memory and read at any offset.

    It makes ``dataset[i]`` possible, and ``len(dataset)`` for files with an offset index; an index
    without a data store can list the files where they are.
    """

    def local_path(self, shard_id: str) -> Path | None:
        """Return the path of one shard's file; None if it has none."""
        ...


@runtime_checkable
class CachedSource(Protocol):
    """A source that brings shards from elsewhere to this machine once, and reads them from there.

    With it, the second pass over a dataset needs no network, and samples are found by number.
    """

    def fetch(
        self,
        shard_id: str,
        *,
        expected: ShardInfo | ExpectedShard | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Path | None:
        """Return the path of one shard's copy, made if needed; None to read it as a stream.

        Args:
            shard_id: Name of the shard.
            expected: What its bytes must be: raise ``DigestMismatch`` for others.
            is_cancelled: Call it now and then, and raise an error once it returns true.
        """
        ...


@runtime_checkable
class CountedSource(Protocol):
    """A source that knows how many samples are in a shard, without reading it.

    It makes ``len(dataset)`` possible, and shares of equal size for the ranks of a training job.
    """

    def known_samples(self, shard_id: str) -> int | None:
        """Return the number of samples in one shard; None if it is not known."""
        ...


@runtime_checkable
class RemoteSource(Protocol):
    """A source that knows whether its shards come from a network.

    If they do, the next shards are opened or fetched while one is read.
    """

    @property
    def is_remote(self) -> bool:
        """Whether shards come from a network, so that prefetching is worth it."""
        ...


@runtime_checkable
class UrlsSource(Protocol):
    """A source that was made from URLs, which may be in brace notation.

    Indexes and records then keep the URLs as they were written, not one a shard.
    """

    @property
    def urls(self) -> Sequence[str]:
        """The URLs of all shards, in order, as written."""
        ...
