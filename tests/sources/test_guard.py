"""The guard in force, against real servers on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from atdata.errors import AddressRefused, NetworkError
from atdata.sources.http import http_client
from sources.web import Web, open_stream, web_server


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
