"""Public reads of repositories, also of servers that mean no good."""

from __future__ import annotations

import pytest

from atdata.atmosphere import AtmosphereClient
from atdata.errors import (
    DigestMismatch,
    NetworkError,
)
from atdata_records import cid as cids
from servers.atproto_pds import Account, Pds

from .web import Web

pytestmark = pytest.mark.xdist_group("pds")

THING = "com.example.thing"


def test_listing_reads_all_pages(client: AtmosphereClient) -> None:
    for number in range(103):
        client.put_record(THING, f"r{number:03d}", {"n": number})
    values, cursor = client.list_records(THING)
    assert sorted(value["n"] for value in values) == list(range(103))
    assert cursor is None
    page, cursor = client.list_records(THING, limit=60)
    rest, end = client.list_records(THING, limit=60, cursor=cursor)
    assert len(page) == 60
    assert page + rest == values
    assert end is None or client.list_records(THING, cursor=end) == ([], None)


def test_others_read_without_a_login(client: AtmosphereClient, account: Account) -> None:
    uri = client.put_record(THING, "a", {"a": 1})
    reader = AtmosphereClient()
    assert reader.get_record(uri)["a"] == 1
    assert reader.get_record(f"at://{account.handle}/{THING}/a")["a"] == 1
    assert reader.list_records(THING, repo=account.handle)[0] == [client.get_record(uri)]


def test_a_blob_with_other_bytes(web: Web) -> None:
    web.document()
    web.xrpc("com.atproto.sync.getBlob", b"other bytes")
    with pytest.raises(DigestMismatch, match="do not match the CID"):
        AtmosphereClient().get_blob(web.did, cids.of_bytes(b"some bytes"))
    with pytest.raises(NetworkError, match="longer than"):
        AtmosphereClient().get_blob(web.did, cids.of_bytes(b"some bytes"), max_bytes=5)


@pytest.mark.parametrize(
    "answer",
    [
        b"no json",
        {"records": "x"},
        {"records": [{"uri": "at://x", "cid": "y", "value": {}}]},
        {"records": [1]},
        {},
    ],
)
def test_listings_of_a_broken_server(web: Web, answer: bytes | dict[str, object]) -> None:
    web.document()
    web.xrpc("com.atproto.repo.listRecords", answer)
    with pytest.raises(NetworkError):
        AtmosphereClient().list_records(THING, repo=web.did)


def test_a_listing_that_repeats_its_cursor_ends(web: Web) -> None:
    web.document()
    record = {"uri": f"at://{web.did}/{THING}/a", "cid": "bafy", "value": {}}
    web.xrpc("com.atproto.repo.listRecords", {"records": [record], "cursor": "same"})
    assert len(AtmosphereClient().list_records(THING, repo=web.did)[0]) == 2


def test_a_listing_with_records_of_others(web: Web) -> None:
    web.document()
    record = {"uri": f"at://did:plc:other/{THING}/a", "cid": "bafy", "value": {}}
    web.xrpc("com.atproto.repo.listRecords", {"records": [record]})
    with pytest.raises(NetworkError, match="of others"):
        AtmosphereClient().list_records(THING, repo=web.did)


def test_the_records_whose_keys_come_first(client: AtmosphereClient, pds: Pds) -> None:
    for key in ("b", "a", "3jzfcijpj2z2a"):
        client.put_record(THING, key, {"a": key})
    with pds.requests() as made:
        found = client.first_records(THING)
    assert [record.uri.rkey for record in found] == ["3jzfcijpj2z2a", "a", "b"]
    assert made == ["listRecords"]


def test_blobs_that_records_refer_to(client: AtmosphereClient, account: Account) -> None:
    blobs = [client.upload_blob(b"%d" % number) for number in range(5)]
    assert list(client.list_blobs()) == []
    client.put_record(THING, "a", {"blobs": blobs[:3]})
    listed = sorted(blob["ref"]["$link"] for blob in blobs[:3])
    assert sorted(client.list_blobs()) == listed
    assert sorted(AtmosphereClient().list_blobs(account.handle)) == listed


def test_a_listing_of_blobs_goes_on_to_its_end(web: Web) -> None:
    pages = {"": (["a", "b"], "1"), "1": (["c"], "2"), "2": ([], "3")}

    def page(query: dict[str, str]) -> dict[str, object]:
        cids_, cursor = pages[query.get("cursor", "")]
        return {"cids": cids_, "cursor": cursor}

    web.document()
    web.xrpc("com.atproto.sync.listBlobs", page)
    assert list(AtmosphereClient().list_blobs(web.did)) == ["a", "b", "c"]
    web.xrpc("com.atproto.sync.listBlobs", {"cids": ["a"], "cursor": "1"})
    assert list(AtmosphereClient().list_blobs(web.did)) == ["a", "a"]
    web.xrpc("com.atproto.sync.listBlobs", {"cids": "a"})
    with pytest.raises(NetworkError, match="lacks the list of blobs"):
        list(AtmosphereClient().list_blobs(web.did))
