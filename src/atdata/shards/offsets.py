"""The offset index beside a shard: where each sample starts, so that one can be read alone.

The text format is that of NVIDIA DALI's ``wds2idx`` (version 1.2): a first line with the version
and the number of samples, then for each sample its extension, the offset and length of its
payload in the shard, and the member's name. ``000000.tar`` has the index ``000000.idx``.
"""

from __future__ import annotations

from pathlib import Path

from atdata.shards.names import SAMPLE
from atdata.shards.reader import read_file
from atdata.shards.tar import BLOCK


def index_path(shard: str) -> str:
    """The name of the index of a shard."""
    return f"{shard.removesuffix('.tar')}.idx"


def index_head(samples: int) -> str:
    """The first line of an index."""
    return f"v1.2 {samples}\n"


def index_line(key: str, offset: int, size: int) -> str:
    """The line of one sample.

    Args:
        key: Its key.
        offset: Offset of the member's header in the shard.
        size: Length of the payload, in bytes.
    """
    return f"{SAMPLE} {offset + BLOCK} {size} {key}.{SAMPLE}\n"


def offset_index(shard: Path) -> bytes:
    """The whole index of a local shard.

    Raises:
        ShardError: It is not a sound shard.
        StorageError: The file can't be read.
    """
    lines = [
        index_line(key, at, len(payload)) for _, key, at, payload in read_file(shard, str(shard))
    ]
    return "".join([index_head(len(lines)), *lines]).encode()
