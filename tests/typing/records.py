"""What type checkers must know of the generated records. Checked by mypy and pyright, never run."""

from __future__ import annotations

from typing import assert_type

from atdata_records import UnknownVariant
from atdata_records.ac.foundation.dataset.defs import Shard
from atdata_records.ac.foundation.dataset.record import (
    BlobStorage,
    Record,
    RecordDict,
    UrlStorage,
    UrlStorageDict,
)


def where(record: Record) -> str:
    match record.storage:
        case UrlStorage(urls=urls):
            assert_type(urls, list[str])
            return urls[0]
        case BlobStorage(blobs=blobs):
            return blobs[0].ref.cid
        case UnknownVariant():
            return record.storage.type


def fields(record: Record) -> None:
    assert_type(record.name, str)
    assert_type(record.size, int | None)
    assert_type(record.shards, list[Shard] | None)
    assert_type(record.cid(), str)
    assert_type(Record.from_json(b"{}"), Record)
    assert_type(record.to_json(), bytes)
    record.name = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    Record(name="a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def plain_dicts() -> RecordDict:
    storage: UrlStorageDict = {"$type": "ac.foundation.dataset.record#urlStorage", "urls": ["a:b"]}
    record: RecordDict = {
        "$type": "ac.foundation.dataset.record",
        "name": "digits",
        "schemaRef": "at://alice.test",
        "storage": storage,
        "createdAt": "2024-01-01T00:00:00Z",
    }
    assert_type(record["name"], str)
    record["size"] = "large"  # type: ignore[typeddict-item]  # pyright: ignore[reportArgumentType]
    return record
