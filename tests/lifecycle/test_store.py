"""Where a serving store can be, and how shards get there."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from atdata.errors import StorageError, UrlError
from atdata.lifecycle import publish
from atdata.lifecycle.serving import store as serving_store
from atdata.lifecycle.serving.store import Store, open_store, shard_key
from atdata.shards.info import ShardInfo
from atdata.storage.folder import Folder
from atdata.storage.gcs import GCSBucket
from atdata.storage.objects import ObjectStore
from atdata.storage.s3 import S3Bucket
from atdata_records import cid

from .conftest import BuildRoot

DATA = b"the bytes of a shard"
INFO = ShardInfo(cid.of_bytes(DATA), len(DATA), 1)
KEY = shard_key(INFO)


def put(store: Store, *, replace: bool = False) -> None:
    with store.objects.workspace() as folder:
        (folder / "shard.tar").write_bytes(DATA)
        store.put_shard(INFO, folder / "shard.tar", replace=replace)
    assert store.objects.read(KEY, 100) == DATA


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys of the objects that are written in place of others."""
    keys: list[str] = []

    def counted(kind: type[ObjectStore]) -> Any:
        replace = kind.replace

        def call(self: ObjectStore, key: str, *args: Any, **kwargs: Any) -> bool:
            keys.append(key)
            return replace(self, key, *args, **kwargs)

        return call

    for kind in (Folder, S3Bucket, GCSBucket):
        monkeypatch.setattr(kind, "replace", counted(kind))
    return keys


in_buckets = pytest.mark.parametrize("store_root", ["s3", "gcs"], indirect=True)


@in_buckets
def test_a_young_shard_is_not_sent_again(store_root: str, replaced: list[str]) -> None:
    store = open_store(store_root)
    put(store)
    put(store)
    assert replaced == []


def test_an_old_shard_is_stored_again_so_that_its_age_begins_anew(
    store_root: str, replaced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(store_root)
    put(store)
    monkeypatch.setattr(serving_store, "_YOUNG", 0.0)
    put(store)
    assert replaced == [KEY]


@pytest.mark.parametrize("data", [DATA[::-1], DATA[1:]])
def test_a_shard_of_another_digest_or_size_is_replaced(store_root: str, data: bytes) -> None:
    store = open_store(store_root)
    sha256 = cid.digest(cid.of_bytes(data)).hex()
    assert store.objects.create(KEY, data, sha256=sha256)
    put(store)


def test_a_shard_that_is_known_to_be_damaged_is_replaced(store_root: str) -> None:
    store = open_store(store_root)
    assert store.objects.create(KEY, DATA[::-1], sha256=cid.digest(INFO.cid).hex())
    put(store, replace=True)


def test_a_shard_is_on_the_disk_before_its_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync, link = os.fsync, os.link
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_ino), fsync(fd)))

    def linked(source: Path, target: Path) -> None:
        assert os.stat(source).st_ino in synced
        link(source, target)

    monkeypatch.setattr(os, "link", linked)
    put(open_store(tmp_path / "store"))


def test_a_store_can_be_pickled(store_root: str) -> None:
    store = open_store(store_root)
    store.make()
    assert pickle.loads(pickle.dumps(store)).exists()


@pytest.mark.parametrize(
    "place",
    [
        "https://example.com/store",
        "s3://",
        "gs://",
        "s3:///store",
        "gs://bucket/a/../b",
        "s3://b//c",
    ],
)
def test_other_places_are_refused_with_those_that_can_be_given(place: str) -> None:
    with pytest.raises(UrlError, match=r"Give a folder, s3://bucket/prefix or gs://bucket/prefix"):
        open_store(place)


@pytest.mark.parametrize("place", ["s3://bucket", "s3://bucket/a/b/", "gs://bucket/a"])
def test_a_store_is_in_a_bucket_or_below_a_prefix(place: str) -> None:
    assert open_store(place).objects.location == place.rstrip("/")


@in_buckets
def test_a_temporary_folder_of_another_user_is_refused(
    build_root: BuildRoot, store_root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tmp" / f"atdata-{os.getuid()}"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    # Worker processes are not forks of this one if it has threads; they get its environment.
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(StorageError, match=r"temporary folder can't be used.*not a private folder"):
        publish(build_root(), store_root)
