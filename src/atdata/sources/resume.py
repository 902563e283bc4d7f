"""Streams that go on where a broken connection has left them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import IO

from atdata.errors import NetworkError
from atdata.sources.remote import Opened, Remote, refuse_offline
from atdata.sources.retry import ATTEMPTS, attempts
from atdata.sources.schemes import redacted
from atdata.sources.streams import from_pieces

_PIECE = 1 << 18


def open_resuming(remote: Remote, url: str, *, untrusted: bool = False) -> IO[bytes]:
    """A stream of a whole file that outlives broken connections and passing refusals.

    It never joins two states of a file: where a server does not tell them apart (no tag), the
    stream ends with the connection.

    Args:
        remote: Asks for the file or a part of it.
        url: Where it is.
        untrusted: As for ``remote``.

    Raises:
        AtdataError: What ``remote`` raises, after the last attempt; also from reading.
    """
    resuming = _Resuming(remote, url, untrusted)
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
    """What ``remote`` gives for the same arguments, after up to five attempts.

    Raises:
        NetworkError: The user is offline (``ATDATA_OFFLINE=1``).
        AtdataError: What ``remote`` raises, after the last attempt.
    """
    refuse_offline(url)
    for attempt in attempts():
        with attempt:
            return remote(url, start=start, stop=stop, tag=tag, untrusted=untrusted)
    raise AssertionError("the last attempt returns or raises")  # pragma: no cover


class _Resuming:
    def __init__(self, remote: Remote, url: str, untrusted: bool) -> None:
        self._ask = partial(open_patiently, remote, url, untrusted=untrusted)
        self._url = redacted(url)
        self._seen = 0
        self._stalls = 0
        self._opened = self._ask()
        self._size, self._tag = self._opened.size, self._opened.tag

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file, in order."""
        while True:
            before = self._seen
            try:
                yield from self._rest()
                return
            except NetworkError as error:
                self._stalls = 0 if self._seen > before else self._stalls + 1
                if not error.transient or self._tag is None or self._stalls == ATTEMPTS:
                    raise
            self.close()
            self._opened = self._ask(start=self._seen, tag=self._tag)

    def close(self) -> None:
        """Close the connection."""
        self._opened.stream.close()

    def _rest(self) -> Iterator[bytes]:
        stream = self._opened.stream
        # read() would lose what came before the connection broke.
        read = getattr(stream, "read1", stream.read)
        self._pass_over(self._seen - self._opened.start)
        while piece := read(_PIECE):
            self._seen += len(piece)
            yield piece
        if self._size is not None and self._seen != self._size:
            raise NetworkError.passing(
                f"the file ends after {self._seen} of {self._size} bytes", uri=self._url
            )

    def _pass_over(self, count: int) -> None:
        """Read what was had already: a server that knows no ranges begins anew."""
        while count and (piece := self._opened.stream.read(min(count, _PIECE))):
            count -= len(piece)
