"""An HTTP proxy on loopback that refuses what a test says, in place of the real server."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_NOT_PASSED_ON = ("connection", "transfer-encoding", "content-length")


@dataclass(frozen=True)
class Refusal:
    """An answer as S3 servers give it when they refuse."""

    status: int
    code: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return f"<Error><Code>{self.code}</Code><Message>no</Message></Error>".encode()


def never(method: str, path: str, headers: Mapping[str, str]) -> Refusal | None:
    """Refuse nothing."""
    return None


@dataclass
class Refusing:
    """What is refused, to be set by a test at any time.

    Attributes:
        url: Where it listens.
        refuse: Asked of each request: method, path with query, headers. None passes it on.
        asked: Each request so far, as ``"GET /path?query"``.
    """

    url: str = ""
    refuse: Callable[[str, str, Mapping[str, str]], Refusal | None] = never
    asked: list[str] = field(default_factory=list)

    def next_answers(self, *answers: Refusal | None) -> None:
        """Refuse so the next requests, in this order, and nothing after them."""
        left = list(answers)
        self.refuse = lambda *request: left.pop(0) if left else None


@contextlib.contextmanager
def refusing_proxy(url: str) -> Iterator[Refusing]:
    """Run one in front of the server at this URL. Signatures hold: hosts are not rewritten."""
    proxy = Refusing()
    target = urlsplit(url).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            proxy.asked.append(f"{self.command} {self.path}")
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            refusal = proxy.refuse(self.command, self.path, self.headers)
            if refusal is None:
                self.pass_on(body)
            else:
                self.send(refusal.status, refusal.headers, refusal.body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815

        def pass_on(self, body: bytes) -> None:
            connection = http.client.HTTPConnection(target)
            with contextlib.closing(connection):
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                headers = {
                    k: v for k, v in answer.headers.items() if k.lower() not in _NOT_PASSED_ON
                }
                self.send(answer.status, headers, answer.read(), answer.headers["content-length"])

        def send(
            self, status: int, headers: Mapping[str, str], body: bytes, length: str | None = None
        ) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", length or str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
