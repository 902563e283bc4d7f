"""Files over http and https.

This stays ours, over httpx, because no client checks that a server sent the range it was asked
for, connects only to addresses that untrusted URLs may name, and bounds a slow transfer.
"""

from __future__ import annotations

import atexit
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.request import getproxies

from atdata.base.extras import require
from atdata.base.redact import redacted
from atdata.base.streams import from_pieces
from atdata.errors import AtdataError, NetworkError
from atdata.storage.answers import byte_range, content_range, date, is_passing, length, refusal
from atdata.storage.https_first import HttpsFirst
from atdata.storage.objects import Urls
from atdata.storage.resume import Opened

if TYPE_CHECKING:
    import httpx

    from atdata.storage.guard import Watch

_CONNECT_SECONDS, _SILENCE_SECONDS = 10, 60
_MAX_REDIRECTS = 5
_HINTS = {
    401: "Give a presigned URL, or make the file public: the server asks for credentials.",
    403: "Make the file public, or get a new presigned URL if that one has expired.",
    404: "Check the URL; the file may have moved.",
    410: "Look for the file elsewhere: it was removed.",
    412: "Start again: the file was replaced while it was read.",
    416: "Start again: the file is shorter than it was.",
    429: "Try again later: the server has had too many requests.",
}


def http_client(*, untrusted: bool = False, watch: Watch | None = None) -> httpx.Client:
    """Return a client with timeouts that follows up to five redirects. The caller closes it.

    It asks for uncompressed responses, and holds them to the minimum rate of
    :mod:`atdata.storage.pace`, unless they come through a proxy that the environment names.

    Args:
        untrusted: URLs come from the network: connections go to public addresses only, else
            :class:`~atdata.errors.AddressRefused`; redirects are held to the same.
        watch: Also bounds the time of everything that the client does.

    Raises:
        MissingExtra: httpx is not installed.
    """
    library = require("httpx", extra="http")
    client: httpx.Client = library.Client(
        timeout=library.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS),
        # Streams that a caller has left open must not keep others waiting.
        limits=library.Limits(max_connections=None, max_keepalive_connections=20),
        follow_redirects=True,
        max_redirects=_MAX_REDIRECTS,
        headers={"user-agent": "atdata", "accept-encoding": "identity"},
        # Accept no cookies: none of these servers needs any.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        verify=_ssl_context(),
        transport=_guarded(watch, untrusted=untrusted)
        if untrusted or watch or not getproxies()
        else None,
    )
    return client


class Web(Urls):
    """Files at http and https URLs, which are their keys.

    An ``http`` URL is read over ``https`` where that answers, never on this machine itself. The
    tag of a file is its strong ETag, else its time of change if that was at least a minute
    before the response (RFC 9110, 8.8). Errors are NetworkErrors, also from reading a stream
    (``AddressRefused``: ``untrusted``, and the server's address is private).
    """

    def _open_range(self, key: str, start: int, stop: int | None, tag: str | None) -> Opened:
        client = _shared_client(self.untrusted, os.getpid())
        headers = {}
        if wanted := byte_range(start, stop):
            headers["range"] = wanted
        if tag is not None:
            headers["if-match" if tag.startswith('"') else "if-unmodified-since"] = tag

        def ask(address: str, timeout: float | None = None) -> httpx.Response:
            request = client.build_request("GET", address, headers=headers)
            if timeout is not None:
                request.extensions["timeout"] |= {"connect": timeout, "read": timeout}
            return client.send(request, stream=True)

        with _errors(key):
            answer = _https_first.ask(key, ask)
            if answer.status_code == 416 and start == 0 and "range" in headers:
                # An empty file has no first byte, and some servers refuse to send less than asked.
                answer.close()
                del headers["range"]
                answer = _https_first.ask(key, ask)
        try:
            return _opened(answer, key, start, stop, tag)
        except BaseException:
            answer.close()
            raise


def _opened(
    answer: httpx.Response, url: str, start: int, stop: int | None, tag: str | None
) -> Opened:
    status = answer.status_code
    if status not in (200, 206):
        raise refusal(
            f"the server answered {status} {answer.reason_phrase}".rstrip(),
            status,
            answer.headers.get("retry-after", ""),
            transient=is_passing(status),
            uri=redacted(url),
            hint=_HINTS.get(status),
        )
    first, size = 0, length(answer.headers.get("content-length", ""))
    if status == 206:
        first, size = _extent(answer.headers.get("content-range", ""), url, start, stop)
    found = _state(answer.headers)
    # Not every server honours the condition.
    if tag is not None and found != tag:
        raise NetworkError(
            "the file has changed since reading began", uri=redacted(url), hint=_HINTS[412]
        )
    return Opened(
        from_pieces(_pieces(answer, url), answer.close), first, size, found, status == 206
    )


def _extent(header: str, url: str, start: int, stop: int | None) -> tuple[int, int | None]:
    """Return the offset of the part, and the size of the whole file."""
    found = content_range(header)
    if not found or found[0] != start or (stop is not None and found[1] >= stop):
        raise NetworkError(
            f"the server was asked for bytes from {start} on and sends another part",
            uri=redacted(url),
        )
    return start, found[2]


def _state(headers: Mapping[str, str]) -> str | None:
    etag = headers.get("etag", "")
    if etag.startswith('"'):
        return etag
    changed, answered = date(headers.get("last-modified", "")), date(headers.get("date", ""))
    if changed is None or answered is None or answered - changed < timedelta(minutes=1):
        return None
    return headers.get("last-modified")


def _pieces(answer: httpx.Response, url: str) -> Iterator[bytes]:
    with _errors(url):
        yield from answer.iter_raw()


@contextmanager
def _errors(url: str) -> Iterator[None]:
    """Raise errors of httpx as our own; their text may hold the URL, so it is left out."""
    httpx = require("httpx", extra="http")
    uri = redacted(url)
    try:
        yield
    except NetworkError as error:
        error.uri = error.uri or uri
        raise
    except httpx.TooManyRedirects:
        raise NetworkError(f"more than {_MAX_REDIRECTS} redirects", uri=uri) from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL):
        raise NetworkError("this leads to a URL that is not http", uri=uri) from None
    except httpx.TimeoutException:
        raise NetworkError.passing("the server does not answer in time", uri=uri) from None
    except httpx.ConnectError as error:
        raise NetworkError.passing(f"no connection: {error}", uri=uri) from None
    except (AtdataError, OSError):
        raise
    except (UnicodeError, ValueError) as error:
        # Invalid host names; httpx leaves these errors to its callers.
        raise NetworkError(f"this URL can't be used ({type(error).__name__})", uri=uri) from None
    except httpx.HTTPError as error:
        kind = type(error).__name__
        raise NetworkError.passing(
            f"the connection broke ({kind})", uri=uri, hint="Try again."
        ) from None


@lru_cache(maxsize=8)
def _shared_client(untrusted: bool, pid: int) -> httpx.Client:
    # Connections are kept for the next part of a file, but never across a fork: one per process.
    client = http_client(untrusted=untrusted)
    atexit.register(client.close)
    return client


def _guarded(watch: Watch | None, *, untrusted: bool) -> httpx.BaseTransport:
    from atdata.storage.guard import GuardedTransport

    return GuardedTransport(_ssl_context(), watch, untrusted=untrusted)


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    # Reading the certificates takes as long as a small download.
    context: ssl.SSLContext = require("httpx", extra="http").create_ssl_context()
    return context


_https_first = HttpsFirst()
