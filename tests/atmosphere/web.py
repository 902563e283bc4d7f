"""A web server that answers what a test tells it to: the strangers of the network."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = bytes | dict[str, Any] | int
Route = Answer | Callable[[dict[str, str]], Answer]


class Web:
    """Paths and what they answer: bytes, JSON, or an error status; or a function of the query."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://localhost:{port}"
        self.did = f"did:web:localhost%3A{port}"
        self.routes: dict[str, Route] = {}
        self.asked: list[str] = []

    def xrpc(self, method: str, answer: Route) -> None:
        self.routes[f"/xrpc/{method}"] = answer

    def document(self, *, pds: str | None = None, handle: str = "web.test") -> dict[str, Any]:
        """The DID document of ``did``, which this server then serves."""
        document = {
            "id": self.did,
            "alsoKnownAs": [f"at://{handle}"],
            "service": [
                {
                    "id": "#atproto_pds",
                    "type": "AtprotoPersonalDataServer",
                    "serviceEndpoint": pds or self.url,
                }
            ],
        }
        self.routes["/.well-known/did.json"] = document
        return document


@contextlib.contextmanager
def web_server() -> Iterator[Web]:
    """Run one on a free port of the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            web.asked.append(self.path)
            route = web.routes.get(parts.path, 404)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            answer = route(query) if callable(route) else route
            status = answer if isinstance(answer, int) else 200
            body = json.dumps(answer).encode() if isinstance(answer, dict) else b""
            body = answer if isinstance(answer, bytes) else body
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web = Web(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
