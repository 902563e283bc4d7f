"""Strangers of the network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .web import Web, web_server


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server of a stranger's, which connections are allowed to."""
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    with web_server() as server:
        yield server
