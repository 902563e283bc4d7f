"""Conformance suite for ``AbstractIndex``."""

# ruff: noqa: S101, D102 - tests: they assert, and their names say what

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atdata._protocols import AbstractIndex, IndexEntry
from atdata.dataset import Dataset
from atdata.testing.samples import Thing, things, write_things


class IndexSuite:
    """Fixture to define: ``index``, an empty one."""

    @pytest.fixture
    def index(self) -> Any:
        raise NotImplementedError("define the fixture 'index'")

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset[Thing]:
        return write_things(tmp_path / "things", 6)

    def test_it_has_the_interface(self, index: Any) -> None:
        assert isinstance(index, AbstractIndex)

    def test_an_empty_one_lists_nothing(self, index: Any) -> None:
        assert list(index.list_datasets()) == []
        assert list(index.list_schemas()) == []

    def test_an_inserted_dataset_is_found_listed_and_read(
        self, index: Any, dataset: Dataset[Thing]
    ) -> None:
        entry = index.insert_dataset(dataset, name="things")
        assert isinstance(entry, IndexEntry)
        for found in (entry, index.get_dataset("things"), *index.list_datasets()):
            assert (found.name, found.schema_ref) == ("things", entry.schema_ref)
            assert list(found.data_urls) == list(entry.data_urls)
        assert list(Dataset[Thing](list(entry.data_urls)).ordered()) == things(6)

    def test_it_opens_its_datasets(self, index: Any, dataset: Dataset[Thing]) -> None:
        index.insert_dataset(dataset, name="things")
        assert list(index.open_dataset("things", Thing).ordered()) == things(6)
        opened = index.open_dataset("things")
        assert [thing.number for thing in opened.ordered()] == list(range(6))
        assert opened.sample_type.__name__ == "Thing"
        with pytest.raises(KeyError):
            index.open_dataset("nothing")

    def test_two_names_are_two_entries(self, index: Any, dataset: Dataset[Thing]) -> None:
        for name in ("one", "two"):
            index.insert_dataset(dataset, name=name)
        assert sorted(entry.name for entry in index.list_datasets()) == ["one", "two"]

    def test_inserting_again_changes_nothing(self, index: Any, dataset: Dataset[Thing]) -> None:
        first = index.insert_dataset(dataset, name="things")
        again = index.insert_dataset(dataset, name="things")
        assert again.schema_ref == first.schema_ref
        assert len(list(index.list_datasets())) == len(list(index.list_schemas())) == 1

    def test_an_unknown_dataset_is_a_key_error(self, index: Any) -> None:
        with pytest.raises(KeyError):
            index.get_dataset("nothing")

    def test_a_published_schema_is_found_and_listed(self, index: Any) -> None:
        ref = index.publish_schema(Thing, version="1.2.0")
        assert isinstance(ref, str)
        for schema in (index.get_schema(ref), *index.list_schemas()):
            assert (schema["name"], schema["version"]) == ("Thing", "1.2.0")

    def test_a_decoded_schema_reads_and_writes_the_same(self, index: Any) -> None:
        decoded = index.decode_schema(index.publish_schema(Thing, version="1.0.0"))
        (thing,) = things(1, start=4)
        again = decoded.from_bytes(thing.packed)
        assert (again.number, again.values.tolist()) == (4, [4.0] * 3)
        assert again.packed == thing.packed

    def test_an_unknown_schema_is_a_key_error(self, index: Any) -> None:
        ref = index.publish_schema(Thing, version="1.0.0")
        with pytest.raises(KeyError):
            index.get_schema(ref.replace("Thing", "Nothing"))
