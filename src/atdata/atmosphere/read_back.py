"""Reading back what was published as any user would: the record, and every byte of its shards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atdata.atmosphere.dataset_loader import schema_of, shard_urls
from atdata.atmosphere.keys import AtUri
from atdata.atmosphere.shard_list import shards_of
from atdata.errors import AtdataError, DigestMismatch, EntryNotFound, RecordError
from atdata.progress import NullProgress, Progress
from atdata.shards.expected import verified
from atdata.shards.info import ShardInfo, inspect_shard
from atdata.sources.braces import MAX_RECORD_NAMES, Names
from atdata.sources.registry import open_url
from atdata.storage.urls import redacted
from atdata_records import cid
from atdata_records.ac.foundation.dataset.record import Record

if TYPE_CHECKING:
    from atdata.atmosphere.repositories import Repositories


def read_back(
    repositories: Repositories,
    uri: AtUri,
    expected: Record | None = None,
    progress: Progress | None = None,
) -> Record:
    """Read a dataset record, its schema and its shards, and check each against its CID.

    Shards are read from where the record refers to: local copies are not used.
    Shards without a digest in the record are walked, and have to be valid.

    Args:
        repositories: Reads them.
        uri: The record, in the repository of the reader's account.
        expected: What the record should be.
        progress: Receives each shard that is read.

    Returns:
        The record.

    Raises:
        EntryNotFound: The record is not there.
        RecordError: It is a different one, or contradicts itself.
        SchemaNotFound, SchemaConflict: Its schema is missing, or a different one.
        ShardError: A shard is damaged (``DigestMismatch``: its bytes do not match their digest).
        StorageError, NetworkError: A shard can't be read.
    """
    found = repositories.find_record(uri)
    if found is None:
        raise EntryNotFound("the record is not there", uri=str(uri), hint="Publish it again.")
    record = found.read(Record)
    if expected is not None and record != expected:
        raise RecordError(
            "the published record is not the one that was written",
            uri=str(uri),
            hint="Look at it: another process writes under this name. Then publish yours again.",
        )
    schema_of(repositories, record)
    infos = shards_of(record, repositories, uri.authority)
    _read_shards(shard_urls(repositories, record, uri), infos, uri, progress or NullProgress())
    return record


def _read_shards(
    urls: Sequence[str], infos: Sequence[ShardInfo] | None, uri: AtUri, progress: Progress
) -> None:
    names = Names(urls, MAX_RECORD_NAMES)
    expected: Sequence[ShardInfo | None] = infos or [None] * len(names)
    progress.begin(None if infos is None else sum(info.size for info in infos), len(names))
    for name, info in zip(names, expected, strict=True):
        try:
            seen = _inspect(name, info)
        except AtdataError as error:
            error.hint = (
                f"{uri} is published, but this shard can't be read back as expected. Remove what "
                "is at its place, then publish again: shards that are sound stay."
            )
            raise
        progress.advance(seen.size, 1)


def _inspect(name: str, expected: ShardInfo | None) -> ShardInfo:
    shown = redacted(name)
    stream = open_url(name)
    if expected is not None:
        stream = verified(stream, shown, cid.digest(expected.cid), expected.size)
    with stream:
        seen = inspect_shard(stream, shown)
    if expected is not None and seen != expected:
        raise DigestMismatch(
            f"the shard has {seen.samples} samples, not {expected.samples}", shard=shown
        )
    return seen
