"""Shard infos (digest, size, count), and the identity of a dataset computed from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

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


class ShardUrls(list[str]):
    """URLs of shards, in order, with the info of each shard.

    Args:
        urls: One URL a shard.
        shards: As many infos, in the same order.
        cut_from: The original shards, if a store had to cut them into smaller ones.

    Attributes:
        shards: As given.
        cut_from: As given; None if the shards were not cut.
    """

    def __init__(
        self,
        urls: Iterable[str],
        shards: Iterable[ShardInfo],
        cut_from: Iterable[ShardInfo] | None = None,
    ) -> None:
        super().__init__(urls)
        self.shards = tuple(shards)
        self.cut_from = None if cut_from is None else tuple(cut_from)
        if len(self.shards) != len(self):
            raise ValueError(f"{len(self)} urls, but {len(self.shards)} shard infos")


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
