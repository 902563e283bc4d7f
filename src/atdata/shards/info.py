"""Shard infos (digest, size, count), and the identity of a dataset computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, overload, runtime_checkable

from atdata.shards.hashed import HashedStream
from atdata.shards.reader import open_local, read_samples
from atdata.shards.window import Readable, open_stream
from atdata_records import cid, dag_cbor


@dataclass(frozen=True, slots=True)
class ShardInfo:
    """A shard's identity, by which a reader checks that it got the right bytes.

    Attributes:
        cid: CIDv1 (raw, sha2-256) of the shard's bytes.
        size: Its length in bytes.
        samples: Number of samples in it.
    """

    cid: str
    size: int
    samples: int


@dataclass(frozen=True, slots=True, eq=False)
class WrittenShards(Sequence[str]):
    """Shards that a store has written: a sequence of their URLs, with the info of each.

    A slice keeps the infos of its shards, and so does the sum of two results. A list without
    infos can't be added; to drop them, write ``list(written)``. The result equals such a list.

    Attributes:
        urls: One URL a shard, in order.
        shards: The info of each, in the same order.
        cut_from: The original shards, if a store had to cut them into smaller ones; None if it
            did not, and for a slice of the result.

    Raises:
        ValueError: There are more or fewer infos than URLs.
    """

    urls: tuple[str, ...]
    shards: tuple[ShardInfo, ...]
    cut_from: tuple[ShardInfo, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.shards) != len(self.urls):
            raise ValueError(f"{len(self.urls)} urls, but {len(self.shards)} shard infos")

    def __len__(self) -> int:
        return len(self.urls)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> WrittenShards: ...
    def __getitem__(self, index: int | slice) -> str | WrittenShards:
        if not isinstance(index, slice):
            return self.urls[index]
        every = range(len(self))
        if every[index] == every:
            return self
        return WrittenShards(self.urls[index], self.shards[index])

    def __add__(self, other: object) -> WrittenShards:
        if not isinstance(other, WrittenShards):
            return NotImplemented
        are_cut = self.cut_from is not None or other.cut_from is not None
        originals = (self.cut_from or self.shards) + (other.cut_from or other.shards)
        return WrittenShards(
            self.urls + other.urls, self.shards + other.shards, originals if are_cut else None
        )

    def __eq__(self, other: object) -> bool:
        if isinstance(other, WrittenShards):
            return (self.urls, self.shards) == (other.urls, other.shards)
        return self.urls == tuple(other) if isinstance(other, list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it equals lists, which have none


@runtime_checkable
class DescribedShards(Protocol):
    """Shards with the info of each: what a store has written, or an entry of an index."""

    @property
    def shards(self) -> Sequence[ShardInfo] | None:
        """The info of each shard, in order; None if it is not known."""
        ...


def known_infos(shards: object) -> tuple[ShardInfo, ...] | None:
    """Return the info of each shard of a store's result or an entry; None if it is not known."""
    if not isinstance(shards, DescribedShards) or shards.shards is None:
        return None
    return tuple(shards.shards)


def content_cid(schema_cid: str, shards: Sequence[ShardInfo]) -> str:
    """Return the identity of a dataset: the CID of its schema and its shards in order.

    It is equal in a local index, in a record on a PDS and as recomputed from the bytes, because
    it does not depend on the location of the shards or the name of the dataset.
    """
    rows = [{"cid": s.cid, "size": s.size, "samples": s.samples} for s in shards]
    return cid.of_cbor(dag_cbor.encode({"schema": schema_cid, "shards": rows}))


def inspect_shard(shard: Readable | Path | str, name: str | None = None) -> ShardInfo:
    """Return digest, size and sample count of a shard, walked strictly, in one pass.

    Args:
        shard: A path, or a stream, which is read to its end and left open.
        name: Name of the shard in errors; a path is its own name.

    Raises:
        ShardError: It is not a sound shard.
        StorageError: The file can't be read.
    """
    if not isinstance(shard, (str, Path)):
        return _inspect(shard, name or "shard")
    with open_local(Path(shard), name or str(shard)) as file:
        return _inspect(file, name or str(shard))


def _inspect(stream: Readable, name: str) -> ShardInfo:
    hashed = HashedStream(stream)
    samples = 0
    for _ in read_samples(open_stream(hashed, name)):
        samples += 1
    return ShardInfo(hashed.cid(), hashed.size, samples)
