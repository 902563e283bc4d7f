"""Handles and DIDs are believed when both directions agree."""

from __future__ import annotations

import pytest

from atdata.atmosphere import AtmosphereClient, Identity
from atdata.errors import AddressRefused, NetworkError, UrlError
from servers.atproto_pds import Account, Pds

from .web import Web

pytestmark = pytest.mark.xdist_group("pds")


def test_handle_and_did_of_an_account(pds_env: Pds, account: Account) -> None:
    reader = AtmosphereClient()
    assert reader.resolve(account.handle) == Identity(account.did, pds_env.url, account.handle)
    assert reader.resolve("@" + account.handle.upper()).did == account.did
    assert reader.resolve(account.did) == Identity(account.did, pds_env.url, None)


def test_did_web(web: Web) -> None:
    web.document(pds="https://pds.example.com/")
    assert AtmosphereClient().resolve(web.did) == Identity(web.did, "https://pds.example.com")


def test_each_identity_is_asked_for_once(web: Web) -> None:
    web.document()
    reader = AtmosphereClient()
    assert reader.resolve(web.did) is reader.resolve(web.did)
    assert web.asked == ["/.well-known/did.json"]


def test_an_account_is_asked_for_once_by_its_handle_and_its_did(web: Web) -> None:
    web.document(handle="web.test")
    web.xrpc("com.atproto.identity.resolveHandle", {"did": web.did})
    reader = AtmosphereClient(web.url)
    assert reader.resolve("web.test").did == web.did
    assert reader.resolve(web.did).handle is None
    assert web.asked.count("/.well-known/did.json") == 1


def test_a_handle_that_the_document_does_not_name(web: Web) -> None:
    web.document(handle="somebody.else")
    web.xrpc("com.atproto.identity.resolveHandle", {"did": web.did})
    with pytest.raises(UrlError, match="does not name that handle"):
        AtmosphereClient(web.url).resolve("web.test")
    web.document(handle="web.test")
    assert AtmosphereClient(web.url).resolve("web.test").did == web.did


@pytest.mark.parametrize("answer", [{"did": "not a did"}, {}, 400])
def test_an_unknown_handle_raises(web: Web, answer: dict[str, str] | int) -> None:
    web.xrpc("com.atproto.identity.resolveHandle", answer)
    with pytest.raises(NetworkError, match="can't be resolved"):
        AtmosphereClient(web.url).resolve("nobody.test")


def test_the_document_of_another_did(web: Web) -> None:
    web.routes["/.well-known/did.json"] = {**web.document(), "id": "did:plc:other"}
    with pytest.raises(UrlError, match="another DID"):
        AtmosphereClient().resolve(web.did)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://pds.example.com",
        "ftp://pds.example.com",
        "https://user:secret@pds.example.com",
        "https://pds.example.com/path",
        "file:///etc/passwd",
        "",
    ],
)
def test_servers_that_a_document_may_not_name(web: Web, endpoint: str) -> None:
    document = web.document()
    document["service"][0]["serviceEndpoint"] = endpoint
    with pytest.raises(AddressRefused):
        AtmosphereClient().resolve(web.did)


@pytest.mark.parametrize("service", [None, [], "x", [1], [{"id": "#other"}]])
def test_a_document_without_a_server(web: Web, service: object) -> None:
    web.document()["service"] = service
    with pytest.raises(UrlError, match="no personal data server"):
        AtmosphereClient().resolve(web.did)


@pytest.mark.parametrize(
    "actor",
    ["", "no handle", "did:key:z6Mk", "did:web:example.com:path", "did:web:127.0.0.1", "x"],
)
def test_text_that_is_not_an_actor_raises(actor: str) -> None:
    with pytest.raises(UrlError):
        AtmosphereClient().resolve(actor)


def test_a_private_address_is_refused(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    web.document()
    monkeypatch.delenv("ATDATA_ALLOW_PRIVATE")
    with pytest.raises(AddressRefused):
        AtmosphereClient().resolve(web.did)
    assert web.asked == []
