"""Conformance suite for ``IndexEntry``."""

# ruff: noqa: S101, D102 - tests: they assert, and their names say what

from __future__ import annotations

import json
from typing import Any

import pytest

from atdata._protocols import IndexEntry


class IndexEntrySuite:
    """Fixture to define: ``entry``, one of a dataset with at least one shard."""

    @pytest.fixture
    def entry(self) -> Any:
        raise NotImplementedError("define the fixture 'entry'")

    def test_it_has_the_interface(self, entry: Any) -> None:
        assert isinstance(entry, IndexEntry)

    def test_it_has_a_name(self, entry: Any) -> None:
        assert isinstance(entry.name, str)
        assert entry.name.strip()

    def test_its_schema_has_a_reference(self, entry: Any) -> None:
        assert entry.schema_ref.startswith(("at://", "atdata://"))

    def test_its_shards_have_urls(self, entry: Any) -> None:
        assert isinstance(entry.data_urls, list)
        assert entry.data_urls
        assert all(isinstance(url, str) and url for url in entry.data_urls)

    def test_its_metadata_is_json_or_none(self, entry: Any) -> None:
        assert entry.metadata is None or isinstance(entry.metadata, dict)
        assert json.loads(json.dumps(entry.metadata)) == entry.metadata
