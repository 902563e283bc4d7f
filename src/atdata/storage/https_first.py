"""``http`` URLs, read over ``https`` where a server offers that."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from atdata.base.extras import require

if TYPE_CHECKING:
    import httpx

# Seconds; the cost, once, of a server that silently drops https connections.
_PATIENCE = 3.0


class HttpsFirst:
    """Tries ``https`` first, and remembers which hosts do not offer it."""

    def __init__(self) -> None:
        self._plain: set[str] = set()

    def ask(self, url: str, ask: Callable[..., httpx.Response]) -> httpx.Response:
        """Return the response for a URL; over ``https`` if it is an ``http`` URL and that succeeds.

        Args:
            url: What to ask for.
            ask: Sends a request to an address; takes a timeout in seconds, too.
        """
        host = _upgradable_host(url)
        if host is None or host in self._plain:
            return ask(url)
        with contextlib.suppress(require("httpx", extra="http").HTTPError):
            answer = ask("https" + url[4:], _PATIENCE)
            if answer.status_code < 400:
                return answer
            answer.close()
        self._plain.add(host)
        return ask(url)


def _upgradable_host(url: str) -> str | None:
    """Return the host of an http URL; None if https is not to be tried.

    It is not tried on this machine itself, where traffic can't be intercepted, nor for a URL
    with a port, since https would have another one.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme.lower() != "http" or not host or port is not None:
        return None
    return None if _is_loopback(host) else host


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False
