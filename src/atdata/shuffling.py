"""Samples in random order, through a buffer of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from atdata.order import random_of, shuffled
from atdata.reading import Pass, Reader
from atdata.walking import ShardWalk

# Views of mapped files cost no memory, but each keeps its file open.
_MAX_OPEN_SHARDS = 128


def shuffled_samples(
    walk: ShardWalk, reader: Reader, order: Pass, buffer_shards: int, buffer_samples: int
) -> Iterator[Any]:
    """The samples of a walk, each once, in an order that seed, epoch and share alone decide.

    Args:
        walk: Over the shards.
        reader: Makes samples of packed ones.
        order: The pass.
        buffer_shards: Names of shards that are held to shuffle their order.
        buffer_samples: Samples that are held to shuffle theirs.
    """
    names = walk.mixed_names(buffer_shards, order)
    random = random_of(order.seed, order.epoch, 1, *walk.parts)
    many = len(names) > _MAX_OPEN_SHARDS
    packed = walk.packed(names, order, runs=reader.columnar and not many)
    if many:
        packed = ((shard, key, at, memoryview(bytes(view))) for shard, key, at, view in packed)
    return shuffled(reader.samples(packed), buffer_samples, random)
