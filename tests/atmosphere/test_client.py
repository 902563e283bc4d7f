"""Logging in, and writing records and blobs, on the reference PDS."""

from __future__ import annotations

import io
import pickle

import pytest

from atdata.atmosphere import AtmosphereClient, AtUri
from atdata.errors import (
    AddressRefused,
    AuthError,
    EntryNotFound,
    RecordError,
    XrpcError,
)
from atdata_records import cid as cids
from servers.atproto_pds import Account, Pds

from .web import Web, web_server

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


def test_a_password_is_not_sent_to_a_private_address(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_server() as inner:
        web.document(pds=inner.url)
        monkeypatch.delenv("ATDATA_ALLOW_PRIVATE")
        # The document may be fetched, but the server that it names may not be reached.
        monkeypatch.setenv("ATDATA_PLC_URL", web.url)
        with pytest.raises(AddressRefused):
            AtmosphereClient().login(web.did, "password")
        assert inner.asked == []


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


def test_the_limit_of_blobs_is_reported(client: AtmosphereClient) -> None:
    assert client.blob_limit() == 5 * 2**20


def test_uris_of_records_written(client: AtmosphereClient) -> None:
    assert client.put_record(THING, "a", {}) == AtUri(client.did, THING, "a")


def test_the_password_may_be_given_by_its_earlier_name(pds_env: Pds) -> None:
    account = pds_env.new_account()
    client = AtmosphereClient()
    client.login(account.handle, password=account.app_password)
    assert client.did == account.did
    with pytest.raises(AuthError, match="empty"):
        AtmosphereClient().login(account.handle)
