"""What an ``AbstractDataStore`` must do."""

# ruff: noqa: S101, D102 - tests: they assert, and their names say what

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atdata._protocols import AbstractDataStore
from atdata.dataset import Dataset
from atdata.testing.samples import Thing, things, write_things


class DataStoreSuite:
    """Fixture to define: ``store``, an empty one.

    Override :meth:`read` where shards can't be read by their URLs alone.
    """

    @pytest.fixture
    def store(self) -> Any:
        raise NotImplementedError("define the fixture 'store'")

    def read(self, store: Any, urls: list[str]) -> list[Thing]:
        """The samples in shards that the store has written."""
        return list(Dataset[Thing](list(map(store.read_url, urls))).ordered())

    def test_it_has_the_interface(self, store: Any) -> None:
        assert isinstance(store, AbstractDataStore)
        assert isinstance(store.supports_streaming(), bool)

    def test_what_is_written_is_read(self, store: Any, tmp_path: Path) -> None:
        urls = store.write_shards(write_things(tmp_path / "in", 7), prefix="a/b")
        assert all(isinstance(url, str) for url in urls)
        assert self.read(store, urls) == things(7)

    def test_maxcount_bounds_shards(self, store: Any, tmp_path: Path) -> None:
        urls = store.write_shards(write_things(tmp_path / "in", 7), prefix="p", maxcount=3)
        assert len(urls) == len(set(urls)) == 3
        assert [len(self.read(store, [url])) for url in urls] == [3, 3, 1]

    def test_datasets_do_not_overwrite_each_other(self, store: Any, tmp_path: Path) -> None:
        first = store.write_shards(write_things(tmp_path / "a", 5), prefix="p")
        second = store.write_shards(write_things(tmp_path / "b", 5, start=5), prefix="p")
        assert self.read(store, first) == things(5)
        assert self.read(store, second) == things(5, start=5)

    def test_a_prefix_leads_nowhere_else(self, store: Any, tmp_path: Path) -> None:
        ds = write_things(tmp_path / "in", 1)
        for prefix in ("../out", "/absolute", "a/../../b"):
            with pytest.raises(ValueError):  # noqa: PT011 - third parties have their own texts
                store.write_shards(ds, prefix=prefix)
