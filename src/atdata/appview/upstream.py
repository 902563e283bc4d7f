"""Bytes from servers that strangers name: guarded, bounded, and with errors told apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urlsplit

import httpx

from atdata.errors import AddressRefused, DigestMismatch, NetworkError, UrlError
from atdata.sources.http import http_client
from atdata.sources.registry import open_url
from atdata.sources.streams import from_pieces

_CONNECT_SECONDS, _SILENCE_SECONDS = 10.0, 15.0
_GRACE_SECONDS = 30.0
_SLOWEST = 64 * 2**10  # bytes a second; what is slower only holds a place that others need
_LONGEST_RETRY = 3600
# Below this one are ports of other services: mail, shells, databases of the host itself.
_FIRST_FREE_PORT = 1024
_WEB_PORTS = (80, 443)


@dataclass
class UpstreamError(Exception):
    """A shard can't be had.

    Attributes:
        status: The HTTP status that says so.
        code: A name for the reason, for programs.
        message: The reason, for people.
        retry_after: Seconds after which to ask again, when the server said so.
    """

    status: int
    code: str
    message: str
    retry_after: int | None = None


class Cancelled(Exception):
    """Reading was given up."""


def open_upstream(
    url: str, size: int, *, buckets: frozenset[str], is_cancelled: Callable[[], bool]
) -> IO[bytes]:
    """A stream of the bytes at a URL that a record names.

    Args:
        url: Where: http(s), or s3 in one of ``buckets``, which the operator opened.
        size: How many bytes are promised; sets how long they may take.
        buckets: Names of S3 buckets that may be read with the operator's own credentials.
        is_cancelled: Asked now and then; when it says yes, reading ends with ``Cancelled``.

    Raises:
        UpstreamError: They can't be had; from reading too.
        Cancelled: From reading.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc in buckets:
        with told():
            return open_url(url)
    if parts.scheme not in ("http", "https"):
        raise UpstreamError(
            501, "NotProxied", f"this service does not read {parts.scheme}:// of this place"
        )
    with told():
        return _open_http(url, _Patience(size, is_cancelled))


class _Patience:
    """How long a server may take, and whether anybody still waits."""

    def __init__(self, size: int, is_cancelled: Callable[[], bool]) -> None:
        self._end = time.monotonic() + _GRACE_SECONDS + size / _SLOWEST
        self._is_cancelled = is_cancelled

    def check(self) -> None:
        if self._is_cancelled():
            raise Cancelled
        if time.monotonic() > self._end:
            raise UpstreamError(504, "UpstreamTimeout", "the server is too slow")


def _open_http(url: str, patience: _Patience) -> IO[bytes]:
    client = http_client(untrusted=True)
    client.timeout = httpx.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS)
    client.event_hooks = {"request": [_check_port]}  # of redirects, too
    try:
        request = client.build_request("GET", url, headers={"accept-encoding": "identity"})
        answer = client.send(request, stream=True)
        if answer.status_code != 200:
            raise _refused(answer)
    except BaseException:
        client.close()
        raise
    return from_pieces(_pieces(answer, patience), client.close)


def _check_port(request: httpx.Request) -> None:
    port = request.url.port
    if port is not None and port < _FIRST_FREE_PORT and port not in _WEB_PORTS:
        raise AddressRefused(f"the record leads to port {port}, which is not one of the web")


def _pieces(answer: httpx.Response, patience: _Patience) -> Iterator[bytes]:
    # As they arrive: waiting for larger pieces would let a trickle hold us for long.
    with told():
        for piece in answer.iter_raw():
            patience.check()
            yield piece


def _refused(answer: httpx.Response) -> UpstreamError:
    status = answer.status_code
    said = f"the server answered {status}"
    if status in (429, 503):
        text = answer.headers.get("retry-after", "")
        seconds = min(int(text), _LONGEST_RETRY) if text.isascii() and text.isdigit() else 30
        return UpstreamError(503, "UpstreamBusy", said, seconds)
    if status in (400, 404, 410):
        return UpstreamError(404, "UpstreamNotFound", said)
    return UpstreamError(502, "UpstreamRefused", said)


@contextmanager
def told() -> Iterator[None]:
    """Errors of all kinds as ``UpstreamError``."""
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
    except (UrlError, OSError, KeyError) as error:
        message: Any = getattr(error, "message", str(error))
        raise UpstreamError(502, "UpstreamRefused", message) from error
