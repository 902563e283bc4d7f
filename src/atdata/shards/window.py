"""The bytes of a shard that are in memory: a whole mapped file, or a part of a stream.

Both have the same interface, so there is one tar walk.
"""

from __future__ import annotations

import mmap
import sys
import zlib
from typing import IO, Protocol

from atdata.base.extras import require
from atdata.errors import AtdataError, ShardError, StorageError

CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
# Most bytes that a compressed shard may unfold to, beyond a multiple of the bytes read of it.
_MEMBER, _MEMBER_RATIO = 24 << 20, 16
_WHOLE, _WHOLE_RATIO = 128 << 20, 128
_ZSTD_WINDOW = 1 << 26  # bytes of memory, which the stream itself chooses


class Readable(Protocol):
    """A binary stream, with the one method that reading a shard needs."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        ...


class Window:
    """A part of a shard's bytes, and the stream that the rest comes from, if any.

    Args:
        data: The first bytes; all of them for a mapped file.
        shard: Name of the shard, for errors.
        stream: Where the rest comes from.
        compressed: The compressed stream below, if there is one; it bounds what is held at once.

    Attributes:
        shard: As given.
    """

    __slots__ = ("_compressed", "_data", "_start", "_stream", "_view", "shard")

    def __init__(
        self,
        data: bytes | mmap.mmap,
        shard: str,
        stream: Readable | None = None,
        compressed: _Compressed | None = None,
    ) -> None:
        self.shard = shard
        self._compressed = compressed
        self._data = data
        self._view = memoryview(data)
        self._start = 0
        self._stream = stream

    @property
    def is_compressed(self) -> bool:
        """Whether the shard is compressed, so that its bytes differ from those here."""
        return self._compressed is not None

    @property
    def most_gathered(self) -> int:
        """The most bytes that may be held at once: those of a member, or of a group of them."""
        if self._compressed is None:
            return sys.maxsize
        return _MEMBER + _MEMBER_RATIO * self._compressed.count

    def state(self) -> tuple[bytes | mmap.mmap, memoryview, int, int]:
        """Return the bytes, a view of them, their number, and the offset of the first."""
        return self._data, self._view, len(self._view), self._start

    def refill(self, position: int, need: int) -> int:
        """Load ``need`` bytes from ``position`` on, unless the shard ends; return the new position.

        Raises:
            ShardError: A compressed shard is damaged, or unfolds to more than it may.
            StorageError: The stream can't be read.
        """
        have = len(self._view) - position
        if self._stream is None or have >= need:
            return position
        if need > self.most_gathered:
            raise self._unfolds(f"a member of {need:,} bytes", self._start + position)
        # Views of the old bytes may be in use, so they are never written over.
        parts = [bytes(self._view[position:])] if have else []  # one part is not copied
        while have < need and (part := self._read(max(CHUNK, min(need - have, 64 * CHUNK)))):
            parts.append(part)
            have += len(part)
        self._start += position
        self._data = b"".join(parts)
        self._view = memoryview(self._data)
        return 0

    def skip(self, position: int, count: int) -> int:
        """Skip bytes; return the position after them, or that of the shard's end."""
        missing = count - (len(self._view) - position)
        if missing <= 0 or self._stream is None:
            return min(position + count, len(self._view))
        self._start += len(self._view)
        self._data = b""
        self._view = memoryview(b"")
        while missing and (part := self._read(min(CHUNK, missing))):
            missing -= len(part)
            self._start += len(part)
        return 0

    def _read(self, size: int) -> bytes:
        assert self._stream is not None  # noqa: S101 - refill has checked
        try:
            part = self._stream.read(size)
        except AtdataError:
            raise
        except (EOFError, zlib.error) as error:
            raise ShardError(
                f"the compressed shard is damaged: {error}",
                shard=self.shard,
                hint="Fetch or write it again.",
            ) from error
        except OSError as error:
            raise StorageError(f"reading stopped: {error}", shard=self.shard) from error
        if self._compressed:
            self._compressed.unfolded += len(part)
            if self._compressed.unfolded > _WHOLE + _WHOLE_RATIO * self._compressed.count:
                raise self._unfolds(f"{self._compressed.unfolded:,} bytes", self._start)
        return part

    def _unfolds(self, what: str, offset: int) -> ShardError:
        assert self._compressed  # noqa: S101 - the callers have checked
        return ShardError(
            f"the compressed shard unfolds to {what} out of {self._compressed.count:,}",
            hint="If you trust it, uncompress it with gunzip or zstd -d and read the result.",
            shard=self.shard,
            offset=offset,
            code="TAR_TOO_LARGE",
        )


