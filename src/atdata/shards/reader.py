"""From a shard to its samples, in one of two layouts.

*Packed*: the members called ``key.msgpack``. Members of other fields beside a sample are skipped
with a warning. A group without a sample is an error, because skipping it would lose data; a pickle
is an error, because a stock reader would run it.

*Members*: WebDataset's own layout, one member for each field; see :mod:`atdata.shards.groups`.
Pickles among them are not loaded.

The first group of a shard decides which it is: a packed sample or not.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import IO

from atdata.errors import MissingFile, ShardError, StorageError
from atdata.shards.blocks import SampleBlock
from atdata.shards.groups import first_group, groups
from atdata.shards.member_group import MemberGroup
from atdata.shards.names import SAMPLE, is_pickle
from atdata.shards.tar import Member, walk
from atdata.shards.window import Window, open_file, open_stream

_MOST_NAMED = 64  # extensions that warnings name, in one shard

PackedSample = tuple[str, str, int, memoryview | MemberGroup]
"""Name of the shard, key, offset of the (first) header in the shard, msgpack payload or members."""


def read_file(path: Path, shard: str, *, blocks: bool = False) -> Generator[PackedSample]:
    """Yield the samples of a local shard, as views of the mapped file.

    Args:
        path: Where it is.
        shard: Its name, for errors.
        blocks: As for :func:`~atdata.shards.tar.walk`; for packed samples.

    Raises:
        ShardError: Not a sound shard, with the offset.
        StorageError: The file can't be read.
    """
    yield from read_stream(open_local(path, shard), shard, blocks=blocks)


def open_local(path: Path, shard: str) -> IO[bytes]:
    """Open a local file.

    Raises:
        StorageError: It does not exist, or can't be opened.
    """
    try:
        return path.open("rb")
    except OSError as error:
        kind = MissingFile if isinstance(error, FileNotFoundError) else StorageError
        raise kind(f"can't open the shard: {error.strerror or error}", shard=shard) from error


def read_stream(stream: IO[bytes], shard: str, *, blocks: bool = False) -> Iterator[PackedSample]:
    """Yield the samples of an open shard, and close it at the end; a local file is mapped.

    Raises:
        ShardError: Not a sound shard, with the offset.
    """
    is_file = isinstance(getattr(stream, "raw", None), io.FileIO) and not stream.tell()
    try:
        window = open_file(stream, shard) if is_file else open_stream(stream, shard)
        yield from read_samples(window, blocks=blocks)
    finally:
        stream.close()


def read_samples(window: Window, *, blocks: bool = False) -> Iterator[PackedSample]:
    """Yield the samples in a window's members.

    Args:
        window: The bytes.
        blocks: As for :func:`~atdata.shards.tar.walk`; for packed samples.

    Raises:
        ShardError: Not a sound shard, a group without a sample in a shard that has packed samples
            (or with one in a shard that has none), a field twice, or a pickle beside samples.
    """
    is_packed, members = first_group(walk(window, blocks=blocks))
    return _packed(members, window.shard) if is_packed else _grouped(members, window)


def _grouped(members: Iterator[Member], window: Window) -> Iterator[PackedSample]:
    """Yield samples in the members layout."""
    shard = window.shard
    for group in groups(members, window):
        offset = group.offset
        if not offset and (group.key, *group) == ("dataset", "json"):
            raise _pack(shard)
        yield shard, group.key, offset, group


def _packed(members: Iterator[Member], shard: str) -> Iterator[PackedSample]:
    """Yield packed samples."""
    last = ""
    start = 0
    found = True
    others: dict[str, None] = {}  # the extensions beside the sample, in lower case
    named: set[str] = set()  # of those that a warning has named
    for key, extension, offset, payload in members:
        if key != last:
            if not found:
                raise _no_sample(shard, last, start, others)
            if others:
                _warn_skipped(others, named)
                others = {}
            last, start, found = key, offset, False
        if extension != SAMPLE:
            _refuse_pickle(shard, key, extension, offset)
            _add_field(others, shard, key, extension, offset)
            continue
        if found:
            raise _unsound("the sample is there twice", shard, key, SAMPLE, offset)
        found = True
        yield shard, key, offset, payload
        if isinstance(payload, SampleBlock):
            last = payload.last_key
    if not found:
        raise _no_sample(shard, last, start, others)
    if others:
        _warn_skipped(others, named)


def _warn_skipped(extensions: dict[str, None], named: set[str]) -> None:
    """Warn that members are not read, once in a shard for each extension, and add it to those."""
    new = extensions.keys() - named
    if not new or len(named) > _MOST_NAMED:
        return
    named |= new
    warnings.warn(
        f"members beside the samples are skipped: {_shown(new)}. atdata reads <key>.{SAMPLE} only.",
        stacklevel=3,
    )


def _shown(extensions: Iterable[str]) -> str:
    return ", ".join(sorted(extensions)[:8])


def _add_field(others: dict[str, None], shard: str, key: str, extension: str, offset: int) -> None:
    """Add a field beside the sample; refuse one twice, as webdataset does, ignoring case."""
    name = extension.lower()
    if name in others or name == SAMPLE:
        raise _unsound(f"the field {name} is there twice", shard, key, extension, offset)
    others[name] = None


def _refuse_pickle(shard: str, key: str, extension: str, offset: int) -> None:
    if is_pickle(extension):
        raise _unsound(
            "the shard holds a pickle, which can run code in its readers",
            shard,
            key,
            extension,
            offset,
            "Do not open it with other tools; write the samples again with atdata.",
        )


def _no_sample(shard: str, key: str, offset: int, extensions: dict[str, None]) -> ShardError:
    return _unsound(
        f"the group {key!r} holds {_shown(extensions)} but no {SAMPLE}, unlike the first group",
        shard,
        key,
        next(iter(extensions)),
        offset,
        f"Write each sample as a member <key>.{SAMPLE}, directly before or after its other "
        "members, as `tar --sort=name` does.",
    )


def _pack(shard: str) -> ShardError:
    return _unsound(
        "a file that contains a manifest and shards, not samples",
        shard,
        "dataset",
        "json",
        0,
        "This looks like a pack. Check it with `atdata dataset verify-pack`, unpack it into a "
        "folder with `tar -xf`, and pass that folder to atdata.load_dataset.",
    )


def _unsound(
    message: str, shard: str, key: str, extension: str, offset: int, hint: str | None = None
) -> ShardError:
    member = f"{key}.{extension}"
    return ShardError(message, hint=hint, shard=shard, member=member, offset=offset)
