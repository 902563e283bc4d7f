"""A stream that keeps the digest and length of what was read from it."""

from __future__ import annotations

import hashlib

from atdata.shards.window import CHUNK, Readable
from atdata_records import cid


class HashedStream:
    """A stream whose bytes are hashed and counted as they are read.

    Args:
        stream: Where the bytes come from.
    """

    def __init__(self, stream: Readable) -> None:
        self.sha256 = hashlib.sha256()
        self.size = 0
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        data = self._stream.read(size)
        self.sha256.update(data)
        self.size += len(data)
        return data

    def drain(self) -> None:
        """Read the rest."""
        while self.read(CHUNK):
            pass

    def cid(self) -> str:
        """Return the CID (codec raw) of what was read so far."""
        return cid.from_digest(self.sha256.digest())
