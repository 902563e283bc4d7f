"""Records that the earlier implementation publishes, on the reference PDS."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import atdata
from atdata.atmosphere import AtmosphereClient, AtmosphereIndex, DatasetLoader
from atdata.errors import EntryNotFound

from . import assert_equal
from .conftest import put
from .kinds import readings

pytestmark = pytest.mark.xdist_group("pds")
LABEL = "science.alt.dataset.label"


@pytest.fixture
def loader(published: AtmosphereClient) -> DatasetLoader:
    return DatasetLoader(AtmosphereClient())


def assert_readings(dataset: atdata.Dataset[Any]) -> None:
    for found, expected in zip(dataset, readings(), strict=True):
        assert_equal(vars(found), expected)


def test_datasets_and_schemas_are_listed(published: AtmosphereClient) -> None:
    index = AtmosphereIndex(published)
    assert sorted(entry.name for entry in index.list_datasets()) == ["as blobs", "by key", "by url"]
    (schema,) = index.list_schemas()
    assert (schema["name"], schema["version"]) == ("Reading", "1.2.0")
    (entry,) = [entry for entry in index.list_datasets() if entry.name == "as blobs"]
    assert index.decode_schema(entry.schema_ref).__name__ == "Reading"


def test_blobs_are_read_and_checked(published: AtmosphereClient, loader: DatasetLoader) -> None:
    assert_readings(loader.to_dataset(f"@{published.handle}/as blobs"))


@pytest.mark.parametrize("name", ["by url", "by key"])
def test_shards_without_digests_are_read_as_unverified(
    published: AtmosphereClient, loader: DatasetLoader, name: str
) -> None:
    with pytest.warns(UserWarning, match="unverified: checksums of the kind 'none'"):
        dataset = loader.to_dataset(f"@{published.handle}/{name}")
    assert_readings(dataset)
    entry = AtmosphereIndex(published).get_dataset(f"@{published.handle}/{name}")
    assert (entry.shards, entry.content_cid) == (None, None)


def test_labels_are_followed_to_the_latest_or_to_a_version(
    published: AtmosphereClient, loader: DatasetLoader
) -> None:
    handle = published.handle
    assert loader.get_storage_type(f"@{handle}/best") == "blobs"
    assert loader.get_storage_type(f"@{handle}/best@2.0.0") == "blobs"
    assert loader.get_storage_type(f"@{handle}/best@1.0.0") == "external"
    assert_readings(atdata.load_dataset(f"@{handle}/best", split="train"))
    with pytest.raises(EntryNotFound):
        loader.find(f"@{handle}/best@3.0.0")


def test_a_label_that_is_not_valid_hides_no_other(
    published: AtmosphereClient, loader: DatasetLoader
) -> None:
    base = {"$type": LABEL, "name": "best", "createdAt": "2099-01-01T00:00:00Z"}
    for number, target in enumerate([None, 5, "https://example.org", "at://x", published.did]):
        put(published, LABEL, {**base, "datasetUri": target}, f"bad{number}")
    with pytest.warns(UserWarning, match="a label is passed over"):
        assert loader.get_storage_type(f"@{published.handle}/best") == "blobs"


def test_a_label_of_a_record_that_is_gone_leads_nowhere(
    published: AtmosphereClient, loader: DatasetLoader
) -> None:
    uri = f"at://{published.did}/science.alt.dataset.entry/gone"
    value = {"$type": LABEL, "name": "lost", "datasetUri": uri, "createdAt": "2026-01-01T00:00:00Z"}
    put(published, LABEL, value, "lost")
    with pytest.raises(EntryNotFound):
        loader.find(f"@{published.handle}/lost")


def test_what_atdata_publishes_under_the_name_comes_first(
    published: AtmosphereClient, loader: DatasetLoader
) -> None:
    index = AtmosphereIndex(published)
    ours = index.insert_dataset(loader.to_dataset(f"@{published.handle}/as blobs"), name="best")
    assert loader.find(f"@{published.handle}/best").uri == ours.uri
    assert ours.content_cid is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_readings(loader.to_dataset(f"@{published.handle}/best"))
