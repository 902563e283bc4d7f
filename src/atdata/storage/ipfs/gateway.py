"""Requests for IPFS blocks to gateways, which are not trusted: each block is checked."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import IO

from atdata.base.extras import require
from atdata.errors import DigestMismatch, NetworkError, ShardError, UrlError
from atdata.storage.http import Web, http_client
from atdata.storage.ipfs.cids import Cid
from atdata.storage.ipfs.unixfs import LARGEST_BLOCK
from atdata.storage.urls import redacted, split_url

VARIABLE = "IPFS_GATEWAY"
LOCAL = "http://127.0.0.1:8080"
PUBLIC = "https://trustless-gateway.link"
# The CID of no bytes, which every gateway can answer: an identity CID contains its data.
_PROBE = "/ipfs/bafkqaaa?format=raw"
_PROBE_SECONDS = 2
_BELIEVED = 60  # seconds


def find_gateway(public: str = PUBLIC) -> str:
    """Return the base URL of the gateway to ask.

    It is the one that ``IPFS_GATEWAY`` names; else a node on this machine (port 8080), if one
    answers; else ``public``, by default the IPFS Foundation's gateway for clients that verify.

    Raises:
        UrlError: ``IPFS_GATEWAY`` is not an http URL.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return _checked(given)
    return LOCAL if _answers(LOCAL, int(time.monotonic() / _BELIEVED)) else public


def _checked(given: str) -> str:
    parts = split_url(given)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UrlError(
            f"{VARIABLE} does not name a gateway",
            uri=redacted(given),
            hint=f"Write {VARIABLE}=http://host:port.",
        )
    return given.rstrip("/").removesuffix("/ipfs")


@lru_cache(maxsize=8)
def _answers(base: str, minute: int) -> bool:
    """Return whether a gateway answers; cached per value of ``minute``."""
    failed = require("httpx", extra="http").HTTPError
    try:
        with http_client() as client:
            answer = client.get(base + _PROBE, timeout=_PROBE_SECONDS)
    except failed:
        return False
    return answer.status_code == 200 and not answer.content


@contextmanager
def open_block(cid: Cid, *, untrusted: bool = False) -> Iterator[IO[bytes]]:
    """Open the bytes that a gateway sends for a block, unchecked.

    Args:
        cid: Which block.
        untrusted: Data from the network names it. The user's own gateway may still have a
            private address.

    Raises:
        NetworkError: The gateway can't be reached or does not find the block; also from reading.
    """
    base = find_gateway()
    url = f"{base}/ipfs/{cid}?format=raw"
    try:
        with Web(untrusted and base == PUBLIC).open_range(url).stream as stream:
            yield stream
    except NetworkError as error:
        if error.status in (404, 410, 504):
            error.hint = "Set IPFS_GATEWAY to another gateway: this one finds the block nowhere."
        raise


def read_block(cid: Cid, *, untrusted: bool = False) -> bytes:
    """Return a block, checked against the digest of its CID.

    Raises:
        DigestMismatch: The gateway sends other bytes.
        ShardError: The block is larger than blocks may be.
        NetworkError: As for :func:`open_block`.
    """
    with open_block(cid, untrusted=untrusted) as stream:
        block = stream.read(LARGEST_BLOCK + 1)
    if len(block) > LARGEST_BLOCK:
        raise ShardError(f"the block {cid} has more than {LARGEST_BLOCK:,} bytes")
    if not cid.matches(block):
        raise mismatch(cid)
    return block


def mismatch(cid: Cid) -> DigestMismatch:
    """Return the error for bytes that are not those of a CID."""
    return DigestMismatch(
        f"the gateway sends other bytes than those of the block {cid}",
        hint="Try again with IPFS_GATEWAY set to another gateway.",
    )
