"""Conformance suites for ``AbstractDataStore``, and for what a store may offer beyond it."""

# ruff: noqa: S101, D102 - tests: they assert, and their names say what

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from atdata._protocols import AbstractDataStore, CopyingStore, DryRunStore
from atdata.dataset import Dataset
from atdata.errors import DigestMismatch
from atdata.shards.info import ShardInfo, inspect_shard, known_infos
from atdata.testing.samples import Thing, things, write_things


class StoreFixtures:
    """What all suites for stores share: the fixture ``store``, an empty one, and :meth:`read`."""

    @pytest.fixture
    def store(self) -> Any:
        raise NotImplementedError("define the fixture 'store'")

    def read(self, store: Any, urls: Sequence[str]) -> list[Thing]:
        """Return the samples in shards that the store has written."""
        return list(Dataset[Thing](list(map(store.read_url, urls))).ordered())


class DataStoreSuite(StoreFixtures):
    """Fixture to define: ``store``, an empty one.

    ``secrets`` may list texts that must not appear in its ``repr`` or in URLs. Override
    :meth:`read` where shards can't be read by their URLs alone.
    """

    @pytest.fixture
    def secrets(self) -> list[str]:
        return []

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

    def test_writing_again_harms_nothing(self, store: Any, tmp_path: Path) -> None:
        ds = write_things(tmp_path / "in", 7)
        first = store.write_shards(ds, prefix="p", maxcount=3)
        again = store.write_shards(ds, prefix="p", maxcount=3)
        assert self.read(store, first) == self.read(store, again) == things(7)

    def test_what_is_written_from_is_left_alone(self, store: Any, tmp_path: Path) -> None:
        ds = write_things(tmp_path / "in", 7)
        before = {path: path.read_bytes() for path in (tmp_path / "in").iterdir()}
        store.write_shards(ds, prefix="p")
        assert {path: path.read_bytes() for path in (tmp_path / "in").iterdir()} == before

    def test_two_write_at_once(self, store: Any, tmp_path: Path) -> None:
        same = [write_things(tmp_path / name, 6) for name in ("a", "b")]
        other = write_things(tmp_path / "c", 6, start=6)
        with ThreadPoolExecutor(3) as pool:
            written = list(
                pool.map(lambda ds: store.write_shards(ds, prefix="p", maxcount=2), [*same, other])
            )
        assert [self.read(store, urls) for urls in written] == [
            things(6),
            things(6),
            things(6, start=6),
        ]

    def test_a_dataset_that_ends_in_an_error_is_one(self, store: Any, tmp_path: Path) -> None:
        ds = write_things(tmp_path / "in", 7)
        last = Path(ds.list_shards()[-1])
        last.write_bytes(last.read_bytes()[:-1500])
        with pytest.raises((OSError, ValueError)):
            store.write_shards(ds, prefix="p")
        urls = store.write_shards(write_things(tmp_path / "again", 7), prefix="p")
        assert self.read(store, urls) == things(7)

    def test_it_shows_no_secret(self, store: Any, secrets: list[str], tmp_path: Path) -> None:
        urls = store.write_shards(write_things(tmp_path / "in", 1), prefix="p")
        shown = f"{store!r} {list(urls)}"
        assert not [secret for secret in secrets if secret in shown]


class CopyingStoreSuite(StoreFixtures):
    """For a :class:`~atdata._protocols.CopyingStore`; fixture as of ``DataStoreSuite``."""

    def test_it_has_the_interface_of_copying_stores(self, store: Any) -> None:
        assert isinstance(store, CopyingStore)

    def test_copies_have_the_digests_of_the_shards(self, store: Any, tmp_path: Path) -> None:
        ds = write_things(tmp_path / "in", 7)
        written = store.copy_shards(ds.source, prefix="p")
        assert known_infos(written) in (None, _infos(ds))
        assert self.read(store, written) == things(7)
        local = store.copy_shards(ds.source, prefix="p", infos=_infos(ds))
        assert list(local) == list(written)

    def test_other_shards_than_the_infos_describe_are_refused(
        self, store: Any, tmp_path: Path
    ) -> None:
        ds = write_things(tmp_path / "in", 8)
        first, second = _infos(ds)
        for infos in ([second, first], [first]):
            with pytest.raises(DigestMismatch):
                store.copy_shards(ds.source, prefix="p", infos=infos)

    def test_a_damaged_shard_is_not_copied(self, store: Any, tmp_path: Path) -> None:
        ds = write_things(tmp_path / "in", 3)
        (path,) = map(Path, ds.list_shards())
        path.write_bytes(path.read_bytes()[:-1500])
        with pytest.raises(ValueError):  # noqa: PT011 - third parties have their own texts
            store.copy_shards(ds.source, prefix="p")


class DryRunStoreSuite(StoreFixtures):
    """For a :class:`~atdata._protocols.DryRunStore`; fixture as of ``DataStoreSuite``."""

    def test_it_has_the_interface_of_dry_run_stores(self, store: Any) -> None:
        assert isinstance(store, DryRunStore)
        assert store.supports_dry_run() is True

    def test_a_dry_run_returns_what_is_then_written(self, store: Any, tmp_path: Path) -> None:
        ds = write_things(tmp_path / "in", 7)
        planned = store.write_shards(ds, prefix="p", dry_run=True)
        assert list(store.write_shards(ds, prefix="p")) == list(planned)
        assert self.read(store, planned) == things(7)

    def test_a_dry_run_stores_nothing(self, store: Any, tmp_path: Path) -> None:
        urls = store.write_shards(write_things(tmp_path / "in", 7), prefix="p", dry_run=True)
        with pytest.raises((OSError, KeyError, ValueError)):
            self.read(store, list(urls))


def _infos(ds: Dataset[Thing]) -> tuple[ShardInfo, ...]:
    return tuple(map(inspect_shard, ds.list_shards()))
