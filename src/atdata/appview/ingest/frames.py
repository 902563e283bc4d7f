"""The frames of ``com.atproto.sync.subscribeRepos``, read without trust.

A frame is two DAG-CBOR values. A commit carries the records that it wrote as a CAR file, whose
blocks are checked against their CIDs.

This stays ours because the SDK's client drops a frame that it can't decode, with its position, and
hands over one frame at a time: here it is kept for inspection, and a batch is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Self

from atdata.appview.events import (
    COLLECTIONS,
    AccountChange,
    Change,
    Commit,
    Event,
    Gap,
    IdentityChange,
    Write,
    checked_position,
    checked_rev,
)
from atdata.base.extras import require
from atdata.base.varint import read_varint
from atdata.errors import NetworkError
from atdata_records import cid, formats

_CID = 36  # bytes of a binary CIDv1 with sha2-256


class FrameError(NetworkError):
    """A message of a stream that can't be read.

    ``position`` is where the stream resumes after it; None when the position can't be read.
    """

    position: int | None = None

    @classmethod
    def of(cls, error: Exception, position: int | None = None) -> Self:
        """Return the error for one message, from the exception that reading it raised."""
        found = cls(f"a message can't be read: {type(error).__name__}: {error!s:.300}")
        found.position = position
        return found


class StreamEnded(FrameError):
    """A message with which the server ends the stream.

    ``code`` is the server's name for the reason, such as ``"FutureCursor"``.
    """

    @classmethod
    def named(cls, code: object) -> Self:
        """Return the error that the server named."""
        return cls(f"the server ends the stream: {code!s:.100}", code=f"{code!s:.100}")


def read_frame(data: bytes) -> Event | None:
    """Return the event of one frame; None for a frame without an event of interest.

    Raises:
        StreamEnded: The server ends the stream with it.
        FrameError: It can't be read.
    """
    decode = require("libipld", extra="appview").decode_dag_cbor_multi
    position = None
    try:
        header, body = decode(data)
        if header["op"] == -1:
            raise StreamEnded.named(body.get("error"))
        kind = header["t"]
        if kind == "#info":
            if body.get("name") == "OutdatedCursor":
                raise StreamEnded.named("OutdatedCursor")
            return None
        position = checked_position(body["seq"])
        return Event(position, _happening(kind, body), len(data))
    except FrameError:
        raise
    except Exception as error:  # any error of a decoder on bytes of unknown origin
        raise FrameError.of(error, position) from error


def _happening(kind: str, body: dict[str, Any]) -> Change | None:
    if kind == "#commit":
        return _commit(body)
    if kind not in ("#account", "#identity", "#sync"):
        return None
    did = _did(body["did"])
    if kind == "#account":
        status = "active" if body["active"] is True else body.get("status") or "inactive"
        return AccountChange(did, _typed(status, str)[:100])
    return IdentityChange(did) if kind == "#identity" else Gap(did, checked_rev(body["rev"]))


def _commit(body: dict[str, Any]) -> Commit | Gap | None:
    kept = []
    for op in body["ops"]:
        collection, _, rkey = op["path"].partition("/")
        if collection in COLLECTIONS and formats.is_record_key(rkey):
            kept.append((collection, rkey, op))
    if body.get("tooBig") is True:
        return Gap(_did(body["repo"]), checked_rev(body["rev"]))
    if not kept:
        return None
    blocks = dict(_blocks(body["blocks"]))
    writes = []
    for collection, rkey, op in kept:
        if op["action"] == "delete":
            writes.append(Write(collection, rkey))
        elif op["cid"] in blocks:
            name = cid.from_bytes(op["cid"])
            writes.append(Write(collection, rkey, name, blocks[op["cid"]]))
        else:
            return Gap(_did(body["repo"]), checked_rev(body["rev"]))
    return Commit(_did(body["repo"]), checked_rev(body["rev"]), tuple(writes))


def _blocks(car: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield CID and bytes of a CAR file's blocks (version 1) that match their CIDs."""
    size, at = read_varint(car, 0)
    at += size
    while at < len(car):
        size, at = read_varint(car, at)
        name, data = car[at : at + _CID], car[at + _CID : at + size]
        at += size
        if at > len(car):
            raise ValueError("a block ends beyond the CAR file")
        if sha256(data).digest() == name[4:]:
            yield name, data


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r:.80} where a {kind.__name__} was expected")
    return value


def _did(value: Any) -> str:
    if not (isinstance(value, str) and formats.is_did(value)):
        raise ValueError(f"{value!r:.80} is not a DID")
    return value
