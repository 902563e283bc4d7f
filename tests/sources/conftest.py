from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from atdata.sources.retry import ATTEMPTS
from sources.web import Web, web_server


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as server:
        yield server


@pytest.fixture
def no_waits() -> Iterator[None]:
    """Nothing is waited for between two attempts; there are as many as ever."""
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        yield
