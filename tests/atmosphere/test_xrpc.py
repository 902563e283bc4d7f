"""Unauthenticated reads are bounded, and their errors typed."""

from __future__ import annotations

import pytest

from atdata.atmosphere import AtmosphereClient
from atdata.atmosphere.xrpc import Reader
from atdata.errors import NetworkError, XrpcError

from .web import Web

pytestmark = pytest.mark.xdist_group("pds")


def test_answers_that_are_too_long_or_no_json(web: Web) -> None:
    web.routes["/.well-known/did.json"] = b"[" * 100
    with pytest.raises(NetworkError, match="JSON"):
        AtmosphereClient().resolve(web.did)
    web.routes["/.well-known/did.json"] = b" " * (17 * 2**20)
    with pytest.raises(NetworkError, match="longer than"):
        AtmosphereClient().resolve(web.did)


def test_errors_of_a_server(web: Web) -> None:
    reader = Reader(untrusted=True)
    with pytest.raises(XrpcError) as caught:
        reader.get_json(f"{web.url}/nothing")
    assert (caught.value.status, caught.value.code) == (404, "")
    with pytest.raises(NetworkError, match="no answer"):
        reader.get("http://localhost:1/")


@pytest.mark.parametrize("body", [b"7", b"[]", b"null", b"[" * 100_000])
def test_json_that_is_no_object(web: Web, body: bytes) -> None:
    web.routes["/thing"] = body
    with pytest.raises(NetworkError, match="JSON"):
        Reader(untrusted=True).get_json(f"{web.url}/thing")
