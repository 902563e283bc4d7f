"""Streams that resume after a broken connection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Protocol

from atdata.base.redact import redacted
from atdata.base.streams import from_pieces
from atdata.errors import NetworkError
from atdata.storage import pace
from atdata.storage.offline import refuse_offline
from atdata.storage.retry import ATTEMPTS, attempts

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Opened:
    """A server's response: a stream, and its position in the file.

    Attributes:
        stream: The bytes. The caller that opened it closes it.
        start: Offset in the file of the stream's first byte; 0 when a server ignored the range.
        size: Bytes of the whole file; None if the server did not report it.
        tag: Identifies this state of the file (a strong ETag, a generation, a CID); None if
            states can't be distinguished.
        is_part: Whether the server supports ranges and sent the requested one.
    """

    stream: IO[bytes]
    start: int = 0
    size: int | None = None
    tag: str | None = None
    is_part: bool = False


class OpenRange(Protocol):
    """One request for a file, or for a part of it: ``open_range`` of a place, for one key."""

    def __call__(
        self, *, start: int = 0, stop: int | None = None, tag: str | None = None
    ) -> Opened:
        """Ask once, without trying again; see :class:`atdata.storage.objects.Place`."""
        ...


def open_resuming(ask: OpenRange, url: str) -> IO[bytes]:
    """Open a stream of a whole file that survives broken connections; see :class:`Resuming`.

    Raises:
        AtdataError: What ``ask`` raises, after the last attempt; also from reading.
    """
    resuming = Resuming(ask, url)
    return from_pieces(resuming.pieces(), resuming.close)


def open_patiently(
    ask: OpenRange, url: str, *, start: int = 0, stop: int | None = None, tag: str | None = None
) -> Opened:
    """Call ``ask`` with the same arguments, in up to five attempts.

    Raises:
        NetworkError: The user is offline (``ATDATA_OFFLINE=1``).
        AtdataError: What ``ask`` raises, after the last attempt.
    """
    refuse_offline(url)
    for attempt in attempts():
        with attempt:
            return ask(start=start, stop=stop, tag=tag)
    raise AssertionError("the last attempt returns or raises")  # pragma: no cover


class Resuming:
    """A file or a part of it, read over as many connections as needed.

    The time spent waiting is bounded (see :mod:`atdata.storage.pace`), also for a server that
    breaks each connection after a few bytes. Two states of a file are never joined: if a server
    sends no tag to distinguish them, reading ends with the connection, unless ``is_checked``.

    Args:
        ask: Asks for the file or a part of it.
        url: Where it is, for errors.
        start: Offset of the first byte.
        stop: Offset after the last one; None for the end of the file.
        tag: The state that the file must be in.
        opened: What it returned already for these arguments.
        is_checked: The bytes will be checked against a digest, so joined states would be
            detected.

    Raises:
        AtdataError: What ``ask`` raises, after the last attempt.
    """

    def __init__(
        self,
        ask: OpenRange,
        url: str,
        *,
        start: int = 0,
        stop: int | None = None,
        tag: str | None = None,
        opened: Opened | None = None,
        is_checked: bool = False,
    ) -> None:
        self._ask = partial(open_patiently, ask, url, stop=stop)
        self._url = redacted(url)
        self._patience = pace.Patience(pace.GRACE)
        self._opened = opened or self._ask(start=start, tag=tag)
        self._tag = self._opened.tag
        self._may_join = is_checked or self._tag is not None
        self._at = start
        ends = (end for end in (stop, self._opened.size) if end is not None)
        self._end = min(ends, default=None)
        self._stalls = 0

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes in order; raises what ``ask`` raises."""
        while True:
            before = self._at
            try:
                yield from self._rest()
                return
            except NetworkError as error:
                self._stalls = 0 if self._at > before else self._stalls + 1
                if not error.transient or not self._may_join or self._stalls == ATTEMPTS:
                    raise
            self.close()
            with self._patience.waiting():
                self._opened = self._ask(start=self._at, tag=self._tag)

    def close(self) -> None:
        """Close the connection."""
        self._opened.stream.close()

    def _rest(self) -> Iterator[bytes]:
        stream = self._opened.stream
        # read() would lose the bytes that arrived before the connection broke.
        read = getattr(stream, "read1", stream.read)
        self._pass_over(self._at - self._opened.start)
        while True:
            with self._patience.waiting():
                piece = read(self._next_size())
            if not piece:
                break
            self._at += len(piece)
            self._patience.received(len(piece))
            yield piece
        if self._end is not None and self._at != self._end:
            raise NetworkError.passing(
                f"the file ends after {self._at} of {self._end} bytes", uri=self._url
            )

    def _next_size(self) -> int:
        return _PIECE if self._end is None else min(_PIECE, self._end - self._at)

    def _pass_over(self, count: int) -> None:
        """Discard bytes that were read already: a server without ranges starts at 0 again."""
        while count and (piece := self._opened.stream.read(min(count, _PIECE))):
            count -= len(piece)
