"""Shards over http and https."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import IO, TYPE_CHECKING

from atdata._extras import require
from atdata.errors import NetworkError
from atdata.sources.schemes import redacted
from atdata.sources.streams import from_pieces

if TYPE_CHECKING:
    import httpx

_CONNECT_SECONDS, _SILENCE_SECONDS = 10, 60
_MAX_REDIRECTS = 5
_PIECE = 1 << 18
_HINTS = {
    401: "the server wants to know who asks: give a presigned URL, or make the file public",
    403: "the file is private, or a presigned URL has expired",
    404: "check the URL; the file may have moved",
    410: "the file was taken away",
    429: "the server has had too many requests: try again later",
}


def http_client(*, untrusted: bool = False) -> httpx.Client:
    """A client with timeouts that follows up to five redirects. The caller closes it.

    Args:
        untrusted: URLs come from the network: connections go to public addresses only, else
            :class:`~atdata.errors.AddressRefused`; redirects are held to the same.

    Raises:
        MissingExtra: httpx is not installed.
    """
    client: type[httpx.Client] = require("httpx", extra="http").Client
    return client(
        timeout=_timeout(),
        follow_redirects=True,
        max_redirects=_MAX_REDIRECTS,
        headers={"user-agent": "atdata"},
        verify=_ssl_context(),
        transport=_guarded() if untrusted else None,
    )


def open_http(
    url: str, *, untrusted: bool = False, params: Mapping[str, str] | None = None
) -> IO[bytes]:
    """A stream of what a GET request answers, byte for byte as the server has it.

    Args:
        url: Where.
        untrusted: As for :func:`http_client`.
        params: Query parameters to add.

    Raises:
        AddressRefused: ``untrusted``, and the server's address is private.
        NetworkError: The server can't be reached, or answers with an error; also from reading
            the stream, when the connection breaks.
    """
    client = http_client(untrusted=untrusted)
    try:
        with _told(url):
            request = client.build_request(
                "GET", url, params=params, headers={"accept-encoding": "identity"}
            )
            answer = client.send(request, stream=True)
        if answer.status_code != 200:
            raise NetworkError(
                f"the server answered {answer.status_code} {answer.reason_phrase}",
                uri=redacted(url),
                hint=_HINTS.get(answer.status_code),
            )
    except BaseException:
        client.close()
        raise
    return from_pieces(_pieces(answer, url), client.close)


def _pieces(answer: httpx.Response, url: str) -> Iterator[bytes]:
    with _told(url):
        yield from answer.iter_raw(_PIECE)


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Errors of httpx as ours; their text may hold the URL, so it is left out."""
    httpx = require("httpx", extra="http")
    try:
        yield
    except httpx.TooManyRedirects:
        raise NetworkError(f"more than {_MAX_REDIRECTS} redirects", uri=redacted(url)) from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL):
        raise NetworkError("this leads to a URL that is not http", uri=redacted(url)) from None
    except httpx.TimeoutException:
        raise NetworkError("the server does not answer in time", uri=redacted(url)) from None
    except httpx.ConnectError as error:
        raise NetworkError(f"no connection: {error}", uri=redacted(url)) from None
    except httpx.HTTPError as error:
        kind = type(error).__name__
        raise NetworkError(
            f"the connection broke ({kind})", uri=redacted(url), hint="try again"
        ) from None


def _timeout() -> httpx.Timeout:
    timeout: httpx.Timeout = require("httpx", extra="http").Timeout(
        _SILENCE_SECONDS, connect=_CONNECT_SECONDS
    )
    return timeout


def _guarded() -> httpx.BaseTransport:
    from atdata.sources.guard import GuardedTransport

    return GuardedTransport(_ssl_context())


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    # Reading the certificates takes as long as a small download.
    context: ssl.SSLContext = require("httpx", extra="http").create_ssl_context()
    return context
