"""Streams whose bytes are checked against an expected digest and, where known, a size."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from atdata.base.streams import from_pieces
from atdata.errors import DigestMismatch

_PIECE = 1 << 18
_HINT = "Do not use the data; fetch it again, or inform its publisher."


@dataclass(frozen=True, slots=True)
class ExpectedShard:
    """The identity of a shard whose number of samples is not known.

    Attributes:
        cid: CIDv1 (raw, sha2-256) of its bytes.
        size: Number of bytes; None if that is not known either.
    """

    cid: str
    size: int | None = None


def verified(stream: IO[bytes], shard: str, digest: bytes, size: int | None = None) -> IO[bytes]:
    """Return a stream that passes on another one's bytes while they match.

    Args:
        stream: Where the bytes come from; closed with the new stream.
        shard: Name of the shard, for errors.
        digest: The sha256 that they must have.
        size: How many there must be; None if that was not known.

    Raises:
        DigestMismatch: From reading: there are more, fewer or other bytes.
    """
    return from_pieces(verified_pieces(stream, shard, digest, size), stream.close)


def verified_pieces(
    stream: IO[bytes], shard: str, digest: bytes, size: int | None
) -> Iterator[bytes]:
    """Yield a stream's bytes while they match.

    Raises:
        DigestMismatch: There are more, fewer or other bytes than expected.
    """
    sha256 = hashlib.sha256()
    seen = 0
    while piece := stream.read(_PIECE):
        seen += len(piece)
        if size is not None and seen > size:
            raise mismatch(f"the shard is longer than the {size} bytes expected", shard)
        sha256.update(piece)
        yield piece
    if size is not None and seen < size:
        raise mismatch(f"the shard ends after {seen} of {size} bytes", shard)
    if sha256.digest() != digest:
        raise mismatch(
            f"the shard's bytes are not those expected: sha256 {sha256.hexdigest()}, "
            f"not {digest.hex()}",
            shard,
        )


def mismatch(message: str, shard: str) -> DigestMismatch:
    """Return the error for bytes that are not the expected ones."""
    return DigestMismatch(message, shard=shard, hint=_HINT)
