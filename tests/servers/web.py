"""A real HTTP server on loopback, whose answers a test decides."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO

from atdata.storage import http


def open_stream(url: str, *, untrusted: bool = False) -> IO[bytes]:
    """What one request for the whole file brings."""
    return http.Web(untrusted).open_range(url).stream


@dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None  # Content-Length, where it is a lie
    cut: int | None = None  # bytes of this answer after which the connection ends
    ranges: bool = False  # whether parts are given, and conditions heeded, as RFC 9110 says


@dataclass
class Web:
    port: int
    answers: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def serve(self, path: str, body: bytes = b"", **kwargs: object) -> str:
        self.answers[path] = Answer(body, **kwargs)  # type: ignore[arg-type]
        return self.url(path)

    def serve_in_turn(self, path: str, *answers: Answer) -> str:
        """The first answer for the first request, and so on; the last one for all that follow."""
        self.answers[path] = list(answers)
        return self.url(path)

    @property
    def ranges(self) -> list[str | None]:
        """Which part each request so far has asked for."""
        return [headers.get("range") for _, headers in self.seen]

    def answer_for(self, path: str) -> Answer:
        answers = self.answers.get(path) or Answer(status=404)
        if isinstance(answers, Answer):
            return answers
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def web_server(tls: ssl.SSLContext | None = None) -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            answer = web.answer_for(self.path)
            status, body, extra = part_of(answer, self.headers)
            self.send_response(status)
            for name, value in {**answer.headers, **extra}.items():
                self.send_header(name, value)
            announced = len(body) if answer.announced is None else answer.announced
            self.send_header("Content-Length", str(announced))
            self.end_headers()
            self.wfile.write(body[: answer.cut])
            self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            """Clients that go away early are a part of the tests."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        web = Web(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()


def part_of(answer: Answer, asked: object) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and further headers of what a request gets of an answer."""
    headers: dict[str, str] = dict(asked.items())  # type: ignore[attr-defined]
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
    if not answer.ranges or answer.status != 200:
        return answer.status, answer.body, {}
    if headers.get("if-match") not in (None, answer.headers.get("ETag")):
        return 412, b"", {}
    if not wanted:
        return 200, answer.body, {}
    start, size = int(wanted[1]), len(answer.body)
    stop = min(int(wanted[2] or size - 1) + 1, size)
    if start >= size:
        return 416, b"", {"Content-Range": f"bytes */{size}"}
    return 206, answer.body[start:stop], {"Content-Range": f"bytes {start}-{stop - 1}/{size}"}
