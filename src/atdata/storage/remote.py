"""The protocol of network schemes: open a file, whole or in part, in one request."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO, Protocol

from atdata.errors import NetworkError
from atdata.storage.urls import redacted


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
            url: The file's URL.
            start: Offset of the first byte wanted.
            stop: Offset after the last byte wanted; None for the end of the file.
            tag: The state that the file must be in.
            untrusted: The URL comes from the network: private addresses are refused.

        Raises:
            UrlError: Not a URL of this scheme (``AddressRefused``: a private address).
            StorageError: There is no such file, it may not be read, or it has changed.
            NetworkError: The server can't be reached or refuses; its ``transient`` is True if
                trying again may help, after ``retry_after`` seconds if that is not None. Also
                from reading the stream.
        """
        ...


def is_offline() -> bool:
    """Return whether the user forbids network requests: ``ATDATA_OFFLINE=1``."""
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
