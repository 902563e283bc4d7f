"""What every scheme on a network can do: give a file, whole or in part, in one request."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO, Protocol

from atdata.errors import NetworkError
from atdata.storage.urls import redacted


@dataclass(frozen=True, slots=True)
class Opened:
    """What a server gave: a stream, and where in which file it lies.

    Attributes:
        stream: The bytes. Whoever opened it closes it.
        start: Offset in the file of the stream's first byte; 0 when a server ignored the range.
        size: Bytes of the whole file; None when the server did not tell.
        tag: Names this very state of the file (a strong ETag, a generation, a CID); None when
            there is no telling two states apart.
        is_part: Whether the server gave the part that was asked for, and would give others.
    """

    stream: IO[bytes]
    start: int = 0
    size: int | None = None
    tag: str | None = None
    is_part: bool = False


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


def is_offline() -> bool:
    """Whether the user wants nothing of the network: ``ATDATA_OFFLINE=1``."""
    return os.environ.get("ATDATA_OFFLINE") == "1"


def refuse_offline(url: str) -> None:
    """Refuse a request while offline.

    Raises:
        NetworkError: The user is offline.
    """
    if is_offline():
        raise NetworkError(
            "this is not on this machine, and ATDATA_OFFLINE=1 keeps off the network",
            uri=redacted(url),
            hint="unset ATDATA_OFFLINE, or read it once while online so that it is cached",
        )
