"""Arguments that are easily mistaken: one error each, which says what to give instead."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import atdata
from atdata.atmosphere import AtmosphereClient, AtmosphereIndex, DatasetPublisher
from atdata.errors import (
    AtdataError,
    AuthError,
    EntryError,
    SampleError,
    SchemaError,
    StorageError,
)
from atdata.local import LocalDatasetEntry, LocalDiskStore, LocalIndex
from atdata.promote import promote_to_atmosphere
from readings import Reading, readings


@dataclasses.dataclass
class Forgotten:
    """A dataclass that is not packable."""

    label: int


@pytest.fixture
def dataset(tmp_path: Path) -> Any:
    return atdata.write_shards(readings(4), tmp_path / "shards")


@pytest.fixture
def index() -> LocalIndex:
    return LocalIndex()


@pytest.fixture
def entry(dataset: Any, index: LocalIndex) -> LocalDatasetEntry:
    return index.insert_dataset(dataset, name="readings")


def refused(kind: type[AtdataError], hint: str, call: Callable[[], Any]) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert hint in (caught.value.hint or "")


def test_a_class_without_packable_can_not_be_written(tmp_path: Path) -> None:
    target = tmp_path / "made"
    refused(SampleError, "@atdata.packable", lambda: atdata.write_shards([Forgotten(1)], target))
    refused(SchemaError, "@atdata.packable", lambda: atdata.Dataset[Forgotten](str(target)))
    assert not target.exists()


@pytest.mark.parametrize("samples", [readings(1)[0], Reading, None])
def test_one_sample_is_not_a_list_of_samples(samples: Any, tmp_path: Path) -> None:
    refused(SampleError, "[sample]", lambda: atdata.write_shards(samples, tmp_path / "made"))


def test_an_instance_is_not_a_class(index: LocalIndex) -> None:
    refused(SchemaError, "the class itself", lambda: index.publish_schema(readings(1)[0]))  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["local", True, LocalIndex])
def test_the_name_of_an_index_is_not_an_index(given: Any, entry: LocalDatasetEntry) -> None:
    refused(EntryError, "LocalIndex()", lambda: atdata.load_dataset("readings", index=given))
    loaded = atdata.load_dataset("readings", index=LocalIndex(), split="train")
    assert len(list(loaded)) == 4


def test_samples_and_paths_are_not_datasets(index: LocalIndex, pds_env: Any) -> None:
    store, publisher = LocalDiskStore(), DatasetPublisher(AtmosphereClient())
    for given in (readings(2), "shards"):
        for target in (index, LocalIndex(data_store=store), AtmosphereIndex(AtmosphereClient())):
            refused(
                EntryError,
                "write_shards",
                lambda given=given, target=target: target.insert_dataset(given, name="a"),
            )
        refused(EntryError, "write_shards", lambda given=given: index.add_entry(given, name="a"))
        refused(EntryError, "write_shards", lambda given=given: publisher.publish(given, name="a"))


def test_a_path_is_not_a_store(tmp_path: Path) -> None:
    refused(StorageError, "LocalDiskStore(", lambda: LocalIndex(data_store=str(tmp_path)))  # type: ignore[arg-type]


def test_promote_says_what_it_takes(
    dataset: Any, index: LocalIndex, entry: LocalDatasetEntry, pds_env: Any
) -> None:
    client = AtmosphereClient()
    for arguments, kind, hint in (
        ((dataset, index, client), EntryError, "insert_dataset"),
        (("readings", index, client), EntryError, "get_dataset('readings')"),
        ((index, entry, client), EntryError, "insert_dataset"),
        ((entry, "local", client), EntryError, "LocalIndex()"),
        ((entry, index, "lab.example.org"), AuthError, "AtmosphereClient()"),
        ((entry, index, AtmosphereClient), AuthError, "AtmosphereClient()"),
        ((entry, index, client), AuthError, "atdata login"),
    ):
        refused(kind, hint, lambda arguments=arguments: promote_to_atmosphere(*arguments))
    refused(
        StorageError,
        "S3DataStore(",
        lambda: promote_to_atmosphere(entry, index, client, data_store="s3://bucket"),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(("handle", "password"), [(None, "a"), ("a.test", None), ("a.test", "")])
def test_a_login_without_words_is_refused_before_a_request(handle: Any, password: Any) -> None:
    refused(AuthError, "app password", lambda: AtmosphereClient().login(handle, password))
