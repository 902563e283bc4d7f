"""Sessions, records and blobs on the reference PDS."""

from __future__ import annotations

import base64
import io
import json
import pickle
import time
import traceback

import pytest

from atdata.atmosphere import AtmosphereClient, AtUri
from atdata.errors import (
    AuthError,
    DigestMismatch,
    EntryNotFound,
    NetworkError,
    RecordError,
    XrpcError,
)
from atdata_records import cid as cids
from servers.atproto_pds import Account, Pds

from .web import Web

pytestmark = pytest.mark.xdist_group("pds")

THING = "com.example.thing"


def test_login(pds_env: Pds, account: Account) -> None:
    client = AtmosphereClient()
    assert not client.is_authenticated
    client.login("@" + account.handle, account.app_password)
    assert client.is_authenticated
    assert (client.did, client.handle, client.base_url) == (
        account.did,
        account.handle,
        pds_env.url,
    )


def test_the_server_is_found_from_the_identity(
    pds_env: Pds, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATDATA_PDS_URL")
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    client = AtmosphereClient()
    client.login(account.did, account.app_password)
    assert client.base_url == pds_env.url
    assert client.put_record(THING, "a", {"a": 1}).authority == account.did


def test_a_wrong_password(account: Account) -> None:
    client, password = AtmosphereClient(), account.app_password[::-1]
    with pytest.raises(AuthError, match="refused the credentials") as caught:
        client.login(account.handle, password)
    assert password not in "".join(traceback.format_exception(caught.value))
    assert not client.is_authenticated


def test_what_needs_a_login_says_so() -> None:
    client = AtmosphereClient()
    for act in (
        lambda: client.did,
        lambda: client.handle,
        client.export_session,
        lambda: client.create_record(THING, {}),
        lambda: client.upload_blob(b""),
        lambda: list(client.records(THING)),
    ):
        with pytest.raises(AuthError, match="not logged in"):
            act()


def test_a_session_is_reused(client: AtmosphereClient, account: Account) -> None:
    again = AtmosphereClient()
    again.login_with_session(client.export_session())
    assert (again.did, again.handle) == (account.did, account.handle)
    assert again.put_record(THING, "a", {"a": 1}).rkey == "a"


def test_a_session_that_is_renewed(client: AtmosphereClient, account: Account) -> None:
    handle, did, _, refresh, pds = client.export_session().split(":::")
    body = base64.urlsafe_b64encode(json.dumps({"exp": int(time.time()) - 1}).encode()).decode()
    ended = ".".join(["e30", body.rstrip("="), "AAAA"])
    stale, told = AtmosphereClient(), list[str]()
    stale.login_with_session(":::".join([handle, did, ended, refresh, pds]))
    stale.on_session_change(told.append)
    assert stale.put_record(THING, "a", {}).authority == account.did
    assert told == [stale.export_session()]
    again = AtmosphereClient()
    again.login_with_session(told[0])
    assert again.put_record(THING, "b", {}).authority == account.did


def test_a_session_that_is_none() -> None:
    secret = ":::".join(["handle.test", "did:plc:x", "token"])
    with pytest.raises(AuthError, match="not an exported session") as caught:
        AtmosphereClient().login_with_session(secret)
    assert secret not in "".join(traceback.format_exception(caught.value))


def test_a_session_that_has_ended(client: AtmosphereClient) -> None:
    handle, did, access, refresh, pds = client.export_session().split(":::")
    forged = access[:-4] + ("AAAA" if access[-4:] != "AAAA" else "BBBB")
    stale = AtmosphereClient()
    stale.login_with_session(":::".join([handle, did, forged, refresh, pds]))
    with pytest.raises(AuthError, match="refused the credentials") as caught:
        stale.put_record(THING, "a", {})
    assert forged not in "".join(traceback.format_exception(caught.value))


def test_a_session_of_damaged_tokens(client: AtmosphereClient) -> None:
    damaged = AtmosphereClient()
    damaged.login_with_session(f"a.test:::did:plc:a:::damaged:::token:::{client.base_url}")
    with pytest.raises(AuthError, match="can't be used") as caught:
        damaged.put_record(THING, "a", {})
    assert ":::" not in "".join(traceback.format_exception(caught.value))


def test_no_secret_in_a_repr(client: AtmosphereClient, account: Account) -> None:
    shown = repr(client) + str(client) + repr(vars(client))
    _, _, access, refresh, _ = client.export_session().split(":::")
    for secret in (access, refresh, account.app_password):
        assert secret not in shown


def test_a_server_that_is_not_there(account: Account) -> None:
    with pytest.raises(NetworkError):
        AtmosphereClient("http://localhost:1").login(account.handle, account.app_password)


def test_records(client: AtmosphereClient) -> None:
    made = client.create_record(THING, {"a": 1})
    assert (made.authority, made.collection) == (client.did, THING)
    assert client.get_record(made) == {"$type": THING, "a": 1}
    assert client.get_record(str(made)) == client.get_record(made)
    client.put_record(THING, made.rkey, {"a": 2})
    assert client.get_record(made)["a"] == 2
    client.delete_record(made)
    client.delete_record(str(made))
    assert client.find_record(made) is None
    with pytest.raises(EntryNotFound, match=made.rkey):
        client.get_record(made)


def test_a_key_that_is_taken(client: AtmosphereClient) -> None:
    uri = client.create_record(THING, {"a": 1}, rkey="x:1.0")
    with pytest.raises(XrpcError) as caught:
        client.create_record(THING, {"a": 2}, rkey="x:1.0")
    assert (caught.value.code, caught.value.status) == ("InvalidSwap", 400)
    assert pickle.loads(pickle.dumps(caught.value)).code == "InvalidSwap"
    assert client.get_record(uri)["a"] == 1


def test_a_swap(client: AtmosphereClient) -> None:
    uri = client.put_record(THING, "a", {"a": 1})
    before = client.find_record(uri)
    assert before is not None
    client.put_record(THING, "a", {"a": 2}, swap_record=before.cid)
    with pytest.raises(XrpcError, match="InvalidSwap"):
        client.put_record(THING, "a", {"a": 3}, swap_record=before.cid)
    with pytest.raises(XrpcError, match="InvalidSwap"):
        client.delete_record(uri, swap_record=before.cid)
    assert client.get_record(uri)["a"] == 2


def test_records_of_our_types_are_validated_before_they_are_sent(
    client: AtmosphereClient,
) -> None:
    with pytest.raises(RecordError, match=r"schemaRef.*storage.*createdAt"):
        client.create_record("ac.foundation.dataset.record", {"name": "x"})
    assert client.list_datasets() == []


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
    stranger = AtmosphereClient()
    assert stranger.get_record(uri)["a"] == 1
    assert stranger.get_record(f"at://{account.handle}/{THING}/a")["a"] == 1
    assert stranger.list_records(THING, repo=account.handle)[0] == [client.get_record(uri)]


def test_blobs(client: AtmosphereClient) -> None:
    data = b"some bytes" * 1000
    blob = client.upload_blob(data, "application/x-tar")
    assert blob == {
        "$type": "blob",
        "ref": {"$link": cids.of_bytes(data)},
        "mimeType": "application/x-tar",
        "size": len(data),
    }
    assert client.upload_blob(io.BytesIO(data), "application/x-tar") == blob
    client.put_record(THING, "a", {"blob": blob})
    assert AtmosphereClient().get_blob(client.did, blob["ref"]["$link"]) == data


def test_a_blob_with_other_bytes(web: Web) -> None:
    web.document()
    web.xrpc("com.atproto.sync.getBlob", b"other bytes")
    with pytest.raises(DigestMismatch, match="other bytes"):
        AtmosphereClient().get_blob(web.did, cids.of_bytes(b"some bytes"))
    with pytest.raises(NetworkError, match="longer than"):
        AtmosphereClient().get_blob(web.did, cids.of_bytes(b"some bytes"), max_bytes=5)


def test_the_limit_of_blobs_is_told(client: AtmosphereClient) -> None:
    assert client.blob_limit() == 5 * 2**20


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


def test_uris_of_records_written(client: AtmosphereClient) -> None:
    assert client.put_record(THING, "a", {}) == AtUri(client.did, THING, "a")
