"""Which URLs may be published, and how."""

from __future__ import annotations

from pathlib import Path

import pytest

import atdata
from atdata.atmosphere import (
    AtmosphereClient,
    AtUri,
    DatasetLoader,
    DatasetPublisher,
)
from atdata.atmosphere.placing import place
from atdata.errors import EntryError, UrlError
from atdata.local import LocalDiskStore, S3DataStore
from atdata.shards.info import inspect_shard
from atdata_records.ac.foundation.dataset.record import BlobStorage
from readings import Reading, labels, write_readings
from servers.atproto_pds import Pds

from .conftest import URLS, infos

pytestmark = pytest.mark.xdist_group("pds")


@pytest.mark.parametrize(
    "url",
    [
        "/etc/passwd",
        "relative.tar",
        "file:///etc/passwd",
        "pipe:cat /etc/passwd",
        "https://",
        "https://host",
        "https://user:secret@host/a.tar",
        "ftp://host/a.tar",
        "s3:///key",
        "ipfs://",
        "ipfs:///bafkreia",
        "s3://bucket/{0..3.tar",
    ],
)
def test_urls_that_others_can_not_use(
    publisher: DatasetPublisher, schema: AtUri, client: AtmosphereClient, url: str
) -> None:
    with pytest.raises(UrlError) as caught:
        publisher.publish_with_urls([url], schema, name="x")
    assert "secret" not in str(caught.value)
    assert client.list_datasets() == []


def test_urls_and_shards_that_differ_in_number(publisher: DatasetPublisher, schema: AtUri) -> None:
    with pytest.raises(EntryError, match="name 6 shards, but 7 are described"):
        publisher.publish_with_urls(URLS, schema, name="x", shards=infos(7))


def test_signatures_are_not_published(
    publisher: DatasetPublisher, loader: DatasetLoader, schema: AtUri
) -> None:
    urls = [
        "https://b.s3.amazonaws.com/a.tar?X-Amz-Signature=secret&X-Amz-Expires=3600",
        "https://h.blob.core.windows.net/a.tar?sv=1&sig=secret",
        "https://host/a.tar?version=2",
    ]
    uri = publisher.publish_with_urls(urls, schema, name="x")
    assert loader.get_urls(uri) == [
        "https://b.s3.amazonaws.com/a.tar",
        "https://h.blob.core.windows.net/a.tar",
        "https://host/a.tar?version=2",
    ]


def test_urls_in_place_of_the_datasets_own(
    publisher: DatasetPublisher, loader: DatasetLoader, tmp_path: Path
) -> None:
    ds = atdata.Dataset[Reading](write_readings(tmp_path, 4))
    uri = publisher.publish_dataset(ds, name="x", urls=["ipfs://bafkreia/x.tar"])
    assert loader.get_urls(uri) == ["ipfs://bafkreia/x.tar"]


@pytest.mark.parametrize(
    "urls",
    [
        ["ipfs://bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"],
        ["ipfs://QmPChd2hVbrJ6bfo3WBcTW4iZnpHm8TEzWkLHmLpXhF68A/train-{000..007}.tar"],
        ["s3://bucket/train-{000000..000049}.tar", "gs://bucket/{train,val}/{0..1}.tar"],
        ["http://nowhere.invalid/a.tar?version=2", "https://nowhere.invalid/b.tar"],
    ],
)
def test_the_form_is_checked_and_nothing_is_reached(
    publisher: DatasetPublisher, loader: DatasetLoader, schema: AtUri, urls: list[str]
) -> None:
    uri = publisher.publish_with_urls(urls, schema, name="x")
    assert loader.get_urls(uri) == urls
    # Nor is anything reached before samples are asked for.
    assert len(loader.load_dataset(uri).list_shards()) >= len(urls)


def test_a_store_gets_a_copy(
    publisher: DatasetPublisher,
    loader: DatasetLoader,
    tmp_path: Path,
    s3_credentials: dict[str, str],
    s3_bucket: str,
) -> None:
    ds = atdata.Dataset[Reading](write_readings(tmp_path, 10))
    store = S3DataStore(s3_credentials, bucket=s3_bucket)
    uri = publisher.publish(ds, name="x", data_store=store, prefix="p", maxcount=5)
    urls = loader.get_urls(uri)
    assert len(urls) == 2
    assert all(url.startswith(f"s3://{s3_bucket}/p/00000") for url in urls)
    assert labels(loader.to_dataset(uri)) == list(range(10))


def test_a_folder_of_this_machine_is_no_place(
    publisher: DatasetPublisher, client: AtmosphereClient, tmp_path: Path
) -> None:
    ds = atdata.Dataset[Reading](write_readings(tmp_path / "in", 4))
    with pytest.raises(UrlError, match=r"others can reach.*\n.*S3DataStore"):
        publisher.publish(ds, name="x", data_store=LocalDiskStore(tmp_path / "out"))
    assert client.list_datasets() == []
    assert not (tmp_path / "out").exists()


def test_files_that_are_too_large_for_blobs_are_cut_anew(
    client: AtmosphereClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "blob_limit", lambda: 3072)
    paths = write_readings(tmp_path, 10)
    placed = place(client, atdata.Dataset[Reading](paths), "x")
    assert isinstance(placed.storage, BlobStorage)
    assert placed.shards is not None
    assert all(info.size <= 3072 for info in placed.shards)
    assert sum(info.samples for info in placed.shards) == 10
    assert placed.cut_from == tuple(map(inspect_shard, paths))


def test_a_dry_run_places_nothing(
    client: AtmosphereClient,
    pds: Pds,
    tmp_path: Path,
    s3_credentials: dict[str, str],
    s3_bucket: str,
) -> None:
    ds = atdata.Dataset[Reading](write_readings(tmp_path, 10))
    store = S3DataStore(s3_credentials, bucket=s3_bucket)
    with pds.requests() as made:
        planned = [place(client, ds, "x", where, dry_run=True) for where in (None, store)]
    assert "uploadBlob" not in made
    assert planned == [place(client, ds, "x", where) for where in (None, store)]
