"""The atproto SDK's client, restricted to the server that the user logs in to. Imported late."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from atproto_client import Client  # type: ignore[import-untyped]
from atproto_client.request import Request  # type: ignore[import-untyped]

from atdata.errors import AddressRefused, NetworkError
from atdata.storage.reach import is_allowed, public_addresses
from atdata.storage.urls import split_url

_SECONDS = 60.0  # the SDK's own five seconds are too few for a blob
_HTTPS_PORT = 443


class Connections(Request):  # type: ignore[misc]
    """Requests that carry a password or tokens.

    Args:
        check: Called with every answer; it raises when the answer redirects elsewhere.
    """

    def __init__(self, check: Callable[[httpx.Response], None]) -> None:
        super().__init__(timeout=_SECONDS, event_hooks={"response": [check]})


class HeldClient(Client):  # type: ignore[misc]
    """A client that switches to another server only if the network may name that server.

    Attributes:
        is_held: Whether addresses come from a server's answers. A session that the user kept
            may name any server.
        server: Base URL of the server that requests go to.
    """

    is_held = False
    server = ""

    def update_base_url(self, base_url: str | None = None) -> None:
        """Switch to this server; the SDK calls it with the address that a session names."""
        if self.is_held and base_url and _origin(base_url) != _origin(self.server):
            _check_public(base_url)
        super().update_base_url(base_url)
        self.server = base_url or ""


def _origin(url: str) -> str:
    return url.rstrip("/").removesuffix("/xrpc").rstrip("/").lower()


def _check_public(url: str) -> None:
    refusal = "the server's answer moves the session to an address that is not a public https one"
    parts = split_url(url)
    try:
        host, port = parts.hostname or "", parts.port or _HTTPS_PORT
        if "@" in parts.netloc or not host:
            raise AddressRefused(refusal)
        if not is_allowed(host, port):
            if parts.scheme != "https":
                raise AddressRefused(refusal)
            public_addresses(host, port)
    except (OSError, UnicodeError) as error:
        raise NetworkError(f"the session's server can't be resolved: {error}") from error
