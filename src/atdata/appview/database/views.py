"""Rows of the database in the shapes that the lexicons define."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from atdata.appview.database.protocol import Row
from atdata.appview.events import record_path
from atdata.shards.info import ShardInfo
from atdata_records.ac.foundation.dataset.record import BlobStorage, Record, UrlStorage
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema
from atdata_records.ac.foundation.dataset.views import Dataset, Schema

_DIGITS = 6


def uri_of(row: Row, collection: str) -> str:
    """Return the AT URI of a row's record; ``collection`` is that of atdata's own."""
    return f"at://{row['did']}/{record_path(row['rkey'], collection)}"


def record_of(row: Row) -> Record:
    """Return a row's dataset record, which was checked when it was stored."""
    return Record.from_json(row["value"])


def schema_of(row: Row) -> SampleSchema:
    """Return a row's schema record, which was checked when it was stored."""
    return SampleSchema.from_json(row["value"])


def dataset_summary(record: Record) -> str:
    """Return what lists show of a dataset, as JSON: a record may be a hundred times as long."""
    return _summary(
        record,
        "name description license tags schema_ref schema_cid content_cid size samples created_at",
        storage=storage_kind(record),
        shard_count=shard_count(record),
    )


def schema_summary(record: SampleSchema) -> str:
    """Return what lists show of a schema, as JSON."""
    return _summary(record, "name version description created_at")


def _summary(record: Any, names: str, **computed: Any) -> str:
    return json.dumps({name: getattr(record, name) for name in names.split()} | computed)


def dataset_view(row: Row, base: str) -> Dataset:
    """Return a dataset as queries show it.

    Args:
        row: From ``datasets``, with the ``handle`` of its repository.
        base: Base URL of this service.
    """
    # Rows of earlier releases have no summary.
    summary = json.loads(row["summary"] or dataset_summary(record_of(row)))
    count = summary["shard_count"]
    return Dataset(
        uri=uri_of(row, Record.NSID),
        cid=row["cid"],
        did=row["did"],
        handle=row["handle"],
        wds=wds_url(base, row["did"], row["rkey"], count) if count else None,
        indexed_at=row["indexed_at"],
        **summary,
    )


def schema_view(row: Row) -> Schema:
    """Return a schema as queries show it; the row has the ``handle`` of its repository."""
    summary = json.loads(row["summary"] or schema_summary(schema_of(row)))
    return Schema(
        uri=uri_of(row, SampleSchema.NSID),
        cid=row["cid"],
        did=row["did"],
        handle=row["handle"],
        schema_cid=row["schema_cid"],
        indexed_at=row["indexed_at"],
        **summary,
    )


def storage_kind(record: Record) -> str:
    """Return ``"blobs"``, ``"urls"``, or ``"other"`` for a kind that is not known yet."""
    if isinstance(record.storage, BlobStorage):
        return "blobs"
    return "urls" if isinstance(record.storage, UrlStorage) else "other"


def shard_count(record: Record) -> int | None:
    """Return the number of shards in a record; None when the list is not in it."""
    if isinstance(record.storage, BlobStorage):
        return len(record.storage.blobs)
    return len(record.shards) if record.shards is not None else None


def known_shards(record: Record) -> list[ShardInfo] | None:
    """Return the shard infos in a record; None when it has none."""
    if record.shards is None:
        return None
    return [ShardInfo(shard.cid, shard.size, shard.samples) for shard in record.shards]


def wds_url(base: str, did: str, rkey: str, count: int) -> str:
    """Return the WebDataset URL of all shards, in brace notation."""
    numbers = f"{0:0{_DIGITS}d}"
    if count > 1:
        numbers = f"{{{numbers}..{count - 1:0{_DIGITS}d}}}"
    return f"{base}/wds/{quote(did, safe=':')}/{quote(rkey, safe=':~')}/{numbers}.tar"


def shard_url(base: str, did: str, rkey: str, number: int) -> str:
    """Return the URL of one shard."""
    return wds_url(base, did, rkey, 1).replace("000000.tar", f"{number:0{_DIGITS}d}.tar")


def shown_record(row: Row) -> dict[str, Any]:
    """Return a row's record in JSON shape."""
    value: dict[str, Any] = json.loads(row["value"])
    return value
