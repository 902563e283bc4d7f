"""The servers that the AppView receives events from. The operator chooses them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

from atdata.appview.events import COLLECTIONS, Event, Unreadable
from atdata.appview.ingest.frames import FrameError, StreamEnded, read_frame
from atdata.appview.ingest.jetstream import read_message
from atdata.base.redact import redacted
from atdata.errors import UrlError
from atdata.storage.urls import split_url


@dataclass(frozen=True, slots=True)
class Source:
    """A server that sends events.

    Attributes:
        kind: A personal data server is trusted about its own repositories, and no others. A
            relay is trusted about all. Jetstream is a relay that sends JSON; it has no
            listing, so only repositories that write something become known.
        url: Its base URL, ``https://host``, with a password if it needs one.
        name: The URL without the password.
    """

    kind: Literal["pds", "relay", "jetstream"]
    url: str = field(repr=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        parts = split_url(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise UrlError(
                "not the base URL of a server",
                uri=self.url,
                hint="Give a URL such as https://host.",
            )
        object.__setattr__(self, "url", self.url.rstrip("/"))
        object.__setattr__(self, "name", redacted(self.url))

    @property
    def only_pds(self) -> str | None:
        """The server about whose repositories alone it is trusted; None if about all."""
        return self.name if self.kind == "pds" else None

    def stream_url(self, position: int) -> str:
        """Return the URL of its stream, from a position on, or from now on when that is 0."""
        base = self.url.replace("http", "ws", 1)
        query: list[tuple[str, str]] = []
        path = "xrpc/com.atproto.sync.subscribeRepos"
        if self.kind == "jetstream":
            path = "subscribe"
            query = [("wantedCollections", name) for name in COLLECTIONS]
        if position:
            query.append(("cursor", str(position)))
        return f"{base}/{path}?{urlencode(query)}"

    def read(self, message: str | bytes) -> Event | Unreadable | None:
        """Read a message of its stream; return None if it is of no interest.

        A message that can't be read is returned as ``Unreadable``.

        Raises:
            StreamEnded: The server ends the stream with it.
        """
        data = message if isinstance(message, bytes) else message.encode()
        try:
            return read_message(message) if self.kind == "jetstream" else read_frame(data)
        except StreamEnded:
            raise
        except FrameError as error:
            return Unreadable(error.position, error.message, data)