def open_file(file: IO[bytes], shard: str) -> Window:
    """Return a window on an open local file, mapped into memory where possible, without a copy.

    The mapping outlives the file object, as long as any view of it. A file must not be truncated
    while it is read (the operating system would end the process); atdata's writers never do that.

    Raises:
        MissingExtra: As :func:`open_stream`.
    """
    try:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # a pipe, say, or an empty file
        return open_stream(file, shard)
    if data[:2] == _GZIP or data[:4] == _ZSTD:
        return open_stream(file, shard)
    return Window(data, shard)


def open_stream(stream: Readable, shard: str) -> Window:
    """Return a window on a stream of a shard; gzip and zstd are decompressed.

    Offsets in errors are then those of the uncompressed shard. What it unfolds to is bounded:
    one member to 24 MiB and 16 times the bytes read, all of it to 128 MiB and 128 times those.

    Raises:
        MissingExtra: The stream is compressed with zstd, and zstandard is not installed.
    """
    window = Window(b"", shard, stream)
    window.refill(0, len(_ZSTD))
    head, *_ = window.state()
    compressed = _Compressed(bytes(head), stream)
    if head[:4] == _ZSTD:
        return Window(b"", shard, _Zstd(compressed), compressed)
    if head[:2] != _GZIP:
        return window
    return Window(b"", shard, _Gzip(compressed), compressed)


class _Gzip:
    """A stream of the decompressed bytes of a gzip stream.

    A gzip file may have several members. GNU tar reads all of them; tarfile's and webdataset's
    streams silently stop after the first, so a second one is refused.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._unpacker = zlib.decompressobj(wbits=31)

    def read(self, size: int, /) -> bytes:
        while True:
            if part := self._unpacker.decompress(self._unpacker.unconsumed_tail, size):
                return part
            if self._unpacker.eof:
                self._check_end()
                return b""
            data = self._stream.read(CHUNK)
            if not data:
                raise EOFError("it ends before its end-of-stream marker")
            if part := self._unpacker.decompress(data, size):
                return part

    def _check_end(self) -> None:
        rest = self._unpacker.unused_data
        while len(rest) <= CHUNK and (more := self._stream.read(CHUNK)):
            rest += more
        if len(rest) > CHUNK or rest.strip(b"\0"):
            raise zlib.error("bytes follow its end, where some readers stop and others go on")


class _Zstd:
    """A stream of the decompressed bytes of a zstd stream."""

    def __init__(self, stream: Readable) -> None:
        self._zstandard = require("zstandard", extra="zstd")
        unpacker = self._zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._reader = unpacker.stream_reader(stream, read_across_frames=True)

    def read(self, size: int, /) -> bytes:
        try:
            return self._reader.read(size)  # type: ignore[no-any-return]
        except self._zstandard.ZstdError as error:
            raise EOFError(str(error)) from error


class _Compressed:
    """A compressed stream, with bytes that were read from it put back.

    Attributes:
        count: Compressed bytes read so far.
        unfolded: Bytes that they were decompressed to.
    """

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head = head
        self._stream = stream
        self.count = self.unfolded = 0

    def read(self, size: int = -1, /) -> bytes:
        if self._head:
            stop = len(self._head) if size < 0 else size
            part, self._head = self._head[:stop], self._head[stop:]
        else:
            part = self._stream.read(size)
        self.count += len(part)
        return part
