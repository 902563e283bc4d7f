from __future__ import annotations

from collections.abc import Iterator

import pytest

from atdata.errors import DigestMismatch, NetworkError, ShardError, UrlError
from atdata.storage.ipfs import gateway
from atdata.storage.ipfs.cids import RAW
from atdata.storage.ipfs.gateway import PUBLIC, find_gateway, open_block, read_block
from atdata.storage.ipfs.unixfs import LARGEST_BLOCK
from servers.ipfs import IpfsGateway
from servers.web import Web

from . import dag

BLOCK = b"bytes of a block"
CID = dag.cid_of(BLOCK, RAW)
PATH = f"/ipfs/{CID}?format=raw"


@pytest.fixture(autouse=True)
def no_gateway_was_asked_before() -> Iterator[None]:
    gateway._answers.cache_clear()
    yield
    gateway._answers.cache_clear()


@pytest.fixture
def web(web: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    monkeypatch.setenv("IPFS_GATEWAY", web.url(""))
    return web


@pytest.mark.parametrize("end", ["", "/", "/ipfs", "/ipfs/"])
def test_the_users_own_gateway_comes_first(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPFS_GATEWAY", f"https://gw.example:8443{end}")
    assert find_gateway() == "https://gw.example:8443"


@pytest.mark.parametrize("given", ["gw.example", "ftp://gw.example", "http://", "http://a/?b=c"])
def test_what_is_no_gateway_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPFS_GATEWAY", given)
    with pytest.raises(UrlError, match="IPFS_GATEWAY"):
        find_gateway()


def test_a_node_on_this_machine_comes_next(
    ipfs_gateway: IpfsGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "LOCAL", ipfs_gateway.url)
    assert find_gateway() == ipfs_gateway.url


@pytest.mark.parametrize("body", [b"<html>another server</html>", None])
def test_the_public_one_is_the_last(
    body: bytes | None, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IPFS_GATEWAY")
    monkeypatch.setattr(gateway, "LOCAL", web.url("") if body else "http://127.0.0.1:1")
    web.serve("/ipfs/bafkqaaa?format=raw", body or b"")
    assert find_gateway() == PUBLIC
    assert find_gateway("https://other.example") == "https://other.example"
    assert len(web.seen) == (1 if body else 0), "asked again within the minute"


def test_a_block_has_the_digest_of_its_cid(web: Web) -> None:
    web.serve(PATH, BLOCK)
    assert read_block(CID) == BLOCK


@pytest.mark.parametrize("given", [b"", BLOCK[:-1], BLOCK + b"x", b"another block", BLOCK.upper()])
def test_other_bytes_are_never_given_out(web: Web, given: bytes) -> None:
    web.serve(PATH, given)
    with pytest.raises(DigestMismatch, match=str(CID)) as caught:
        read_block(CID)
    assert "IPFS_GATEWAY" in (caught.value.hint or "")


def test_a_block_without_end_is_not_read_to_its_end(web: Web) -> None:
    web.serve(PATH, bytes(LARGEST_BLOCK + 1), announced=1 << 40)
    with pytest.raises(ShardError, match="more than 4,194,304 bytes"):
        read_block(CID)


def test_a_block_that_is_cut_off_may_be_tried_again(web: Web) -> None:
    web.serve(PATH, BLOCK, announced=100)
    with pytest.raises(NetworkError, match="broke") as caught:
        read_block(CID)
    assert caught.value.transient


@pytest.mark.parametrize(
    ("status", "hint", "transient"),
    [
        (404, "nowhere", False),
        (410, "nowhere", False),
        (504, "nowhere", True),
        (429, "later", True),
    ],
)
def test_refusals_say_what_to_do(web: Web, status: int, hint: str, transient: bool) -> None:
    web.serve(PATH, status=status)
    with pytest.raises(NetworkError, match=str(status)) as caught, open_block(CID):
        pass
    assert caught.value.transient is transient
    assert hint in (caught.value.hint or "")


def test_a_gateway_that_the_user_chose_may_be_private(web: Web) -> None:
    web.serve(PATH, BLOCK)
    assert read_block(CID, untrusted=True) == BLOCK


def test_a_password_of_the_gateway_is_not_shown(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPFS_GATEWAY", web.url("").replace("//", "//user:hunter2@"))
    with pytest.raises(NetworkError) as caught:
        read_block(CID)
    assert "hunter2" not in str(caught.value)
