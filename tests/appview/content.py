"""Records and shards for tests, small and made on the spot."""

from __future__ import annotations

import io
import tarfile
import time
from typing import Any

import msgpack

from atdata.appview.events import Write
from atdata.shards.info import ShardInfo, content_cid
from atdata_records import cid
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
OTHER = "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"
SCHEMA_CID = cid.of_cbor(b"a schema")


def rev(number: int) -> str:
    """Revisions in order."""
    digits = "234567abcdefghijklmnopqrstuvwxyz"
    text = ""
    for _ in range(12):
        number, digit = divmod(number, 32)
        text = digits[digit] + text
    return "3" + text


def rev_in(seconds: float) -> str:
    """The revision of a commit that is made in so many seconds."""
    digits = "234567abcdefghijklmnopqrstuvwxyz"
    ticks = int((time.time() + seconds) * 1e6) << 10
    return "".join(digits[ticks >> 5 * place & 31] for place in reversed(range(13)))


def shard(samples: int = 3, padding: int = 0) -> bytes:
    """A shard whose samples hold a number and, for its size, bytes that say nothing."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for number in range(samples):
            payload = msgpack.packb({"number": number, "padding": bytes(padding)})
            info = tarfile.TarInfo(f"{number:09d}.msgpack")
            info.size = len(payload)
            tar.addfile(info, io.BytesIO(payload))
    return buffer.getvalue()


def info(data: bytes, samples: int = 3) -> ShardInfo:
    return ShardInfo(cid.of_bytes(data), len(data), samples)


def dataset(name: str, *, did: str = DID, **members: Any) -> dict[str, Any]:
    """A dataset record at URLs that nobody reads."""
    return {
        "$type": Record.NSID,
        "name": name,
        "schemaRef": f"at://{did}/{SampleSchema.NSID}/Sample:1.0.0",
        "storage": {
            "$type": "ac.foundation.dataset.record#urlStorage",
            "urls": ["https://example.com/data-{000000..000001}.tar"],
        },
        "createdAt": "2026-01-02T03:04:05.678Z",
        **members,
    }


def with_blobs(
    name: str, shards: list[bytes], sizes: list[int] | None = None, **members: Any
) -> dict[str, Any]:
    """A dataset record whose shards are blobs."""
    infos = [info(data) for data in shards]
    blobs = [
        {
            "$type": "blob",
            "ref": {"$link": one.cid},
            "mimeType": "application/x-tar",
            "size": one.size if sizes is None else sizes[number],
        }
        for number, one in enumerate(infos)
    ]
    storage = {"$type": "ac.foundation.dataset.record#blobStorage", "blobs": blobs}
    return dataset(name, storage=storage, **_known(infos), **members)


def with_urls(name: str, urls: list[str], shards: list[bytes], **members: Any) -> dict[str, Any]:
    """A dataset record whose shards are at URLs, and known."""
    storage = {"$type": "ac.foundation.dataset.record#urlStorage", "urls": urls}
    return dataset(name, storage=storage, **_known([info(data) for data in shards]), **members)


def _known(infos: list[ShardInfo]) -> dict[str, Any]:
    return {
        "shards": [{"cid": one.cid, "size": one.size, "samples": one.samples} for one in infos],
        "schemaCid": SCHEMA_CID,
        "contentCid": content_cid(SCHEMA_CID, infos),
        "size": sum(one.size for one in infos),
        "samples": sum(one.samples for one in infos),
    }


def schema(name: str, version: str, **members: Any) -> dict[str, Any]:
    text = members.pop("text", '{"properties":{"number":{"type":"integer"}},"type":"object"}')
    return {
        "$type": SampleSchema.NSID,
        "name": name,
        "version": version,
        "schemaType": "ac.foundation.dataset.defs#jsonSchema",
        "schema": {"$type": "ac.foundation.dataset.sampleSchema#jsonSchemaFormat", "text": text},
        "createdAt": "2026-01-02T03:04:05.678Z",
        **members,
    }


def write(rkey: str, value: dict[str, Any]) -> Write:
    """The event of a record being written, its content as a firehose has it."""
    kind: Any = Record if value["$type"] == Record.NSID else SampleSchema
    try:
        data = kind.from_dict(value).to_cbor()
    except ValueError:
        return Write(value["$type"], rkey, cid.of_cbor(b""), value)
    return Write(value["$type"], rkey, cid.of_cbor(data), data)


def deleted(rkey: str, collection: str = Record.NSID) -> Write:
    return Write(collection, rkey)
