"""Bytes from untrusted servers: guarded, bounded, and with distinct errors."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urlsplit

import httpx

from atdata.appview.clients import network_of
from atdata.base.streams import from_pieces
from atdata.errors import AddressRefused, DigestMismatch, NetworkError, UrlError
from atdata.sources.registry import open_url
from atdata.storage.http import http_client

_CONNECT_SECONDS, _READ_SECONDS = 10.0, 15.0
_GRACE_SECONDS = 30.0
_SLOWEST = 64 * 2**10  # bytes a second; a slower server only occupies a slot that others need
_LONGEST_SECONDS = 3600.0  # of a whole transfer, for any size that a record claims
_LONGEST_RETRY = 3600
# Lower ports belong to other services: mail, shells, databases of the host itself.
_FIRST_FREE_PORT = 1024
_WEB_PORTS = (80, 443)


@dataclass
class UpstreamError(Exception):
    """A shard can't be fetched.

    Attributes:
        status: The HTTP status of the answer.
        code: A name for the reason, for programs.
        message: The reason, for readers.
        retry_after: Seconds after which to ask again, when the server gave them.
    """

    status: int
    code: str
    message: str
    retry_after: int | None = None


class Cancelled(Exception):
    """Reading was cancelled."""


def open_upstream(
    url: str, size: int, *, buckets: frozenset[str], is_cancelled: Callable[[], bool]
) -> IO[bytes]:
    """Open a stream of the bytes at a URL that a record names.

    Args:
        url: http(s), or s3 in one of ``buckets``, which the operator opened.
        size: The expected number of bytes; sets how long they may take.
        buckets: Names of S3 buckets that may be read with the operator's own credentials.
        is_cancelled: Called for each piece; reading ends with ``Cancelled`` when it returns True.

    Raises:
        UpstreamError: They can't be fetched; from reading too.
        Cancelled: From reading.
    """
    with upstream_errors():
        parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc in buckets:
        with upstream_errors():
            return open_url(url)
    if parts.scheme not in ("http", "https"):
        raise UpstreamError(
            501, "NotProxied", f"this service does not read this {parts.scheme}:// URL"
        )
    with upstream_errors():
        return _open_http(url, _Deadline(size, is_cancelled))


def host_of(url: str) -> str:
    """Return the host of a URL, without its port, because ports cost nothing."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def address_of(url: str) -> str:
    """Return what a URL's host is counted as: its address, or its name if that has none."""
    host = host_of(url)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return host
    return min(network_of(str(address[0])) for *_, address in found)


class _Deadline:
    """Limits of a transfer: a minimum rate and a deadline.

    Args:
        size: Bytes of the whole transfer.
        is_cancelled: Returns whether all clients have left.
    """

    def __init__(self, size: int, is_cancelled: Callable[[], bool]) -> None:
        self._since = time.monotonic()
        self._end = self._since + min(_GRACE_SECONDS + size / _SLOWEST, _LONGEST_SECONDS)
        self._count = 0
        self._is_cancelled = is_cancelled

    def seconds(self, timeout: float | None) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise _too_slow()
        return left if timeout is None else min(left, timeout)

    def received(self, count: int) -> None:
        if self._is_cancelled():
            raise Cancelled
        self._count += count
        seconds = time.monotonic() - self._since
        if seconds < _GRACE_SECONDS:
            return
        if self._count < seconds * _SLOWEST:
            raise _too_slow()
        self._since, self._count = self._since + seconds, 0


def _too_slow() -> UpstreamError:
    return UpstreamError(504, "UpstreamTimeout", "the server is too slow")


def _open_http(url: str, deadline: _Deadline) -> IO[bytes]:
    client = http_client(untrusted=True, watch=deadline)
    client.timeout = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
    client.event_hooks = {"request": [_check_port]}  # of redirects, too
    try:
        request = client.build_request("GET", url, headers={"accept-encoding": "identity"})
        answer = client.send(request, stream=True)
        if answer.status_code != 200:
            raise _refused(answer)
    except BaseException:
        client.close()
        raise
    return from_pieces(_pieces(answer), client.close)


def _check_port(request: httpx.Request) -> None:
    port = request.url.port
    if port is not None and port < _FIRST_FREE_PORT and port not in _WEB_PORTS:
        raise AddressRefused(f"the record leads to port {port}, which is not a web port")


def _pieces(answer: httpx.Response) -> Iterator[bytes]:
    with upstream_errors():
        yield from answer.iter_raw()


def _refused(answer: httpx.Response) -> UpstreamError:
    status = answer.status_code
    message = f"the server answered {status}"
    if status in (429, 503):
        text = answer.headers.get("retry-after", "")
        seconds = min(int(text), _LONGEST_RETRY) if text.isascii() and text.isdigit() else 30
        return UpstreamError(503, "UpstreamBusy", message, seconds)
    if status in (400, 404, 410):
        return UpstreamError(404, "UpstreamNotFound", message)
    return UpstreamError(502, "UpstreamRefused", message)


@contextmanager
def upstream_errors() -> Iterator[None]:
    """Turn errors of all kinds into ``UpstreamError``."""
    try:
        yield
    except DigestMismatch as error:
        raise UpstreamError(502, "DigestMismatch", error.message) from error
    except AddressRefused as error:
        raise UpstreamError(
            502, "AddressRefused", "the record leads to an address or port that is not public"
        ) from error
    except httpx.TimeoutException as error:
        raise UpstreamError(504, "UpstreamTimeout", "the server does not answer in time") from error
    except httpx.HTTPError as error:
        raise UpstreamError(
            502, "UpstreamUnreachable", f"no answer from the server ({type(error).__name__})"
        ) from error
    except NetworkError as error:
        raise UpstreamError(502, "UpstreamUnreachable", error.message) from error
    except (UrlError, OSError, KeyError, ValueError, httpx.InvalidURL) as error:
        message: Any = getattr(error, "message", str(error))
        raise UpstreamError(502, "UpstreamRefused", message) from error
