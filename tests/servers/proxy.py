"""A TCP proxy on loopback that misbehaves on the way to a real server."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .process import free_ports

_PIECE = 1 << 14


@dataclass
class Proxy:
    """What goes wrong, to be set by a test at any time; nothing at first.

    Attributes:
        url: Where it listens.
        cut_after: The server's bytes that a connection brings before it breaks, a number for
            each connection to come; the ones after the last are left whole.
        spoil: What becomes of the bytes that are sent to the server.
        spoil_back: What becomes of those that come from it.
        seen: Bytes that have come from the server, over all connections.
        sent: Bytes that were sent to it.
        connections: How many there have been.
    """

    url: str
    cut_after: list[int] = field(default_factory=list)
    spoil: Callable[[bytes], bytes] = lambda data: data
    spoil_back: Callable[[bytes], bytes] = lambda data: data
    seen: int = 0
    sent: int = 0
    connections: int = 0


@contextlib.contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    """Run one in front of the server at this URL."""
    target = urlsplit(url)
    (port,) = free_ports(1)
    proxy = Proxy(f"http://127.0.0.1:{port}")
    with socket.create_server(("127.0.0.1", port)) as listener, contextlib.ExitStack() as opened:
        accepting = threading.Thread(
            target=_accept, args=(listener, (target.hostname, target.port), proxy, opened)
        )
        accepting.start()
        try:
            yield proxy
        finally:
            # Closing alone would not wake the thread that waits in accept().
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


def _accept(
    listener: socket.socket,
    target: tuple[str | None, int | None],
    proxy: Proxy,
    opened: contextlib.ExitStack,
) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        server = socket.create_connection(target)  # type: ignore[arg-type]
        for one in (client, server):
            opened.callback(_break, one)
        proxy.connections += 1
        limit = proxy.cut_after.pop(0) if proxy.cut_after else None
        for work in (_up, _down):
            threading.Thread(target=work, args=(client, server, proxy, limit), daemon=True).start()


def _up(client: socket.socket, server: socket.socket, proxy: Proxy, limit: int | None) -> None:
    with contextlib.suppress(OSError):
        while data := client.recv(_PIECE):
            server.sendall(proxy.spoil(data))
            proxy.sent += len(data)
    _break(server)


def _down(client: socket.socket, server: socket.socket, proxy: Proxy, limit: int | None) -> None:
    left = limit
    with contextlib.suppress(OSError):
        while left != 0 and (data := server.recv(_PIECE if left is None else min(_PIECE, left))):
            client.sendall(proxy.spoil_back(data))
            proxy.seen += len(data)
            left = None if left is None else left - len(data)
    for one in (client, server):
        _break(one)


def _break(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
