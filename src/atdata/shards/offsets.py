"""The offset index beside a shard: where each sample starts, so that one can be read alone.

The text format is that of NVIDIA DALI's ``wds2idx`` (version 1.2): a first line with the version
and the number of samples, then for each sample its extension, the offset and length of its
payload in the shard, and the member's name. ``000000.tar`` has the index ``000000.idx``.

Indexes that other tools wrote are read too: those of version 1.1, which have no names, and lines
with several fields of a sample, of which ours counts.
"""

from __future__ import annotations

import re
from pathlib import Path

from atdata.errors import ShardError
from atdata.shards.names import SAMPLE
from atdata.shards.reader import read_file
from atdata.shards.tar import BLOCK

_HEAD = re.compile(rb"v1\.[12] (\d{1,12})")
_LINE = re.compile(rb"(?m)^(?:.* )??msgpack (\d{1,15}) (\d{1,12})(?: |$)")


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


def read_index(path: Path, shard: str) -> list[tuple[int, int]] | None:
    """Offset and length of each payload in a local shard, as the index beside it says.

    Args:
        path: Of the shard.
        shard: Its name, for errors.

    Returns:
        None where there is no index.

    Raises:
        ShardError: The index is not sound, or points behind the end of the shard.
    """
    try:
        data = path.with_name(index_path(path.name)).read_bytes()
        size = path.stat().st_size
    except FileNotFoundError:
        return None
    head, _, body = data.partition(b"\n")
    match = _HEAD.fullmatch(head)
    offsets = [(int(at), int(length)) for at, length in _LINE.findall(body)]
    if match is None or int(match[1]) != len(offsets) or body.count(b"\n") != len(offsets):
        raise unfit("not a sound offset index", shard)
    if any(at < BLOCK or at + length > size for at, length in offsets):
        raise unfit("it points behind the end of the shard", shard)
    return offsets


def unfit(message: str, shard: str, offset: int | None = None) -> ShardError:
    """The error of an index that says what is not so."""
    return ShardError(
        f"the shard's offset index does not fit it: {message}",
        hint="delete the .idx file beside the shard, or write it again",
        shard=shard,
        offset=offset,
    )
