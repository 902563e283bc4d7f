"""Parts of streams."""

from __future__ import annotations

from collections.abc import Iterator

from atdata.shards.window import CHUNK, Readable


class Part:
    """The next bytes of a stream, as a stream of their own.

    Args:
        stream: The stream, which is not read beyond them.
        size: The number of bytes.
    """

    def __init__(self, stream: Readable, size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end of the part."""
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data


def pieces(stream: Readable, size: int) -> Iterator[bytes]:
    """Yield the next ``size`` bytes of a stream, or those that there are."""
    part = Part(stream, size)
    while data := part.read(CHUNK):
        yield data
