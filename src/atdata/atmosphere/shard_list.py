"""The shard list of a dataset record: in the record, or in a blob when it is too long."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from atdata.errors import EntryError, RecordError
from atdata.shards.info import ShardInfo, content_cid
from atdata_records import Blob, Link, ValidationError
from atdata_records import cid as cids
from atdata_records.ac.foundation.dataset.defs import Shard
from atdata_records.ac.foundation.dataset.record import BlobStorage, Record

if TYPE_CHECKING:
    from atdata.atmosphere.repositories import Repositories

MANIFEST_TYPE = "application/json"
MOST_SHARDS = 4096
"""Shards that a record lists itself, by its lexicon."""
MOST_BYTES = 950_000
"""Bytes of a record: servers take a million with a write; some are for the rest of the request."""
_MOST_MANIFEST = 16 << 20  # bytes; more than the 100,000 shards that a record may have


def manifest(shards: Sequence[ShardInfo]) -> bytes:
    """Return the list as a JSON document. The same list gives the same bytes."""
    rows = [{"cid": info.cid, "size": info.size, "samples": info.samples} for info in shards]
    return json.dumps(rows, sort_keys=True, separators=(",", ":")).encode()


def with_manifest(record: Record, shards: Sequence[ShardInfo]) -> Record:
    """Return the record with a reference to a manifest in place of a list that is too long.

    Raises:
        EntryError: The rest of it is too long as well.
    """
    data = manifest(shards)
    blob = Blob(ref=Link(cids.of_bytes(data)), mime_type=MANIFEST_TYPE, size=len(data))
    record = dataclasses.replace(record, shards=None, manifest=blob)
    size = len(record.to_json())
    if size > MOST_BYTES:
        raise EntryError(
            f"the record would have {size:,} bytes; a server takes about a million",
            hint="Use brace notation for the URLs, or write larger shards.",
        )
    return record


def shards_of(record: Record, repositories: Repositories, did: str) -> tuple[ShardInfo, ...] | None:
    """Return the shard infos of a published record, checked against its content CID.

    Args:
        record: The record.
        repositories: Reads the manifest, if there is one.
        did: The repository that holds the record.

    Returns:
        The list; None when the record has none.

    Raises:
        RecordError: The list does not match the record's content CID, or is not a list.
        DigestMismatch, NetworkError: The manifest can't be read.
    """
    shards = record.shards
    if shards is None and record.manifest is not None:
        data = repositories.get_blob(did, str(record.manifest.ref), max_bytes=_MOST_MANIFEST)
        shards = _parsed(data)
    if shards is None:
        return None
    infos = tuple(ShardInfo(shard.cid, shard.size, shard.samples) for shard in shards)
    if record.content_cid is not None and record.schema_cid is not None:
        found = content_cid(record.schema_cid, infos)
        if found != record.content_cid:
            raise RecordError(
                f"the shard list has the content CID {found}, not {record.content_cid}",
                path="$.shards",
            )
    if isinstance(record.storage, BlobStorage):
        _check_blobs(record.storage, infos)
    return infos


def _check_blobs(storage: BlobStorage, infos: Sequence[ShardInfo]) -> None:
    blobs = [(str(blob.ref), blob.size) for blob in storage.blobs]
    if blobs != [(info.cid, info.size) for info in infos]:
        raise RecordError("the blobs are not the shards of the list", path="$.storage.blobs")


def _parsed(data: bytes) -> list[Shard]:
    try:
        # Anything but a list has no rows, or rows that are not shards.
        return [Shard.from_dict(row) for row in json.loads(data)]
    except TypeError as error:
        raise RecordError("the manifest is not a list", path="$.manifest") from error
    except (ValidationError, ValueError, RecursionError) as error:
        raise RecordError(f"the manifest is damaged: {error}", path="$.manifest") from error
