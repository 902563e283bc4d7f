"""Names and parameters that existing users have in their code."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest

import atdata
import atdata.atmosphere
import atdata.local
import atdata.promote
from atdata import errors, progress
from atdata.aliases import ALIASES

FACE = [
    "packable",
    "PackableSample",
    "DictSample",
    "SampleBatch",
    "Dataset",
    "Lens",
    "lens",
    "LensNetwork",
    "load_dataset",
    "DatasetDict",
    "Packable",
    "IndexEntry",
    "AbstractIndex",
    "AbstractDataStore",
    "DataSource",
    "URLSource",
    "S3Source",
    "BlobSource",
    "schema_to_type",
    "generate_cid",
    "verify_cid",
    "promote_to_atmosphere",
]

MEMBERS: list[tuple[Any, str]] = [
    (atdata.DictSample, "from_data from_bytes keys values items get to_dict packed as_wds"),
    (atdata.PackableSample, "from_data from_bytes packed as_wds"),
    (
        atdata.Dataset,
        "ordered shuffled as_type list_shards shard_list metadata to_parquet wrap wrap_batch"
        " sample_type batch_type",
    ),
    (atdata.S3Source, "from_urls from_credentials list_shards shard_list open_shard"),
    (atdata.BlobSource, "from_refs list_shards shard_list open_shard"),
    (atdata.URLSource, "list_shards shard_list open_shard"),
    (
        atdata.local.LocalIndex,
        "insert_dataset get_dataset datasets list_datasets publish_schema get_schema schemas"
        " list_schemas decode_schema entries list_entries add_entry get_entry get_entry_by_name"
        " load_schema decode_schema_as get_import_path clear_stubs",
    ),
    (atdata.local.LocalDatasetEntry, "cid wds_url sample_kind"),
    (atdata.local.S3DataStore, "write_shards read_url supports_streaming"),
    (
        atdata.atmosphere.AtmosphereClient,
        "login login_with_session export_session is_authenticated did handle create_record"
        " put_record get_record delete_record upload_blob get_blob get_blob_url list_records"
        " list_schemas list_datasets",
    ),
    (
        atdata.atmosphere.AtmosphereIndex,
        "insert_dataset get_dataset datasets list_datasets publish_schema get_schema schemas"
        " list_schemas decode_schema",
    ),
    (atdata.atmosphere.SchemaPublisher, "publish"),
    (atdata.atmosphere.SchemaLoader, "get list_all"),
    (atdata.atmosphere.DatasetPublisher, "publish publish_with_urls publish_with_blobs"),
    (
        atdata.atmosphere.DatasetLoader,
        "get list_all get_storage_type get_urls get_blobs get_blob_urls get_metadata to_dataset",
    ),
    (atdata.atmosphere.PDSBlobStore, "write_shards read_url create_source"),
    (atdata.atmosphere.AtUri, "parse"),
]

PARAMETERS: list[tuple[Any, str]] = [
    (atdata.Dataset, "source_or_url metadata_url url"),
    (atdata.Dataset.ordered, "batch_size"),
    (atdata.Dataset.shuffled, "buffer_shards buffer_samples batch_size"),
    (atdata.Dataset.to_parquet, "path sample_map maxcount"),
    (atdata.load_dataset, "path sample_type split data_files streaming index"),
    (atdata.S3Source, "bucket keys endpoint access_key secret_key region"),
    (atdata.BlobSource, "blob_refs pds_endpoint"),
    (atdata.local.LocalIndex, "redis data_store auto_stubs stub_dir"),
    (atdata.local.LocalDatasetEntry, "name schema_ref data_urls metadata"),
    (atdata.local.S3DataStore, "credentials bucket"),
    (atdata.atmosphere.AtmosphereClient, "base_url"),
    (atdata.atmosphere.AtmosphereIndex, "client data_store"),
    (
        atdata.promote.promote_to_atmosphere,
        "data_store name description tags license",
    ),
]


@pytest.mark.parametrize("name", FACE)
def test_face(name: str) -> None:
    assert name in atdata.__all__
    assert getattr(atdata, name) is not None


@pytest.mark.parametrize(
    ("owner", "member"),
    [(owner, member) for owner, members in MEMBERS for member in members.split()],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_member(owner: Any, member: str) -> None:
    assert inspect.getattr_static(owner, member, None) is not None


@pytest.mark.parametrize(
    ("function", "names"), PARAMETERS, ids=lambda value: getattr(value, "__name__", "")
)
def test_parameters(function: Any, names: str) -> None:
    parameters = inspect.signature(function).parameters
    assert [name for name in names.split() if name not in parameters] == []


# The modules that users import from, by the README and the pages of docs/: of all others, the
# places may change.
PUBLIC = [
    "atdata",
    "atdata._protocols",
    "atdata.atmosphere",
    "atdata.dataset",
    "atdata.engines",
    "atdata.errors",
    "atdata.lens",
    "atdata.lifecycle",
    "atdata.load",
    "atdata.local",
    "atdata.progress",
    "atdata.promote",
    "atdata.samples",
    "atdata.sources",
    "atdata.stores",
    "atdata.testing",
    "atdata.writing",
    "atdata_records",
    "atdata_records.ac.foundation.dataset.record",
    "atdata_records.ac.foundation.dataset.sample_schema",
    "atdata_records.cid",
    "atdata_records.dag_cbor",
    "atdata_records.formats",
    "atdata_records.mutations",
    "atdata_records.strategies",
    "lexgen",
]


# Those that are modules, or packages with code of their own.
DEFINING = {
    *("atdata._protocols", "atdata.dataset", "atdata.engines", "atdata.errors", "atdata.load"),
    *("atdata.progress", "atdata.promote", "atdata.writing"),
    *(name for name in PUBLIC if name.startswith("atdata_records.")),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_module_lists_its_names_and_they_exist(name: str) -> None:
    module = import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    assert [one for one in module.__all__ if not hasattr(module, one)] == []


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_module_lists_what_it_defines(name: str) -> None:
    module = import_module(name)
    defined = {
        one
        for one, value in vars(module).items()
        if inspect.isfunction(value) or inspect.isclass(value)
        if not one.startswith("_") and value.__module__ == name
    }
    assert defined <= set(module.__all__)


@pytest.mark.parametrize("name", [name for name in PUBLIC if name not in DEFINING])
def test_packages_hold_their_listed_names_and_their_modules_only(name: str) -> None:
    module = import_module(name)
    others = set(dir(module)) - set(module.__all__) - {"annotations"}
    leaked = {one for one in others if not one.startswith("_")}
    assert {one for one in leaked if not inspect.ismodule(getattr(module, one))} == set()


def test_the_errors_are_at_the_top() -> None:
    """As httpx and Hugging Face have theirs."""
    assert [
        name for name in errors.__all__ if getattr(atdata, name) is not getattr(errors, name)
    ] == []
    assert set(errors.__all__) <= set(atdata.__all__)


@pytest.mark.parametrize("name", ALIASES)
def test_aliases_are_what_their_home_defines(name: str) -> None:
    assert getattr(atdata, name) is getattr(import_module(ALIASES[name]), name)


def test_earlier_names_stay() -> None:
    assert progress.Silence is progress.NullProgress


def test_index_is_another_name_of_the_local_index() -> None:
    assert atdata.local.Index is atdata.local.LocalIndex
