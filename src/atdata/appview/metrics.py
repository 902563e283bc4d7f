"""Counters for Prometheus, and a limit of requests for each client."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MOST_CLIENTS = 10_000
_FREE = ("/health", "/metrics")


class Requests:
    """Middleware that counts requests and holds each client to a rate.

    Args:
        app: What answers.
        rate: Requests a minute of one client address; 0 for no limit. A client that was quiet
            may make as many at once.
    """

    def __init__(self, app: ASGIApp, *, rate: int, counts: Counter[tuple[str, int]]) -> None:
        self._app = app
        self._rate = rate
        self._counts = counts
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kind = scope["path"].split("/")[1][:20]
        kind = kind if kind in ("xrpc", "wds", "static", "preview") else "page"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._counts[kind, message["status"]] += 1
            await send(message)

        pause = 0.0 if scope["path"] in _FREE else self._pause(scope)
        if pause:
            body = {"error": "RateLimited", "message": "too many requests"}
            refused = JSONResponse(body, 429, {"retry-after": str(int(pause) + 1)})
            await refused(scope, receive, counted)
            return
        await self._app(scope, receive, counted)

    def _pause(self, scope: Scope) -> float:
        """Seconds that the client has to wait; 0 when it may go on."""
        if not self._rate:
            return 0.0
        client, now = (scope.get("client") or ("", 0))[0], time.monotonic()
        left, since = self._left.pop(client, (float(self._rate), now))
        left = min(self._rate, left + (now - since) * self._rate / 60)
        may = left >= 1
        self._left[client] = (left - 1 if may else left, now)
        while len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if may else (1 - left) * 60 / self._rate


def exposition(
    counts: Counter[tuple[str, int]], values: dict[str, tuple[str, dict[str, float]]]
) -> str:
    """The text that Prometheus reads.

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
