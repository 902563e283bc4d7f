"""Accounts on a real PDS, and strangers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from atdata.atmosphere import AtmosphereClient
from servers.atproto_pds import Account, Pds

from .web import Web, web_server


@pytest.fixture
def account(pds_env: Pds) -> Account:
    """A fresh account, with an empty repository."""
    return pds_env.new_account()


@pytest.fixture
def client(account: Account) -> AtmosphereClient:
    """A client that is logged in to it."""
    client = AtmosphereClient()
    client.login(account.handle, account.app_password)
    return client


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server of a stranger's, which connections are allowed to."""
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    with web_server() as server:
        yield server
