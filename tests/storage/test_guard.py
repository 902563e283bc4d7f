"""The guard in force, against real servers on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpcore
import httpx
import pytest

from atdata.errors import AddressRefused, NetworkError
from atdata.storage.http import http_client
from servers.web import Web, open_stream, web_server


@pytest.fixture
def inner() -> Iterator[Web]:
    """A service that only this machine can see."""
    with web_server() as server:
        server.serve("/secret", b"inner")
        yield server


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::ffff:127.0.0.1]"]
)
def test_private_addresses_are_not_connected_to(inner: Web, host: str) -> None:
    with pytest.raises(AddressRefused):
        open_stream(inner.url("/secret", host), untrusted=True)
    assert inner.seen == []


def test_the_same_url_is_fine_when_a_user_gives_it(inner: Web) -> None:
    with open_stream(inner.url("/secret")) as stream:
        assert stream.read() == b"inner"


def test_a_redirect_to_a_private_address_is_refused(
    web: Web, inner: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = web.serve("/a", status=302, headers={"Location": inner.url("/secret")})
    monkeypatch.setenv("ATDATA_PDS_URL", web.url(""))
    with pytest.raises(AddressRefused):
        open_stream(url, untrusted=True)
    assert len(web.seen) == 1
    assert inner.seen == []


@pytest.mark.parametrize("setting", ["ATDATA_PDS_URL", "ATDATA_PLC_URL"])
def test_the_users_own_servers_are_allowed(
    web: Web, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv(setting, web.url("/"))
    with open_stream(web.serve("/a", b"x" * 100_000), untrusted=True) as stream:
        assert stream.read() == b"x" * 100_000


def test_all_is_allowed_on_request(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    with open_stream(web.serve("/a", b"x"), untrusted=True) as stream:
        assert stream.read() == b"x"


def test_errors_are_those_of_httpx(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    with http_client(untrusted=True) as client:
        with pytest.raises(httpx.ConnectError):
            client.get("http://127.0.0.1:9/")
        with pytest.raises(httpx.ConnectError, match="resolved"):
            client.get("http://no-such-host.invalid/")
        with pytest.raises(httpx.UnsupportedProtocol):
            client.get("ftp://127.0.0.1/")
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(web.serve("/cut", b"x", announced=100))
        answer = client.post(web.url("/a"), json={"a": 1})
        assert answer.status_code == 501


def test_a_redirect_to_a_file_leads_nowhere(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    url = web.serve("/a", status=302, headers={"Location": "file:///etc/hostname"})
    with pytest.raises(NetworkError, match="not http"):
        open_stream(url, untrusted=True)


def test_proxies_of_the_environment_are_not_used(
    web: Web, inner: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", inner.url(""))
    monkeypatch.setenv("ATDATA_PDS_URL", web.url(""))
    with open_stream(web.serve("/a", b"x"), untrusted=True) as stream:
        assert stream.read() == b"x"
    assert inner.seen == []


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Have ``data.example`` stand for these addresses, the last ones for good; tells who asked."""
    left = list(answers)
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *args: object, **kwargs: object) -> list[object]:
        asked.append(host)
        assert host == "data.example", f"{host} is resolved behind the guard's back"
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr("atdata.storage.reach.socket.getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["169.254.169.254"]],
)
def test_names_of_private_addresses(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
    """Also where only one of several is private: which one is taken would be the name's choice."""
    resolving(monkeypatch, addresses)
    with pytest.raises(AddressRefused, match=r"data\.example:80, which is the private address"):
        open_stream("http://data.example:80/x", untrusted=True)


def test_a_name_that_changes_its_mind(inner: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Public when looked at, private when connected to: there is no second look-up to fool."""
    connected: list[str] = []

    def connect(backend: object, host: str, *args: object) -> object:
        connected.append(host)
        raise httpcore.ConnectError("not from here")

    asked = resolving(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    with pytest.raises(NetworkError, match="not from here"):
        open_stream(f"http://data.example:{inner.port}/secret", untrusted=True)
    assert (connected, len(asked)) == (["8.8.8.8"], 1)
    with pytest.raises(AddressRefused):
        open_stream(f"http://data.example:{inner.port}/secret", untrusted=True)


@pytest.mark.parametrize("hops", [1, 3])
def test_redirects_are_followed_step_by_step(
    web: Web, inner: Web, monkeypatch: pytest.MonkeyPatch, hops: int
) -> None:
    for number in range(hops):
        web.serve(f"/{number}", status=302, headers={"Location": f"/{number + 1}"})
    web.serve(f"/{hops}", status=307, headers={"Location": inner.url("/secret", "[::ffff:7f00:1]")})
    monkeypatch.setenv("ATDATA_PDS_URL", web.url(""))
    with pytest.raises(AddressRefused):
        open_stream(web.url("/0"), untrusted=True)
    assert (len(web.seen), inner.seen) == (hops + 1, [])


@pytest.mark.parametrize(
    "disguise",
    [
        "http://example.org@127.0.0.1:{port}/secret",
        "http://example.org%2F@127.0.0.1:{port}/secret",
        "http://127.0.0.1.:{port}/secret",
        "http://localhost.:{port}/secret",
        "http://\u2460\u2461\u2466.0.0.1:{port}/secret",
        "http://127.0.0.1\\@example.org:{port}/secret",
        "http://0177.0.0.1:{port}/secret",
        "http://0x7f.1:{port}/secret",
        "http://[::127.0.0.1]:{port}/secret",
        "http://[0:0:0:0:0:ffff:7f00:0001]:{port}/secret",
    ],
)
def test_addresses_in_disguise(inner: Web, disguise: str) -> None:
    with pytest.raises((AddressRefused, NetworkError)):
        open_stream(disguise.format(port=inner.port), untrusted=True)
    assert inner.seen == []
