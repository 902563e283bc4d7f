"""Middleware: a count of requests, and a rate limit for each client."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from atdata.appview.clients import client_of

_MOST_CLIENTS = 10_000
_MONITORED = ("/health", "/metrics")


class RateLimit:
    """Middleware that limits the rate of each client, and counts requests.

    Args:
        app: The application that answers.
        rate: Requests a minute of one client; 0 for no limit. A client that was quiet
            may make as many at once.
        counts: Requests by kind and status; counted up.
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
        client, now = (client_of(scope), scope["path"] in _MONITORED), time.monotonic()
        left, since = self._left.pop(client, (float(self._rate), now))
        left = min(self._rate, left + (now - since) * self._rate / 60)
        is_allowed = left >= 1
        self._left[client] = (left - 1 if is_allowed else left, now)
        while len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if is_allowed else (1 - left) * 60 / self._rate
