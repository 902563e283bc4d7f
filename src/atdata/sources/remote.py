"""What every scheme on a network can do: give a file, whole or in part, in one request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Protocol


@dataclass(frozen=True, slots=True)
class Opened:
    """What a server gave: a stream, and where in which file it lies.

    Attributes:
        stream: The bytes. Whoever opened it closes it.
        start: Offset in the file of the stream's first byte; 0 when a server ignored the range.
        size: Bytes of the whole file; None when the server did not tell.
        tag: Names this very state of the file (a strong ETag, a generation, a CID); None when
            there is no telling two states apart.
    """

    stream: IO[bytes]
    start: int = 0
    size: int | None = None
    tag: str | None = None


class Remote(Protocol):
    """One request for a file, or for a part of it; ``open_range`` of each scheme's module."""

    def __call__(
        self,
        url: str,
        *,
        start: int = 0,
        stop: int | None = None,
        tag: str | None = None,
        untrusted: bool = False,
    ) -> Opened:
        """Ask once, without trying again.

        Args:
            url: Where.
            start: Offset of the first byte wanted.
            stop: Offset behind the last byte wanted; None for the end of the file.
            tag: The state that the file must be in.
            untrusted: The URL comes from the network: private addresses are refused.

        Raises:
            UrlError: Not a URL of this scheme (``AddressRefused``: a private address).
            StorageError: There is no such file, it may not be read, or it has changed.
            NetworkError: The server can't be reached or refuses; ``transient`` tells whether
                trying again may help, ``retry_after`` when. Also from reading the stream.
        """
        ...
