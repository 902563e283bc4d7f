"""File-like streams over bytes that arrive in pieces."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import IO, cast

_BUFFER = 1 << 18


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Iterable[bytes], close: Callable[[], object]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")
        self._close = close

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()


def from_pieces(pieces: Iterable[bytes], close: Callable[[], object]) -> IO[bytes]:
    """Return a buffered stream of these pieces; errors that they raise pass through.

    Args:
        pieces: The bytes, in order.
        close: Called once, when the stream is closed.
    """
    return cast("IO[bytes]", io.BufferedReader(_Pieces(pieces, close), _BUFFER))
