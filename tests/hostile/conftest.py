"""Servers that misbehave."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .server import HostileServer, hostile_server


@pytest.fixture
def hostile() -> Iterator[HostileServer]:
    """A server that answers what the test says."""
    with hostile_server() as server:
        yield server
