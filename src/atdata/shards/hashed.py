"""Streams that remember the digest and length of what was read from them."""

from __future__ import annotations

import hashlib
from typing import Protocol

from atdata_records import cid

_CHUNK = 1 << 20


class Readable(Protocol):
    """Something to read from."""

    def read(self, size: int, /) -> bytes: ...


class HashedStream:
    """A stream whose bytes are counted and hashed as they are read.

    Args:
        stream: Where the bytes come from.
        digest: Whether to hash them; counting is done in any case.
    """

    def __init__(self, stream: Readable, *, digest: bool = True) -> None:
        self.size = 0
        self.sha256 = hashlib.sha256() if digest else None
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; none at the end."""
        data = self._stream.read(size)
        self.size += len(data)
        if self.sha256 is not None:
            self.sha256.update(data)
        return data

    def drain(self) -> None:
        """Read the rest."""
        while self.read(_CHUNK):
            pass

    def cid(self) -> str | None:
        """The CID of what was read (codec raw); None when it was not hashed."""
        return None if self.sha256 is None else cid.from_digest(self.sha256.digest())
