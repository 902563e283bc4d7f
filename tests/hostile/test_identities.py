"""Servers and DID documents that lie: credentials stay where they belong, errors are ours."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import json
import re
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atdata.appview.ingest.sources import Source
from atdata.atmosphere import AtmosphereClient
from atdata.atmosphere.identity import Resolver, _document_url
from atdata.atmosphere.keys import AtUri
from atdata.atmosphere.xrpc import Reader
from atdata.errors import AddressRefused, AtdataError, NetworkError, UrlError
from atdata.storage.answers import retry_after
from atdata.storage.http import Web
from atdata.storage.reach import is_public

from .server import HostileServer, Reply, hostile_server

PASSWORD = "abcd-efgh-ijkl-mnop"
DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"


@pytest.fixture
def inner() -> Iterator[HostileServer]:
    """A server that must not receive anything."""
    with hostile_server() as server:
        yield server


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names stand for nothing but on loopback."""
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in ("localhost", "127.0.0.1"):
            raise socket.gaierror(f"{host!r} is not loopback")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def token() -> str:
    body = base64.urlsafe_b64encode(json.dumps({"exp": 4_000_000_000, "scope": "x"}).encode())
    return f"e30.{body.decode().rstrip('=')}.AAAA"


def logged_in(endpoint: str | None) -> Reply:
    answer: dict[str, Any] = {"did": DID, "handle": "a.test", "accessJwt": token()}
    answer |= {"refreshJwt": token(), "active": True}
    if endpoint:
        service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer"}
        answer["didDoc"] = {
            "id": DID,
            "@context": ["https://www.w3.org/ns/did/v1"],
            "alsoKnownAs": [],
            "verificationMethod": [],
            "service": [{**service, "serviceEndpoint": endpoint}],
        }
    return json_reply(answer)


def json_reply(value: Any, **headers: str) -> Reply:
    headers = {"content-type": "application/json", **headers}
    return Reply(json.dumps(value).encode(), headers=headers)


# -- credentials


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_password_does_not_follow_a_redirect(
    hostile: HostileServer, inner: HostileServer, status: int
) -> None:
    place = inner.url("/xrpc/com.atproto.server.createSession", "localhost")
    hostile.answer = lambda *_: Reply(status=status, headers={"location": place})
    with pytest.raises(NetworkError, match="credentials are not sent") as caught:
        AtmosphereClient(hostile.url()).login("a.test", PASSWORD)
    assert PASSWORD not in str(caught.value)
    assert (len(hostile.seen), inner.seen) == (1, [])


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:{port}",
        "https://localhost:{port}",
        "http://example.com",
        "https://user@example.com",
        "https://[",
        "https://169.254.169.254",
    ],
)
def test_a_login_does_not_move_to_a_private_server(
    hostile: HostileServer, inner: HostileServer, endpoint: str
) -> None:
    hostile.answer = lambda *_: logged_in(endpoint.format(port=inner.port))
    client = AtmosphereClient(hostile.url())
    try:
        client.login("a.test", PASSWORD)
    except AddressRefused:
        assert not client.is_authenticated
    else:
        # A document that the SDK doesn't take moves nothing.
        assert client.base_url == hostile.url()
    assert inner.seen == []


@pytest.mark.parametrize("endpoint", [None, "same"])
def test_a_login_stays_with_the_server_that_was_chosen(
    hostile: HostileServer, endpoint: str | None
) -> None:
    hostile.answer = lambda *_: logged_in(endpoint and hostile.url())
    client = AtmosphereClient(hostile.url())
    client.login("a.test", PASSWORD)
    assert (client.did, client.base_url) == (DID, hostile.url())
    assert client.is_chosen(hostile.url())


def test_a_login_moves_to_a_public_server(
    hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "atdata.atmosphere.sdk.public_addresses", lambda host, port: asked.append(host)
    )
    hostile.answer = lambda *_: logged_in("https://pds.example.com")
    client = AtmosphereClient(hostile.url())
    client.login("a.test", PASSWORD)
    assert client.base_url == "https://pds.example.com"
    assert asked == ["pds.example.com"]
    assert not client.is_chosen("https://pds.example.com")


@pytest.mark.parametrize("wait", ["9" * 5000, "-1", "inf", "nan", "\u0663", "", "tomorrow"])
def test_a_refusal_with_a_strange_pause_is_ours(hostile: HostileServer, wait: str) -> None:
    headers = {"retry-after": wait.encode().decode("latin-1"), "ratelimit-reset": "9" * 4000}
    hostile.answer = lambda *_: Reply(b"{}", 429, headers)
    with pytest.raises(AtdataError):
        AtmosphereClient(hostile.url()).login("a.test", PASSWORD)


