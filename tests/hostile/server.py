"""An HTTP server on loopback that lies, drips, bombs and forges, as a test decides."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Body = bytes | Callable[[], Iterable[bytes]]


@dataclass(frozen=True)
class Reply:
    """An answer.

    Attributes:
        body: Its bytes, or a function that makes the pieces of one answer, endless if it likes.
        status: Its status.
        headers: Sent as they are. Content-Length is added for bytes, unless it is here.
        pause: Seconds between two pieces.
        drips_headers: Whether there is such a pause after each byte of the headers, too.
    """

    body: Body = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: float = 0.0
    drips_headers: bool = False


def drip(data: bytes, *, pause: float = 1.0, size: int = 1, **headers: str) -> Reply:
    """An answer that comes ``size`` bytes at a time."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return Reply(lambda: pieces, headers={"content-length": str(len(data)), **headers}, pause=pause)


def endless(piece: bytes = bytes(1 << 16), **headers: str) -> Reply:
    """An answer without an end and without a length."""

    def pieces() -> Iterator[bytes]:
        while True:
            yield piece

    return Reply(pieces, headers=headers)


@dataclass
class HostileServer:
    """What the server answers; to be changed by a test at any time.

    Attributes:
        port: Where it listens.
        answer: Called with method, path (with its query) and headers (lower case).
        seen: Each request so far, as ``"GET /path?query"``.
        address: Of loopback, where it listens.
        stopping: Set when the server ends, so that drips end too.
    """

    port: int = 0
    address: str = "127.0.0.1"
    answer: Callable[[str, str, Mapping[str, str]], Reply] = lambda *_: Reply(status=404)
    seen: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "", host: str | None = None) -> str:
        return f"http://{host or self.address}:{self.port}{path}"

    def serve(self, replies: Mapping[str, Reply]) -> None:
        """Answer by path, whatever the query."""
        self.answer = lambda method, path, headers: replies.get(
            path.partition("?")[0], Reply(status=404)
        )


@contextlib.contextmanager
def hostile_server(address: str = "127.0.0.1") -> Iterator[HostileServer]:
    """Run one."""
    hostile = HostileServer(address=address)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            hostile.seen.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send(hostile.answer(self.command, self.path, headers))

        do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815

        def send(self, reply: Reply) -> None:
            self.close_connection = True
            self.send_response_only(reply.status)
            headers = {"connection": "close", **reply.headers}
            if isinstance(reply.body, bytes):
                headers.setdefault("content-length", str(len(reply.body)))
            for name, value in headers.items():
                self.send_header(name, value)
            if reply.drips_headers:
                head = b"".join(self._headers_buffer)
                self._headers_buffer.clear()
                for place in range(len(head)):
                    self.wfile.write(head[place : place + 1])
                    self.wfile.flush()
                    if hostile.stopping.wait(reply.pause):
                        return
            self.end_headers()
            if self.command == "HEAD":
                return
            pieces = [reply.body] if isinstance(reply.body, bytes) else reply.body()
            for piece in pieces:
                self.wfile.write(piece)
                self.wfile.flush()
                if hostile.stopping.wait(reply.pause) if reply.pause else hostile.stopping.is_set():
                    return

        def log_message(self, *args: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            """Clients that go away early are a part of the tests."""

    with Server((address, 0), Handler) as server:
        hostile.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield hostile
        finally:
            hostile.stopping.set()
            server.shutdown()
            thread.join()
