"""Our indexes and entries pass the suites, and broken ones fail the test for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import atdata
from atdata.atmosphere import AtmosphereClient, AtmosphereIndex
from atdata.local import LocalIndex
from atdata.testing import IndexEntrySuite, IndexSuite, Thing, write_things


class OfEntry(IndexEntrySuite):
    @pytest.fixture
    def entry(self, index: Any, tmp_path: Path) -> Any:
        dataset = write_things(tmp_path / "things", 6)
        return index.insert_dataset(dataset, name="things", metadata={"a": [1.5]})


class OnSqlite:
    @pytest.fixture
    def index(self, tmp_path: Path) -> Any:
        with LocalIndex(path=tmp_path / "index.db") as index:
            yield index


class OnRedis:
    @pytest.fixture
    def index(self, redis_client: Any) -> Any:
        with LocalIndex(redis_client, check_places=False) as index:
            yield index


class OnPds:
    @pytest.fixture
    def index(self, client: AtmosphereClient) -> Any:
        return AtmosphereIndex(client)


class TestSqlite(OnSqlite, IndexSuite): ...


class TestRedis(OnRedis, IndexSuite): ...


@pytest.mark.xdist_group("pds")
class TestAtmosphere(OnPds, IndexSuite): ...


class TestSqliteEntry(OnSqlite, OfEntry): ...


class TestRedisEntry(OnRedis, OfEntry): ...


@pytest.mark.xdist_group("pds")
class TestAtmosphereEntry(OnPds, OfEntry): ...


class Forgetful(LocalIndex):
    def list_datasets(self) -> Any:
        return []


class Untyped(LocalIndex):
    def open_dataset(self, ref: str, sample_type: Any = None) -> Any:
        return atdata.Dataset(self.get_dataset(ref).data_urls)


class LastOnly(LocalIndex):
    def list_datasets(self) -> Any:
        return super().list_datasets()[-1:]


class Growing(LocalIndex):
    def insert_dataset(self, ds: Any, *, name: str, **options: Any) -> Any:
        self.publish_schema(ds.sample_type, description=f"{len(self.schemas)} came before.")
        return super().insert_dataset(ds, name=name, **options)


class Polite(LocalIndex):
    def get_dataset(self, ref: str) -> Any:
        return None

    def get_schema(self, ref: str) -> Any:
        return {"name": "Thing", "version": "1.0.0"}


class Guessing(LocalIndex):
    def decode_schema(self, ref: str) -> Any:
        from atdata import DictSample

        class Other(DictSample):
            @property
            def packed(self) -> bytes:
                return b"\x80"

        return Other


@pytest.mark.parametrize(
    ("broken", "test", "with_dataset"),
    [
        (Growing, "test_inserting_again_changes_nothing", True),
        (LastOnly, "test_two_names_are_two_entries", True),
        (Untyped, "test_it_opens_its_datasets", True),
        (Forgetful, "test_two_names_are_two_entries", True),
        (Polite, "test_an_inserted_dataset_is_found_listed_and_read", True),
        (Polite, "test_an_unknown_dataset_is_a_key_error", False),
        (Polite, "test_a_published_schema_is_found_and_listed", False),
        (Polite, "test_an_unknown_schema_is_a_key_error", False),
        (Guessing, "test_a_decoded_schema_reads_and_writes_the_same", False),
    ],
)
def test_the_suite_fails_broken_indexes(
    broken: Any, test: str, with_dataset: bool, tmp_path: Path
) -> None:
    arguments = [write_things(tmp_path / "in", 6)] if with_dataset else []
    failed = (AssertionError, AttributeError, pytest.fail.Exception)
    with broken(path=tmp_path / "index.db") as index, pytest.raises(failed):
        getattr(IndexSuite(), test)(index, *arguments)


def test_the_suite_fails_what_is_no_index_and_one_that_is_not_empty(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        IndexSuite().test_it_has_the_interface(object())
    with LocalIndex(path=tmp_path / "index.db") as index:
        index.publish_schema(Thing)
        with pytest.raises(AssertionError):
            IndexSuite().test_an_empty_one_lists_nothing(index)


@dataclass
class Entry:
    name: str = "x"
    schema_ref: str = "atdata://local/sampleSchema/A@1.0.0"
    data_urls: Any = field(default_factory=lambda: ["a.tar"])
    metadata: Any = None


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (object(), "test_it_has_the_interface"),
        (Entry(name=" "), "test_it_has_a_name"),
        (Entry(schema_ref="A"), "test_its_schema_has_a_reference"),
        (Entry(data_urls=[]), "test_its_shards_have_urls"),
        (Entry(data_urls="a.tar"), "test_its_shards_have_urls"),
        (Entry(metadata=[1]), "test_its_metadata_is_json_or_none"),
        (Entry(metadata={1: 2}), "test_its_metadata_is_json_or_none"),
    ],
)
def test_the_suite_fails_broken_entries(broken: Any, test: str) -> None:
    with pytest.raises(AssertionError):
        getattr(IndexEntrySuite(), test)(broken)
