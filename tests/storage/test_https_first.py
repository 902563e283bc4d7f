"""http over https, against real servers. Only the names of hosts are made up."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import trustme

from atdata.errors import NetworkError
from atdata.sources import open_url
from atdata.storage import http
from atdata.storage.https_first import HttpsFirst
from servers.web import Web, web_server

HOST = "data.example"


@dataclass
class Hosts:
    """What the ports of a host lead to; 0 for a port where nobody listens."""

    ports: dict[int, int]


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """``data.example`` and its two usual ports, on this machine."""
    real: Callable[..., Any] = socket.getaddrinfo
    found = Hosts({80: 0, 443: 0})

    def getaddrinfo(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host == HOST:
            return real("127.0.0.1", found.ports[int(port)] or 9, *args, **kwargs)
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return found


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The one that this machine trusts during a test, and no remembered connections."""
    ca = trustme.CA()
    context = ssl.create_default_context()
    ca.configure_trust(context)
    monkeypatch.setattr(http, "_ssl_context", lambda: context)
    monkeypatch.setattr(http, "_https_first", HttpsFirst())
    http._shared_client.cache_clear()
    return ca


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[Web]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST).configure_cert(context)
    with web_server(context) as server:
        yield server
    http._shared_client.cache_clear()


def read(url: str) -> bytes:
    with open_url(url) as stream:
        return stream.read()


def test_https_is_taken_where_it_answers(hosts: Hosts, web: Web, secure: Web) -> None:
    hosts.ports = {80: web.port, 443: secure.port}
    web.serve("/a.tar", b"anybody may have changed this")
    secure.serve("/a.tar", b"content")
    assert read(f"http://{HOST}/a.tar") == b"content"
    assert web.seen == []


@pytest.mark.parametrize("answer", ["nobody", "not tls", "404", "other certificate"])
def test_http_is_taken_where_it_does_not(
    hosts: Hosts, web: Web, secure: Web, authority: trustme.CA, answer: str
) -> None:
    web.serve("/a.tar", b"content")
    others = {"nobody": 9, "not tls": web.port, "404": secure.port, "other certificate": 0}
    hosts.ports = {80: web.port, 443: others[answer]}
    if answer == "other certificate":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("elsewhere.example").configure_cert(context)
        with web_server(context) as elsewhere:
            hosts.ports[443] = elsewhere.port
            assert read(f"http://{HOST}/a.tar") == b"content"
        return
    assert read(f"http://{HOST}/a.tar") == b"content"


def test_a_host_without_https_is_asked_once(hosts: Hosts, web: Web, secure: Web) -> None:
    hosts.ports = {80: web.port, 443: secure.port}
    web.serve("/a.tar", b"content")
    for _ in range(3):
        assert read(f"http://{HOST}/a.tar") == b"content"
    assert len(secure.seen) == 1


def test_https_is_never_left_for_http(hosts: Hosts, web: Web, secure: Web) -> None:
    hosts.ports = {80: web.port, 443: secure.port}
    web.serve("/a.tar", b"content")
    with pytest.raises(NetworkError, match="404"):
        read(f"https://{HOST}/a.tar")
    assert web.seen == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.9.9.9", "me.localhost"])
def test_this_machine_is_never_asked_for_https(host: str) -> None:
    asked: list[str] = []

    def ask(address: str, timeout: float | None = None) -> Any:
        asked.append(address)

    HttpsFirst().ask(f"http://{host}/a.tar", ask)
    assert asked == [f"http://{host}/a.tar"]


def test_a_port_of_its_own_has_no_other_scheme() -> None:
    asked: list[str] = []
    HttpsFirst().ask("http://data.example:8080/a.tar", lambda address: asked.append(address))  # type: ignore[arg-type,return-value]
    assert asked == ["http://data.example:8080/a.tar"]
