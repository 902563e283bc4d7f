"""The messages of Jetstream: the firehose as JSON, for clients that can't read all of it."""

from __future__ import annotations

import json
from typing import Any

from atdata.appview.events import (
    COLLECTIONS,
    AccountChange,
    Change,
    Commit,
    Event,
    IdentityChange,
    Write,
    checked_position,
    checked_rev,
)
from atdata.appview.ingest.frames import FrameError
from atdata_records import formats

_GROWTH = 24  # bytes in memory for a byte of JSON, at most: "[]," becomes a list of 72 bytes


def read_message(text: str | bytes) -> Event:
    """Return the event of one message.

    Raises:
        FrameError: It can't be read.
    """
    position = None
    try:
        message = json.loads(text)
        position = checked_position(message["time_us"])
        did = message["did"]
        if not formats.is_did(did):
            raise ValueError(f"{did!r:.80} is not a DID")
        return Event(position, _happening(did, message), len(text) * _GROWTH)
    except Exception as error:  # any error of a decoder on text of unknown origin
        raise FrameError.of(error, position) from error


def _happening(did: str, message: dict[str, Any]) -> Change | None:
    kind = message.get("kind")
    if kind == "identity":
        return IdentityChange(did)
    if kind == "account":
        account = message["account"]
        active = account["active"] is True
        status = "active" if active else str(account.get("status") or "inactive")[:100]
        return AccountChange(did, status)
    if kind != "commit":
        return None
    commit = message["commit"]
    collection, rkey = commit["collection"], commit["rkey"]
    if collection not in COLLECTIONS or not formats.is_record_key(rkey):
        return None
    rev = checked_rev(commit["rev"])
    if commit["operation"] == "delete":
        return Commit(did, rev, (Write(collection, rkey),))
    return Commit(did, rev, (Write(collection, rkey, commit["cid"], commit["record"]),))