def test_one_servers_cookies_go_to_no_other(
    hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    seen: list[Mapping[str, str]] = []

    def answer(method: str, path: str, headers: Mapping[str, str]) -> Reply:
        seen.append(headers)
        return json_reply({}, **{"set-cookie": "a=b; Path=/"})

    hostile.answer = answer
    for untrusted in (True, False):
        reader = Reader(untrusted=untrusted)
        for _ in range(2):
            assert reader.get_json(hostile.url("/", "localhost")) == {}
            Web(untrusted).open_range(hostile.url("/x")).stream.close()
    assert len(seen) == 8
    assert not any("cookie" in headers for headers in seen)


# -- identities


@pytest.mark.parametrize(
    "did",
    [
        "did:web:localhost%3Ax%40example.com",
        "did:web:localhost%3A80%40example.com",
        "did:web:localhost%3A80%2Fadmin%3Fx%3D1",
        "did:web:localhost%2Fadmin",
        "did:web:localhost%3A",
        "did:web:localhost%3A123456",
        "did:web:localhost:80",
        "did:web:example.com%2Fadmin",
        "did:web:example.com%40example.org",
        "did:web:example.com%3A8080",
        "did:web:%6Cocalhost%3A80%40x",
    ],
)
def test_a_did_names_a_host_and_nothing_else(did: str, no_network: None) -> None:
    with pytest.raises(UrlError):
        _document_url(did)


@pytest.mark.parametrize(
    ("did", "url"),
    [
        ("did:web:localhost", "http://localhost/.well-known/did.json"),
        ("did:web:localhost%3A2583", "http://localhost:2583/.well-known/did.json"),
        ("did:web:localhost%3a2583", "http://localhost:2583/.well-known/did.json"),
        ("did:web:example.com", "https://example.com/.well-known/did.json"),
    ],
)
def test_sound_dids_lead_to_their_documents(did: str, url: str) -> None:
    assert _document_url(did) == url


PIECES = ["localhost", "%3A", "%40", "%2F", "%3F", "%23", "%5C", "80", "x", "example.com", "@", "."]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=6).map("".join))
def test_any_did_leads_to_its_own_host_or_nowhere(name: str) -> None:
    try:
        url = _document_url(f"did:web:{name}")
    except AtdataError:
        return
    assert re.fullmatch(
        r"(http://localhost(:\d{1,5})?|https://[a-z0-9A-Z.-]+)/\.well-known/did\.json", url
    )


def test_a_chosen_server_does_not_say_who_has_a_public_handle(
    hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for way in ("_from_dns", "_from_domain"):
        monkeypatch.setattr(Resolver, way, lambda _, handle: asked.append(handle))
    hostile.answer = lambda *_: json_reply({"did": f"did:web:localhost%3A{hostile.port}"})
    with pytest.raises(NetworkError, match="can't be resolved"):
        AtmosphereClient(hostile.url()).resolve("nasa.gov")
    assert (asked, hostile.seen) == (["nasa.gov"] * 2, [])


@pytest.mark.parametrize("handle", ["lab.test", "lab.internal", "a.localhost"])
def test_a_chosen_server_says_who_has_a_handle_that_only_it_can_know(
    hostile: HostileServer, monkeypatch: pytest.MonkeyPatch, handle: str
) -> None:
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    did = f"did:web:localhost%3A{hostile.port}"
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer"}
    service["serviceEndpoint"] = hostile.url()
    document = {"id": did, "alsoKnownAs": [f"at://{handle}"], "service": [service]}
    hostile.serve(
        {
            "/xrpc/com.atproto.identity.resolveHandle": json_reply({"did": did}),
            "/.well-known/did.json": json_reply(document),
        }
    )
    client = AtmosphereClient(hostile.url("", "localhost"))
    assert client.resolve(handle).did == did


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
ENDPOINTS = st.sampled_from(
    [
        "https://[",
        "https://[::1",
        "https://a:99999999",
        "https://xn--а",
        "https://a b",
        "//",
        "https://①",
        "https://a..b",
        "http://localhost:x",
        "https://" + "a" * 300,
    ]
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just("did:web:example.com") | JSON,
        "alsoKnownAs": JSON | st.lists(st.sampled_from(["at://a.test", "at://", "x"]) | JSON),
        "service": JSON
        | st.lists(
            st.fixed_dictionaries(
                {
                    "id": st.just("#atproto_pds") | JSON,
                    "type": st.just("AtprotoPersonalDataServer") | JSON,
                    "serviceEndpoint": ENDPOINTS | JSON,
                }
            )
        ),
    },
)


class Recorded(Reader):
    """Reads what a test wants it to."""

    def __init__(self, document: Any) -> None:
        super().__init__(untrusted=True)
        self._document = document

    def get(self, url: str, params: Any = None, *, max_bytes: int = 0) -> bytes:
        return json.dumps(self._document).encode()


@given(DOCUMENTS)
def test_any_document_is_an_identity_or_an_error_of_ours(document: Any) -> None:
    resolver = Resolver(Recorded(document), Recorded(document))
    for look_up in (resolver.resolve, resolver.look_up_again):
        with contextlib.suppress(AtdataError):
            look_up("did:web:example.com")


