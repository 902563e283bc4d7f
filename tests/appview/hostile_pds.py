"""A hostile personal data server: for each blob, it does what a test demands."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

Behaviour = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request, and what can be done with it."""

    protocol_version = "HTTP/1.1"
    hostile_pds: HostilePDS

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        name = parse_qs(parts.query).get("cid", [parts.path])[0]
        with self.hostile_pds.counting:
            self.hostile_pds.asked.append(name)
        self.close_connection = True
        if parts.path == "/.well-known/did.json":
            self.send_bytes(json.dumps(self.hostile_pds.document()).encode())
            return
        behaviour = self.hostile_pds.behaviours.get(name)
        if behaviour is None:
            self.send_status(404)
            return
        with contextlib.suppress(ConnectionError):
            behaviour(self)
            return
        self.hostile_pds.cut_off.append(name)

    def send_status(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_bytes(self, data: bytes, announced: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data) if announced is None else announced))
        self.end_headers()
        self.wfile.write(data)

    def trickle(self, data: bytes, pause: float, step: int = 1024) -> None:
        """Without a length, a little at a time."""
        self.send_response(200)
        self.end_headers()
        for at in range(0, len(data), step):
            self.wfile.write(data[at : at + step])
            time.sleep(pause)

    def log_message(self, *args: object) -> None:
        pass


class HostilePDS:
    """The server.

    Attributes:
        behaviours: What it does, by CID of the blob asked for, or by path.
        asked: What it was asked for.
        cut_off: What it was sending when the client hung up.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://localhost:{port}"
        self.did = f"did:web:localhost%3A{port}"
        self.behaviours: dict[str, Behaviour] = {}
        self.asked: list[str] = []
        self.cut_off: list[str] = []
        self.counting = threading.Lock()

    def document(self) -> dict[str, object]:
        service = {
            "id": "#atproto_pds",
            "type": "AtprotoPersonalDataServer",
            "serviceEndpoint": self.url,
        }
        return {"id": self.did, "alsoKnownAs": [], "service": [service]}

    def offer(self, name: str, data: bytes) -> None:
        """Behave well: send these bytes."""
        self.behaviours[name] = lambda request: request.send_bytes(data)


@contextlib.contextmanager
def hostile_server() -> Iterator[HostilePDS]:
    """Run one on a free port of loopback."""

    class Bound(Request):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Bound) as server:
        server.daemon_threads = True
        server.block_on_close = False
        Bound.hostile_pds = HostilePDS(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Bound.hostile_pds
        finally:
            server.shutdown()
            thread.join()
