"""An adapter from any source that users have written to the methods that reading needs.

Sources differ: ``shards`` is a method or a property, names come from ``shard_list`` or
``list_shards()``, ``open_shard`` may be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol, runtime_checkable

from atdata.cache.prefetch import ahead
from atdata.errors import MissingFile, ShardNotFound, StorageError, UrlError
from atdata.shards.counts import sample_count
from atdata.shards.reader import open_local
from atdata.sources.protocols import (
    CachedSource,
    CountedSource,
    LocalSource,
    RemoteSource,
    UrlsSource,
)
from atdata.storage.urls import redacted

_TRIES = 3


@runtime_checkable
class _OpeningSource(Protocol):
    """A source that opens what it fetches before it has a path."""

    def open_cached(self, shard_id: str, **options: Any) -> IO[bytes] | None: ...


class AdaptedSource:
    """A source of any of the known shapes.

    Args:
        source: An object with ``shard_list`` or ``list_shards()``, and ``open_shard`` or
            ``shards``.

    Raises:
        UrlError: It is not a source; the hint says what one must have.
    """

    def __init__(self, source: Any) -> None:
        # Names only: a user's property may open files when it is read.
        has = {
            name
            for name in ("list_shards", "shard_list", "open_shard", "shards")
            if hasattr(type(source), name) or name in getattr(source, "__dict__", {})
        }
        if not has & {"open_shard", "shards"} or has == {"open_shard"}:
            raise UrlError(
                f"a {type(source).__name__} is not a source of shards",
                hint="Give a path, a URL, a list of them, or an object with shard_list and "
                "open_shard() (see atdata.DataSource).",
            )
        self.source = source
        self._has = has

    @property
    def opens_by_name(self) -> bool:
        """Whether the source can open one shard without going through those before it."""
        return "open_shard" in self._has

    def list_shards(self) -> list[str]:
        """Return the names of the shards, in order."""
        if "list_shards" in self._has:
            return list(self.source.list_shards())
        if "shard_list" in self._has:
            return list(_called(self.source.shard_list))
        names = []
        for name, stream in self._pairs():
            stream.close()
            names.append(name)
        return names

    def local_path(self, shard_id: str) -> Path | None:
        """Return the shard's path on this machine, if the source reports one."""
        source = self.source
        if not isinstance(source, LocalSource) or not callable(source.local_path):
            return None  # existing code may have a folder under this name
        found = source.local_path(shard_id)
        return Path(found) if found else None

    def known_samples(self, shard_id: str) -> int | None:
        """Return the number of samples in a shard, if it is known without reading it.

        It comes from the source (``known_samples``) or from a file next to a local shard.
        Nothing is fetched.

        Raises:
            ShardError: The reported number does not fit the shard.
        """
        source = self.source
        known = source.known_samples(shard_id) if isinstance(source, CountedSource) else None
        if known is not None:
            return int(known)
        path = self.local_path(shard_id)
        return None if path is None else sample_count(path, redacted(shard_id))

    @property
    def is_remote(self) -> bool:
        """Whether shards come from a network, so that prefetching is worth it."""
        return isinstance(self.source, RemoteSource) and bool(self.source.is_remote)

    @property
    def urls(self) -> list[str] | None:
        """The URLs of the shards as written, with brace notation; None if the source has none."""
        return list(self.source.urls) if isinstance(self.source, UrlsSource) else None

    def open_file(
        self, shard_id: str, is_cancelled: Callable[[], bool] = lambda: False
    ) -> IO[bytes] | None:
        """Open the shard's file on this machine: its own, or the one in the cache; None if neither.

        Raises:
            StorageError: The file can't be opened.
            AtdataError: What the source raises.
        """
        path = self.local_path(shard_id)
        if path is not None:
            return open_local(path, redacted(shard_id))
        for _ in range(_TRIES):
            try:
                return self.open_cached(shard_id, is_cancelled=is_cancelled)
            except MissingFile:  # where it comes from
                raise
            except FileNotFoundError:  # other processes may drop it before it is open
                continue
        return None

    def open_cached(self, shard_id: str, **options: Any) -> IO[bytes] | None:
        """Open the shard's file in the cache, fetched if needed; None if it can't be cached.

        Args:
            shard_id: Name of the shard.
            options: As for :class:`~atdata.sources.protocols.CachedSource`.

        Raises:
            FileNotFoundError: The file was removed before it was open; try again.
            AtdataError: What the source raises.
        """
        if isinstance(self.source, _OpeningSource):
            return self.source.open_cached(shard_id, **options)
        path = self.fetch(shard_id, **options)
        return None if path is None else path.open("rb")

    def fetch(self, shard_id: str, **options: Any) -> Path | None:
        """Return the shard's path in the cache, fetched if needed; None if it can't be cached.

        Args:
            shard_id: Name of the shard.
            options: As for :class:`~atdata.sources.protocols.CachedSource`.

        Raises:
            AtdataError: What the source raises.
        """
        if not isinstance(self.source, CachedSource):
            return None
        return self.source.fetch(shard_id, **options)

    def open_shard(self, shard_id: str) -> IO[bytes]:
        """Open a stream of one shard; the caller closes it.

        Raises:
            ShardNotFound: The source has no such shard.
            StorageError: What the source returned is not a stream.
        """
        if self.opens_by_name:
            return _stream(shard_id, self.source.open_shard(shard_id))
        for name, stream in self._pairs():
            if name == shard_id:
                return stream
            stream.close()
        raise ShardNotFound("the source has no such shard", shard=shard_id)

    def opened(self, names: Iterable[str]) -> Iterator[tuple[str, IO[bytes]]]:
        """Yield each of these shards, as a file of this machine if possible, else as a stream.

        While one is read, the next ones are fetched. A source that can't open a shard by its
        name yields all of its shards, in its own order. The caller closes each.
        """
        if not self.opens_by_name:
            yield from self._pairs()
        elif self.is_remote:
            yield from ahead(names, self._open)
        else:
            for name in names:
                yield name, self._open(name, lambda: False)

    def _open(self, name: str, is_cancelled: Callable[[], bool]) -> IO[bytes]:
        return self.open_file(name, is_cancelled) or self.open_shard(name)

    def _pairs(self) -> Iterator[tuple[str, IO[bytes]]]:
        for name, stream in _called(self.source.shards):
            yield name, _stream(name, stream)


def _called(value: Any) -> Iterable[Any]:
    return value() if callable(value) else value  # type: ignore[no-any-return]


def _stream(shard: str, given: Any) -> IO[bytes]:
    if not hasattr(given, "read"):
        raise StorageError(
            f"the source gave a {type(given).__name__} where a stream should be", shard=shard
        )
    return given  # type: ignore[no-any-return]