HOSTILE_URLS = [
    "https://[",
    "https://[::1",
    "https://[x]/",
    "http://xn--/",
    "http://xn--a\u0430/",
    "http://xn--zzzzzzzzzzzzzz99999/",
    "http://a..b/",
    "http://" + "a" * 64 + "/",
    "http://" + "a." * 200 + "/",
    "http://localhost:99999/",
    "http://localhost:-1/",
    "http://localhost:\u0663/",
    "http://\u2100/",
    "http://a\x00b/",
    "http://a\nb/",
    "http://\ud800/",
    "http:///",
    "http://@/",
    "http://%00/",
    "http://[::1%25eth0]:80/",
    "http://1.2.3.4.5/",
    "http://\u00df\u200d/",
    "https://a\\@b/",
]


def ours(*calls: Any) -> None:
    for call in calls:
        with contextlib.suppress(AtdataError):
            call()


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_hostile_urls_end_in_errors_of_ours(url: str, no_network: None) -> None:
    ours(
        lambda: Reader(untrusted=True).get(url),
        lambda: Reader(untrusted=False).get(url),
        lambda: Web(untrusted=True).open_range(url),
        lambda: Web().open_range(url),
        lambda: Source("relay", url),
        lambda: AtUri.parse(url),
        lambda: AtmosphereClient(url).resolve("a.test"),
        lambda: AtmosphereClient(url).login("a.test", PASSWORD),
    )


@given(st.text(max_size=20).map("http://".__add__) | st.text(max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_url_ends_in_an_answer_or_an_error_of_ours(no_network: None, url: str) -> None:
    ours(
        lambda: Reader(untrusted=True).get(url),
        lambda: Web(untrusted=True).open_range(url),
        lambda: Source("relay", url),
        lambda: AtUri.parse(url),
    )


HEADERS = [
    {"content-range": f"bytes 0-{'9' * 5000}/{'9' * 5000}"},
    {"content-range": "bytes 0-\u0663/4".encode().decode("latin-1")},
    {"retry-after": "9" * 5000},
    {"retry-after": "Sat, 31 Dec 99999 23:59:59 GMT"},
    {"retry-after": "Sat, 31 Dec 9999 23:59:59 -9999"},
    {"retry-after": "Mon, 99 Foo 0000 99:99:99 +99999999999999999999"},
    {"last-modified": "Sat, 31 Dec 99999 23:59:59 GMT", "date": "Mon, 1 Jan 0001 00:00:00 +2359"},
    {"last-modified": ",", "date": "\x80"},
    {"content-length": "9" * 5000},
    {"content-length": "-1"},
    {"location": "http://["},
    {"location": "http://xn--zzzzzzzzzzzzzz99999/"},
    {"location": "//"},
    {"content-encoding": "gzip"},
]


@pytest.mark.parametrize("headers", HEADERS, ids=lambda one: "-".join(one))
@pytest.mark.parametrize("status", [200, 206, 302, 429, 503])
def test_hostile_headers_end_in_errors_of_ours(
    hostile: HostileServer, no_network: None, headers: dict[str, str], status: int
) -> None:
    hostile.answer = lambda *_: Reply(b"x", status, headers)
    ours(
        lambda: Reader(untrusted=False).get(hostile.url()),
        lambda: Web().open_range(hostile.url()).stream.read(),
        lambda: Web().open_range(hostile.url(), stop=5).stream.read(),
    )


@given(
    st.text(max_size=40)
    | st.from_regex(
        r"\A[A-Z][a-z]{2}, \d{1,9} [A-Z][a-z]{2} \d{1,9} "
        r"\d{1,9}:\d\d:\d\d [+-]\d{1,9}\Z"
    )
)
def test_any_retry_after_is_seconds_or_nothing(header: str) -> None:
    wait = retry_after(header)
    assert wait is None or 0 <= wait < 1e18


# -- addresses

AZURE_HOST = "168.63.129.16"


@pytest.mark.parametrize(
    "address",
    [
        AZURE_HOST,
        f"::ffff:{AZURE_HOST}",
        "192.0.0.9",
        "192.0.0.10",
        "192.0.0.192",
        "192.0.0.170",
        "192.88.99.1",
        "3fff::1",
        "5f00::1",
        "64:ff9b:1::1",
        "100:0:0:1::1",
        "::1.2.3.4",
        "4000::1",
    ],
)
def test_special_networks_are_private_on_every_python(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["168.63.129.15", "192.0.1.1", "191.255.255.255", "2a00::1"])
def test_their_neighbours_are_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_what_python_knows_as_private_is_never_public(address: Any) -> None:
    if isinstance(address, ipaddress.IPv6Address) and address in ipaddress.ip_network(
        "64:ff9b::/96"
    ):
        return
    if is_public(str(address)) and not getattr(address, "ipv4_mapped", None):
        assert address.is_global
        assert not address.is_multicast
