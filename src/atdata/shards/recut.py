"""Cutting of a shard into smaller ones, with the same keys, members, payloads and order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from atdata.errors import SampleTooLarge, ShardError
from atdata.shards.groups import first_group, groups
from atdata.shards.info import ShardInfo
from atdata.shards.names import SAMPLE
from atdata.shards.reader import open_local
from atdata.shards.tar import END, member_size, walk
from atdata.shards.window import open_file
from atdata.shards.writer import ShardWriter

Members = list[tuple[str, memoryview]]
"""Extension and payload of each member of a sample."""


def recut(
    path: Path, folder: Path, *, maxsize: int, shard: str | None = None
) -> Iterator[tuple[Path, ShardInfo]]:
    """Cut one shard into pieces, each as large as allowed. Samples are not encoded again.

    Args:
        path: The shard.
        folder: Where the pieces are written, under names of ``path`` with a number.
        maxsize: Most bytes in a piece, headers and end included.
        shard: Name of the shard in errors; the path when None.

    Yields:
        Path and info of each piece when it is complete; the next is started after that.

    Raises:
        SampleTooLarge: One sample does not fit into ``maxsize``.
        ShardError: The shard is not sound, or holds other fields beside its samples, which
            would be lost.
        StorageError: The disk refuses.
    """
    writer: ShardWriter | None = None
    number = 0
    try:
        for key, members in _samples(path, shard or str(path)):
            room = _room(members)
            if writer and writer.size + room > maxsize:
                writer.close()
                yield writer.path, writer.info
                writer, number = None, number + 1
            if writer is None:
                writer = ShardWriter(folder / f"{path.stem}-{number:06d}.tar")
            if writer.size + room > maxsize:
                raise too_large(
                    shard or str(path), maxsize, writer.size + room, _name(key, members)
                )
            writer.write_group(key, members)
        if writer:
            writer.close()
            yield writer.path, writer.info
    finally:
        if writer:
            writer.discard()


def check_fits(path: Path, *, maxsize: int, shard: str | None = None) -> None:
    """Refuse a shard with a sample that is too large for any piece, without writing one.

    Raises:
        SampleTooLarge, ShardError, StorageError: As ``recut``.
    """
    for key, members in _samples(path, shard or str(path)):
        size = len(END) + _room(members)
        if size > maxsize:
            raise too_large(shard or str(path), maxsize, size, _name(key, members))


def cannot_fit(info: ShardInfo, maxsize: int) -> bool:
    """Return whether a shard's size and count imply that one of its samples is too large."""
    return info.size > len(END) + info.samples * (maxsize - len(END))


def too_large(
    shard: str, maxsize: int, size: int | None = None, member: str | None = None
) -> SampleTooLarge:
    """Return the error for a sample that makes a shard of ``size`` bytes by itself."""
    makes = "more than that" if size is None else f"{size:,} bytes"
    return SampleTooLarge(
        f"a shard may have {maxsize:,} bytes at most here, and one sample alone makes {makes}",
        shard=shard,
        member=member,
        hint="Pass data_store=S3DataStore(…), or make the samples smaller.",
    )


def _samples(path: Path, shard: str) -> Iterator[tuple[str, Members]]:
    """Yield key and members of each sample; a packed one has one member."""
    with open_local(path, shard) as file:
        window = open_file(file, shard)
        is_packed, members = first_group(walk(window))
        if not is_packed:
            for group in groups(members, window):
                yield group.key, [(extension, data) for _, extension, _, data in group.members]
            return
        for key, extension, offset, payload in members:
            if extension != SAMPLE:
                raise ShardError(
                    "the shard is too large here, and holds fields beside its samples that "
                    "cutting it would lose",
                    shard=shard,
                    member=f"{key}.{extension}",
                    offset=offset,
                    hint="Pass data_store=S3DataStore(…), where shards may have any size.",
                )
            yield key, [(SAMPLE, payload)]


def _name(key: str, members: Members) -> str:
    return f"{key}.{members[0][0]}"


def _room(members: Members) -> int:
    return sum(member_size(len(payload)) for _, payload in members)
