"""Sessions: what keeps them, renews them, and never shows them."""

from __future__ import annotations

import base64
import json
import sys
import time
import traceback

import pytest

from atdata.atmosphere import AtmosphereClient
from atdata.errors import (
    AuthError,
    MissingExtra,
    NetworkError,
)
from servers.atproto_pds import Account

pytestmark = pytest.mark.xdist_group("pds")

THING = "com.example.thing"


def test_a_wrong_password(account: Account) -> None:
    client, password = AtmosphereClient(), account.app_password[::-1]
    with pytest.raises(AuthError, match="refused the credentials") as caught:
        client.login(account.handle, password)
    assert password not in "".join(traceback.format_exception(caught.value))
    assert not client.is_authenticated


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


def test_the_sdk_is_not_installed(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "atproto_client", None)
    with pytest.raises(MissingExtra, match=r"pip install 'atdata\[atmosphere\]'"):
        AtmosphereClient().login(account.handle, account.app_password)
