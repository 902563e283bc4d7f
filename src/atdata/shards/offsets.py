"""The offset index next to a shard: where each sample starts, so that each can be read alone.

The text format is that of NVIDIA DALI's ``wds2idx`` (version 1.2): a first line with the version
and the number of samples, then for each sample its extension, the offset and length of its
payload in the shard, and the member's name; all four again for each other member in the members
layout. ``000000.tar`` has the index ``000000.idx``.

Indexes that other tools wrote are read too: those of version 1.1, which have no names, and lines
with several fields of a packed sample, of which only ``msgpack`` is used.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import accumulate, count
from pathlib import Path
from typing import IO

from atdata.errors import ShardError
from atdata.shards.blocks import SampleBlock
from atdata.shards.member_group import MemberGroup
from atdata.shards.names import SAMPLE
from atdata.shards.reader import PackedSample, read_file
from atdata.shards.tar import BLOCK, member_size

_HEAD = re.compile(rb"v1\.[12] (\d{1,12})\n")
_LINE = re.compile(rb"(?:.* )??msgpack (\d{1,15}) (\d{1,12})(?: .*)?\n")
_LONGEST_LINE = 1 << 16

Span = tuple[int, int]
"""Offset of a packed sample's payload in its shard, and its length; or those of its group."""


def index_path(shard: str) -> str:
    """Return the name of the index of a shard."""
    return f"{shard.removesuffix('.tar')}.idx"


def index_head(samples: int) -> str:
    """Return the first line of an index."""
    return f"v1.2 {samples}\n"


def index_line(key: str, offset: int, size: int) -> str:
    """Return the line of one sample.

    Args:
        key: Its key.
        offset: Offset of the member's header in the shard.
        size: Length of the payload, in bytes.
    """
    return f"{SAMPLE} {offset + BLOCK} {size} {key}.{SAMPLE}\n"


def group_line(group: MemberGroup) -> str:
    """Return the line of a sample in the members layout: four values for each member."""
    return _line(group, named=True)


def _line(group: MemberGroup, *, named: bool) -> str:
    fields = (
        f"{extension} {offset + BLOCK} {len(payload)}" + (f" {key}.{extension}" if named else "")
        for key, extension, offset, payload in group.members
    )
    return f"{' '.join(fields)}\n"


def written_line(key: str, offset: int, sizes: Iterable[tuple[str, int]]) -> str:
    """Return the line of a sample in the members layout, as ``ShardWriter`` writes it.

    Args:
        key: Its key.
        offset: Offset of its first header in the shard.
        sizes: Extension and length of the payload of each member, in order.
    """
    fields = []
    for extension, size in sizes:
        fields.append(f"{extension} {offset + BLOCK} {size} {key}.{extension}")
        offset += member_size(size)
    return f"{' '.join(fields)}\n"


def offset_index(shard: Path) -> bytes:
    """Return the whole index of a local shard.

    Raises:
        ShardError: It is not a sound shard.
        StorageError: The file can't be read.
    """
    lines = [
        group_line(payload)
        if isinstance(payload, MemberGroup)
        else index_line(key, at, len(payload))
        for _, key, at, payload in read_file(shard, str(shard))
    ]
    return "".join([index_head(len(lines)), *lines]).encode()


def numbered_index(first: int, sizes: Sequence[int]) -> bytes:
    """Return the index of a shard whose keys are numbers, as ``ShardWriter`` wrote it.

    Args:
        first: The number of its first sample.
        sizes: Length of each payload in order, in bytes.
    """
    offsets = accumulate(map(member_size, sizes), initial=BLOCK)
    form = f"{SAMPLE} %d %d %09d.{SAMPLE}\n"
    lines = map(form.__mod__, zip(offsets, sizes, count(first)))
    return "".join([index_head(len(sizes)), *lines]).encode()


def spans(samples: Iterable[PackedSample]) -> Iterator[Span]:
    """Yield the spans of the samples of a shard, single, in blocks or as groups of members."""
    end = 0
    for _, _, offset, payload in samples:
        start = offset + BLOCK
        if isinstance(payload, SampleBlock):
            before = start - payload.starts[0]
            yield from zip((at + before for at in payload.starts), payload.sizes, strict=True)
        elif isinstance(payload, MemberGroup):
            start, end = end, payload.end
            yield start, end - start
        else:
            yield start, len(payload)


def read_index(path: Path, shard: str) -> list[Span] | None:
    """Return offset and length of each payload in a local shard, from the index next to it.

    The index has no digest and may be another file's, so each line is compared with the header
    of its sample.

    Args:
        path: Of the shard.
        shard: Its name, for errors.

    Returns:
        None if the index or the shard does not exist.

    Raises:
        ShardError: The index is not sound, or does not list the samples of the shard.
    """
    if not path.exists():
        return None
    try:
        file = _open_regular(path.with_name(index_path(path.name)), shard)
    except FileNotFoundError:
        return None
    with file, closing(read_file(path, shard, blocks=True)) as samples:
        return _compared(file, samples, path.stat().st_size, shard)


def _open_regular(index: Path, shard: str) -> IO[bytes]:
    # Without O_NONBLOCK, opening a pipe would wait.
    descriptor = os.open(index, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise index_mismatch("it is not a regular file", shard)
    return os.fdopen(descriptor, "rb")


def _compared(
    file: IO[bytes], samples: Iterable[PackedSample], size: int, shard: str
) -> list[Span]:
    """Return the spans in an index, read line by line, so that neither file is held in memory."""
    head = _HEAD.fullmatch(file.readline(_LONGEST_LINE))
    if head is None:
        raise index_mismatch("not a sound offset index", shard)
    listed = []
    for sample in samples:
        group = sample[3]
        if isinstance(group, MemberGroup):
            _check_group(file, group, shard)
            listed.append((group.offset, group.end - group.offset))
        else:
            for span in spans([sample]):
                _check_span(file, span, size, shard)
                listed.append(span)
    if int(head[1]) != len(listed) or file.readline(_LONGEST_LINE):
        raise index_mismatch("not a sound offset index, samples are missing", shard)
    return listed


def _check_span(file: IO[bytes], span: Span, size: int, shard: str) -> None:
    """Check that the next line of an index lists a packed sample at this place."""
    match = _LINE.fullmatch(file.readline(_LONGEST_LINE))
    if match is None:
        raise index_mismatch("not a sound offset index", shard)
    at, length = int(match[1]), int(match[2])
    if at < BLOCK or at + length > size:
        raise index_mismatch("it points past the end of the shard", shard)
    if (at, length) != span:
        raise _elsewhere(shard, at)


def _check_group(file: IO[bytes], group: MemberGroup, shard: str) -> None:
    """Check that the next line of an index lists these members, with their names or without."""
    named = group_line(group).encode()
    line = file.readline(len(named) + 1)
    if line not in (named, _line(group, named=False).encode()):
        raise _elsewhere(shard, group.offset)


def _elsewhere(shard: str, offset: int) -> ShardError:
    return index_mismatch("not a sound offset index, the next sample is elsewhere", shard, offset)


def index_mismatch(message: str, shard: str, offset: int | None = None) -> ShardError:
    """Return the error for an index that does not fit its shard."""
    return ShardError(
        f"the shard's offset index does not fit it: {message}",
        hint="Delete the .idx file of the shard, or write it again.",
        shard=shard,
        offset=offset,
    )
