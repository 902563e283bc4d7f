"""An httpx transport that bounds a transfer's time and addresses. Import it late.

This stays ours because no maintained transport connects only to addresses that it has checked
itself, and bounds the time of a whole transfer.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

import httpcore
import httpx

from atdata.errors import AddressRefused
from atdata.storage.pace import Pace
from atdata.storage.reach import public_addresses

_Option = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class Watch(Protocol):
    """What bounds the time of a transfer. Both methods may raise, which ends it."""

    def seconds(self, timeout: float | None) -> float | None:
        """Return how long the next step on the network may take, at most ``timeout``."""
        ...

    def received(self, count: int) -> None:
        """Record that ``count`` more bytes have arrived, headers and encryption included."""
        ...


class GuardedTransport(httpx.BaseTransport):
    """Sends requests over connections that are checked when they are made.

    Every redirect is a request of its own, so it is checked too. Proxies of the environment are
    not used: a proxy would hide the address that a request goes to.

    Args:
        context: TLS settings for https.
        watch: Bounds the time of everything that this transport does, in addition to the minimum
            rate of :mod:`atdata.storage.pace`, which applies to each response.
        untrusted: Connect to public addresses only.
    """

    def __init__(
        self, context: ssl.SSLContext, watch: Watch | None = None, *, untrusted: bool = True
    ) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=None,
            max_keepalive_connections=20,
            keepalive_expiry=5,
            network_backend=_Backend(watch, untrusted),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; called by ``httpx.Client``."""
        url = request.url
        with _as_httpx():
            answer = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(
                        scheme=url.raw_scheme,
                        host=url.raw_host,
                        port=url.port,
                        target=url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from cast("Iterable[bytes]", self._answer.stream)

    def close(self) -> None:
        self._answer.close()


class _Backend(httpcore.NetworkBackend):
    def __init__(self, watch: Watch | None, untrusted: bool) -> None:
        self._backend = httpcore.SyncBackend()
        self._watch = watch
        self._is_untrusted = untrusted

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_Option] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = public_addresses(host, port) if self._is_untrusted else [host]
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} can't be resolved: {error}") from error
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            if self._watch:
                timeout = self._watch.seconds(timeout)
            try:
                stream = self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
                return _Watched(stream, self._watch)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[_Option] | None = None,
    ) -> httpcore.NetworkStream:
        raise AddressRefused("data from the network names a local socket")

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Watched(httpcore.NetworkStream):
    """A connection whose every step is watched: servers can send headers slowly, too."""

    def __init__(self, stream: httpcore.NetworkStream, watch: Watch | None) -> None:
        self._stream = stream
        self._watch = watch
        self._pace = Pace()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, self._seconds(timeout))
        self._pace.received(len(data))
        if self._watch:
            self._watch.received(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # A write begins another request, whose response is measured separately.
        self._pace = Pace()
        self._stream.write(buffer, self._seconds(timeout))

    def _seconds(self, timeout: float | None) -> float | None:
        timeout = self._pace.seconds(timeout)
        return self._watch.seconds(timeout) if self._watch else timeout

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        seconds = self._seconds(timeout)
        return _Watched(self._stream.start_tls(ssl_context, server_hostname, seconds), self._watch)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Raise errors of httpcore as those of httpx, which have the same names."""
    try:
        yield
    except (
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.ProxyError,
        httpcore.TimeoutException,
        httpcore.UnsupportedProtocol,
    ) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error
