from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from atdata._protocols import DataSource
from atdata.errors import AddressRefused, DigestMismatch, NetworkError, ShardNotFound, UrlError
from atdata.sources import BlobSource, URLSource
from atdata.sources.registry import open_url
from atdata_records import cid
from servers.web import Web
from shards.shard_bytes import samples

DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
SOUND = samples(3)
CID = cid.of_bytes(SOUND)
REF = {"did": DID, "cid": CID}
NAME = f"at://{DID}/blob/{CID}"


@pytest.fixture
def pds_like(web: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    monkeypatch.setenv("ATDATA_PDS_URL", web.url(""))
    serve(web, SOUND)
    return web


def serve(web: Web, data: bytes) -> None:
    did = DID.replace(":", "%3A")
    web.serve(f"/xrpc/com.atproto.sync.getBlob?did={did}&cid={CID}", data)


def test_blobs_are_read_from_the_server(pds_like: Web) -> None:
    source = BlobSource([REF], pds_endpoint=pds_like.url("/"))
    assert isinstance(source, DataSource)
    assert source.list_shards() == source.shard_list == [NAME]
    for name, stream in source.shards:
        with stream:
            assert (name, stream.read()) == (NAME, SOUND)


@pytest.mark.parametrize("data", [SOUND[:-1], SOUND + b"x", b"", SOUND.replace(b"0", b"1", 1)])
def test_other_bytes_than_the_cid_s_are_refused(pds_like: Web, data: bytes) -> None:
    serve(pds_like, data)
    source = BlobSource([REF], pds_endpoint=pds_like.url(""))
    with source.open_shard(NAME) as stream, pytest.raises(DigestMismatch):
        stream.read()


def test_a_size_bounds_the_stream(pds_like: Web) -> None:
    source = BlobSource([{**REF, "size": 10}], pds_endpoint=pds_like.url(""))
    with source.open_shard(NAME) as stream, pytest.raises(DigestMismatch, match="longer"):
        stream.read()


def test_references_have_two_forms(pds_like: Web) -> None:
    for refs in ([NAME], [REF]):
        source = BlobSource.from_refs(refs, pds_endpoint=pds_like.url(""))
        assert source.list_shards() == [NAME]


@pytest.mark.parametrize(
    "refs",
    [
        [],
        ["s3://b/k"],
        ["at://did:plc:x/other/y"],
        [f"at://{DID}/blob/nonsense"],
        [{"did": DID}],
        [{"cid": CID}],
        [{"did": "did:x/../y", "cid": CID}],
    ],
)
def test_what_names_no_blob_is_refused(refs: list[dict[str, str] | str]) -> None:
    with pytest.raises(UrlError):
        BlobSource.from_refs(refs, pds_endpoint="https://pds.example")


def test_a_blob_that_is_not_there(pds_like: Web) -> None:
    pds_like.answers.clear()
    source = BlobSource([REF], pds_endpoint=pds_like.url(""))
    with pytest.raises(NetworkError, match="404"):
        source.open_shard(NAME)
    with pytest.raises(ShardNotFound):
        source.open_shard("at://other")


def test_a_private_server_that_the_network_names_is_refused(web: Web) -> None:
    with pytest.raises(AddressRefused):
        BlobSource([REF], pds_endpoint=web.url(""), untrusted=True).open_shard(NAME)
    assert web.seen == []
    serve(web, SOUND)
    source = BlobSource.from_refs([REF], pds_endpoint=web.url(""))
    with source.open_shard(NAME) as stream:
        assert stream.read() == SOUND


@pytest.mark.parametrize("takes", [BlobSource, BlobSource.from_refs, URLSource, open_url])
def test_what_users_give_is_trusted_unless_they_say_otherwise(takes: Callable[..., Any]) -> None:
    assert inspect.signature(takes).parameters["untrusted"].default is False
