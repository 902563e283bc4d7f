"""What stores in buckets share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch.utils.data

import atdata
from atdata.atmosphere import AtmosphereClient
from atdata.local import LocalIndex
from atdata.promote import promote_to_atmosphere
from atdata.stores import S3DataStore
from servers.s3 import S3Server, s3_server

from .conftest import Number

MakeDataset = Callable[[int], atdata.Dataset[Number]]
SIZES = (5, 7)


@pytest.fixture(scope="module")
def other_server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def indexes(
    s3_server: S3Server, other_server: S3Server, make_dataset: MakeDataset, tmp_path: Path
) -> Iterator[list[LocalIndex]]:
    """Two indexes, whose data are in buckets of one name on two servers."""
    bucket = s3_server.new_bucket()
    other_server.client().create_bucket(Bucket=bucket)
    stores = [
        S3DataStore(server.credentials, bucket=bucket) for server in (s3_server, other_server)
    ]
    opened = [
        LocalIndex(path=tmp_path / f"{number}.db", data_store=store)
        for number, store in enumerate(stores)
    ]
    for index, size in zip(opened, SIZES, strict=True):
        index.insert_dataset(make_dataset(size), name="numbers")
    yield opened
    for index in opened:
        index.close()


def values(dataset: atdata.Dataset[Number]) -> list[int]:
    return [sample.value for sample in dataset.ordered()]


def test_buckets_of_one_name_on_two_servers_are_both_read(indexes: list[LocalIndex]) -> None:
    for _ in range(2):
        for index, size in zip(indexes, SIZES, strict=True):
            assert values(index.open_dataset("numbers", Number)) == list(range(size))


@pytest.mark.parametrize("context", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_workers_of_a_data_loader_read_from_both_servers(
    indexes: list[LocalIndex], monkeypatch: pytest.MonkeyPatch, context: str
) -> None:
    monkeypatch.setenv("ATDATA_CACHE", "off")
    datasets = [index.open_dataset("numbers", Number) for index in indexes]
    for dataset, size in zip(datasets, SIZES, strict=True):
        loader = torch.utils.data.DataLoader(
            dataset.to_torch(),
            num_workers=1,
            batch_size=None,
            multiprocessing_context=get_context(context),
        )
        assert sorted(sample["value"] for sample in loader) == list(range(size))


@pytest.mark.xdist_group("pds")
def test_an_entry_is_promoted_from_the_server_that_has_its_data(
    indexes: list[LocalIndex], client: AtmosphereClient, s3_server: S3Server
) -> None:
    entry = indexes[0].get_dataset("numbers")
    store = S3DataStore(s3_server.credentials, bucket=s3_server.new_bucket())
    uri = promote_to_atmosphere(entry, indexes[0], client, data_store=store)
    published = atdata.load_dataset(uri, split="train")
    assert [sample.value for sample in published.ordered()] == list(range(SIZES[0]))


def test_a_url_alone_is_read_from_the_store_that_was_made_last(
    indexes: list[LocalIndex], s3_server: S3Server
) -> None:
    first, last = (index.get_dataset("numbers") for index in indexes)
    assert values(atdata.Dataset[Number](last.data_urls[0])) == list(range(SIZES[1]))
    earlier = atdata.Dataset[Number](last.data_urls[0])
    S3DataStore(s3_server.credentials, bucket=first.data_urls[0].split("/")[2])
    assert values(atdata.Dataset[Number](first.data_urls[0])) == list(range(SIZES[0]))
    assert values(earlier) == list(range(SIZES[1]))
