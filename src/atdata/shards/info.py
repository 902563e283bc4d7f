"""What is known of a dataset's shards, and the identity that follows from it."""

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
    """A shard's identity: what a reader needs to know that it got the right bytes.

    Attributes:
        cid: CIDv1 (raw, sha2-256) of the shard's bytes.
        size: Its length in bytes.
        samples: How many samples it holds.
    """

    cid: str
    size: int
    samples: int


class ShardUrls(list[str]):
    """URLs of shards, in order, and what is known of each shard.

    Args:
        urls: One URL a shard.
        shards: As many infos, in the same order.
        cut_from: The shards as they were before, when a store had to cut them anew to take them.

    Attributes:
        shards: As given.
        cut_from: As given; None for shards that are as they were.
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
    """The identity of a dataset: its schema, and the shards in their order.

    Equal in a local index, in a record on a PDS and as recomputed from the bytes, because where
    the shards lie and what the dataset is called don't enter.
    """
    rows = [{"cid": s.cid, "size": s.size, "samples": s.samples} for s in shards]
    return cid.of_cbor(dag_cbor.encode({"schema": schema_cid, "shards": rows}))


def inspect_shard(shard: Readable | Path | str, name: str | None = None) -> ShardInfo:
    """Digest, size and sample count of a shard, walked strictly, in one pass.

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
