"""Connections of clients: limits of their number and of the time of each step."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from atdata.appview.clients import network_of

_MOST_OF_CLIENT = 128
_REQUEST_SECONDS = 10.0  # for a request to arrive completely
_STALLED_SECONDS = 60.0  # for a client to take what was sent: a mebibyte at most
_LARGEST_HEAD = 16 * 2**10
_FILES = 65_536  # that the service may have open, where the operating system allows as many


def uvicorn_settings(proxies: str | None = None) -> dict[str, Any]:
    """Return settings of uvicorn that bound what connections may take.

    Args:
        proxies: Comma-separated addresses of reverse proxies, whose connections are of many
            clients.
    """
    trusted = frozenset(proxy.strip() for proxy in (proxies or "").split(",")) - {""}
    kind = type("Connection", (Connection,), {"open": {}, "proxies": trusted})
    return {"http": kind, "ws": "none", "h11_max_incomplete_event_size": _LARGEST_HEAD}


def allow_files() -> None:
    """Raise this process's limit of open files: each connection is one."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


class Connection(H11Protocol):
    """A connection that is closed when its client takes too long, or has too many.

    Attributes:
        open: All connections of a service, by client, the oldest first.
        proxies: Addresses whose connections are not counted.
    """

    open: ClassVar[dict[str, list[Connection]]]
    proxies: ClassVar[frozenset[str]]

    _of: str | None = None
    _arriving: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, in place of the client's oldest connection without a request if there are many."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if not self.proxies & {address, "*"}:
            self._of = network_of(address)
            others = self.open.setdefault(self._of, [])
            others.append(self)
            if len(others) > _MOST_OF_CLIENT:
                _first_idle(others)._drop()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._has_arrived()
        self._is_taken()
        self._uncount()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receive a part of a request."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._has_arrived()
        self._watch()

    def pause_writing(self) -> None:
        """Wait for the client to take what was sent."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(_STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Send more."""
        self._is_taken()
        super().resume_writing()

    @property
    def is_busy(self) -> bool:
        """Whether a request has arrived and is not answered yet."""
        return self.cycle is not None and not self.cycle.response_complete

    def _drop(self) -> None:
        self._uncount()
        self.transport.abort()

    def _uncount(self) -> None:
        if self._of is not None:
            self.open[self._of].remove(self)
            if not self.open[self._of]:
                del self.open[self._of]
            self._of = None

    def _has_arrived(self) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None

    def _is_taken(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _watch(self) -> None:
        if self.is_busy:
            self._has_arrived()
        elif self._arriving is None:
            self._arriving = self.loop.call_later(_REQUEST_SECONDS, self.transport.abort)


def _first_idle(connections: Iterable[Connection]) -> Connection:
    """Return the oldest that is not being answered; the newest when all are."""
    for connection in connections:
        if not connection.is_busy:
            break
    return connection
