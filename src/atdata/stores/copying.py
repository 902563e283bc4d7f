"""Shards on their way from a source into a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from atdata._protocols import DataSource
from atdata.errors import DigestMismatch
from atdata.shards.info import ShardInfo, inspect_shard
from atdata.shards.recut import cannot_fit, check_fits, recut, too_large
from atdata.sources.adapt import AdaptedSource
from atdata.sources.registry import local_path
from atdata.sources.url import URLSource
from atdata.sources.verified import VerifiedSource
from atdata.storage.objects import disk_errors


class Copies:
    """Copies of a source's shards, byte for byte; those that are too large are cut.

    Args:
        source: Where the shards are.
        infos: What is known of each shard already, to be checked against.
        limit: Bytes of the largest shard that is allowed; None for no limit.

    Attributes:
        originals: Shard infos of the source's shards handled so far.
        cut: Whether one of them had to be cut.

    Raises:
        DigestMismatch: The source has another number of shards than ``infos``.
    """

    def __init__(
        self, source: DataSource, infos: Sequence[ShardInfo] | None, limit: int | None
    ) -> None:
        self._shards = AdaptedSource(source) if infos is None else VerifiedSource(source, infos)
        self._names = self._shards.list_shards()
        self._infos = infos
        self._limit = limit
        self._paths = _local_paths(source, self._names)
        self.originals: list[ShardInfo] = []
        self.cut = False

    def __len__(self) -> int:
        return len(self._names)

    def size(self) -> int | None:
        """Return the bytes of all shards together, if that is known before they are read."""
        sizes = [self._known_size(index) for index in range(len(self))]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    def check(self) -> None:
        """Refuse a sample that is too large for any shard, as far as is known before reading.

        Raises:
            SampleTooLarge: There is one.
            ShardError, StorageError: A local shard is damaged, or can't be read.
        """
        for index, (name, path) in enumerate(zip(self._names, self._paths, strict=True)):
            size = self._known_size(index)
            if size is None or self._limit is None or size <= self._limit:
                continue
            if self._infos is not None and cannot_fit(self._infos[index], self._limit):
                raise too_large(name, self._limit)
            if path is not None:
                check_fits(path, maxsize=self._limit, shard=name)

    def pieces(self, folder: Path, *, unread: bool = False) -> Iterator[tuple[Path, ShardInfo]]:
        """Yield the copies in order, each a file in ``folder`` that may be moved away.

        Args:
            folder: Where they are made.
            unread: Don't read or copy shards with known infos that fit; they have no file.

        Raises:
            ShardError: A shard is damaged (``DigestMismatch``: it does not match its info).
            SampleTooLarge: A sample is larger than the limit.
            StorageError: A copy could not be written.
        """
        for index, name in enumerate(self._names):
            path = folder / f"{index:06d}.tar"
            known = None if self._infos is None else self._infos[index]
            if unread and known is not None and self._fits(known):
                self.originals.append(known)
                yield path, known
                continue
            info = self._copy(name, path, known)
            self.originals.append(info)
            if self._fits(info):
                yield path, info
            else:
                self.cut = True
                yield from self._cut(name, path)

    def _copy(self, name: str, path: Path, known: ShardInfo | None) -> ShardInfo:
        with self._shards.open_shard(name) as stream, path.open("xb") as copy:
            info = inspect_shard(_Tee(stream, copy), name)
        if known is not None and info != known:
            raise DigestMismatch(
                f"the shard has {info.samples} samples, not {known.samples}", shard=name
            )
        return info

    def _cut(self, name: str, path: Path) -> Iterator[tuple[Path, ShardInfo]]:
        assert self._limit is not None  # noqa: S101 - any shard fits without one
        check_fits(path, maxsize=self._limit, shard=name)
        yield from recut(path, path.parent, maxsize=self._limit, shard=name)
        path.unlink()

    def _fits(self, info: ShardInfo) -> bool:
        return self._limit is None or info.size <= self._limit

    def _known_size(self, index: int) -> int | None:
        if self._infos is not None:
            return self._infos[index].size
        path = self._paths[index]
        return None if path is None else path.stat().st_size


def _local_paths(source: DataSource, names: Sequence[str]) -> list[Path | None]:
    """Return the paths of shards on this machine; None for others, which are not fetched."""
    if not isinstance(source, URLSource):
        return [None] * len(names)
    return list(map(local_path, names))


class _Tee:
    """A stream that also writes the bytes read from it to a file."""

    def __init__(self, stream: IO[bytes], copy: IO[bytes]) -> None:
        self._stream = stream
        self._copy = copy

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        # Converted here: callers that read would take it for an error of the source.
        with disk_errors("a copy of the shard could not be written"):
            self._copy.write(data)
        return data
