"""Counters for Prometheus, and a rate limit for each client."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from atdata.appview.clients import client_of

T = TypeVar("T")

_MOST_CLIENTS = 10_000
_WATCHED = ("/health", "/metrics")


class Requests:
    """Middleware that counts requests and limits the rate of each client.

    Args:
        app: The application that answers.
        rate: Requests a minute of one client; 0 for no limit. A client that was quiet
            may make as many at once.
    """

    def __init__(self, app: ASGIApp, *, rate: int, counts: Counter[tuple[str, int]]) -> None:
        self._app = app
        self._rate = rate
        self._counts = counts
        self._left: OrderedDict[tuple[str, bool], tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # CONNECT has no path, but a host.
        kind = scope["path"].removeprefix("/").partition("/")[0]
        kind = kind if kind in ("xrpc", "wds", "static", "preview") else "page"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._counts[kind, message["status"]] += 1
            await send(message)

        pause = self._pause(scope)
        if pause:
            body = {"error": "RateLimited", "message": "too many requests"}
            refused = JSONResponse(body, 429, {"retry-after": str(int(pause) + 1)})
            await refused(scope, receive, counted)
            return
        await self._app(scope, receive, counted)

    def _pause(self, scope: Scope) -> float:
        """Return the seconds that the client has to wait; 0 when it may continue."""
        if not self._rate:
            return 0.0
        # Monitoring is counted separately, so that it is always answered.
        client, now = (client_of(scope), scope["path"] in _WATCHED), time.monotonic()
        left, since = self._left.pop(client, (float(self._rate), now))
        left = min(self._rate, left + (now - since) * self._rate / 60)
        may = left >= 1
        self._left[client] = (left - 1 if may else left, now)
        while len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if may else (1 - left) * 60 / self._rate


class Remembered(Generic[T]):
    """A value that is computed again only every few seconds, by one thread at a time.

    Args:
        work: Computes it.
        seconds: How long it is kept.
    """

    def __init__(self, work: Callable[[], T], seconds: float = 5.0) -> None:
        self._work = work
        self._seconds = seconds
        self._until = 0.0
        self._value: T
        self._working = threading.Lock()

    def __call__(self) -> T:
        """Return the value."""
        with self._working:
            if self._until < time.monotonic():
                self._value = self._work()
                self._until = time.monotonic() + self._seconds
            return self._value


def exposition(
    counts: Counter[tuple[str, int]], values: dict[str, tuple[str, dict[str, float]]]
) -> str:
    """Return the text that Prometheus reads.

    Args:
        counts: Requests by kind and status.
        values: By name: the type (counter or gauge), and the number for each set of labels.
    """
    lines = ["# TYPE atdata_appview_requests_total counter"]
    for (kind, status), count in sorted(counts.items()):
        labels = f'kind="{kind}",status="{status}"'
        lines.append(f"atdata_appview_requests_total{{{labels}}} {count}")
    for name, (type_, numbers) in values.items():
        lines.append(f"# TYPE atdata_appview_{name} {type_}")
        for labels, number in numbers.items():
            braces = f"{{{labels}}}" if labels else ""
            lines.append(f"atdata_appview_{name}{braces} {number:g}")
    return "\n".join(lines) + "\n"
