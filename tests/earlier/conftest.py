"""Fixtures of the tests against data of the earlier implementation."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import VERSIONS, unpack


@pytest.fixture(params=VERSIONS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The data of one version, unpacked: ``index.db``, ``records.json`` and ``data/``."""
    place = tmp_path / "earlier"
    place.mkdir()
    return unpack(request.param, place).parent
