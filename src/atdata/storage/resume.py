"""Streams that resume after a broken connection."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import IO

from atdata.base.streams import from_pieces
from atdata.errors import NetworkError
from atdata.storage import pace
from atdata.storage.remote import Opened, Remote, refuse_offline
from atdata.storage.retry import ATTEMPTS, attempts
from atdata.storage.urls import redacted

_PIECE = 1 << 20


def open_resuming(remote: Remote, url: str, *, untrusted: bool = False) -> IO[bytes]:
    """Open a stream of a whole file that survives broken connections; see :class:`Resuming`.

    Args:
        remote: Asks for the file or a part of it.
        url: Where it is.
        untrusted: As for ``remote``.

    Raises:
        AtdataError: What ``remote`` raises, after the last attempt; also from reading.
    """
    resuming = Resuming(remote, url, untrusted=untrusted)
    return from_pieces(resuming.pieces(), resuming.close)


def open_patiently(
    remote: Remote,
    url: str,
    *,
    start: int = 0,
    stop: int | None = None,
    tag: str | None = None,
    untrusted: bool = False,
) -> Opened:
    """Call ``remote`` with the same arguments, in up to five attempts.

    Raises:
        NetworkError: The user is offline (``ATDATA_OFFLINE=1``).
        AtdataError: What ``remote`` raises, after the last attempt.
    """
    refuse_offline(url)
    for attempt in attempts():
        with attempt:
            return remote(url, start=start, stop=stop, tag=tag, untrusted=untrusted)
    raise AssertionError("the last attempt returns or raises")  # pragma: no cover


class Resuming:
    """A file or a part of it, read over as many connections as needed.

    The time spent waiting is bounded (see :mod:`atdata.storage.pace`), also for a server that
    breaks each connection after a few bytes. Two states of a file are never joined: if a server
    sends no tag to distinguish them, reading ends with the connection, unless ``is_checked``.

    Args:
        remote: Asks for the file or a part of it.
        url: Where it is.
        start: Offset of the first byte.
        stop: Offset after the last one; None for the end of the file.
        tag: The state that the file must be in.
        untrusted: As for ``remote``.
        opened: What it returned already for these arguments.
        is_checked: The bytes will be checked against a digest, so joined states would be
            detected.

    Raises:
        AtdataError: What ``remote`` raises, after the last attempt.
    """

    def __init__(
        self,
        remote: Remote,
        url: str,
        *,
        start: int = 0,
        stop: int | None = None,
        tag: str | None = None,
        untrusted: bool = False,
        opened: Opened | None = None,
        is_checked: bool = False,
    ) -> None:
        self._ask = partial(open_patiently, remote, url, stop=stop, untrusted=untrusted)
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
        """Yield the bytes in order; raises what ``remote`` raises."""
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
