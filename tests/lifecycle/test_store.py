"""Where a serving store can be, and how shards get there."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from atdata.errors import StorageError, UrlError
from atdata.lifecycle import publish
from atdata.lifecycle.serving import store as serving_store
from atdata.lifecycle.serving.store import Store, open_store, shard_key
from atdata.shards.info import ShardInfo
from atdata.storage.objects import Stat
from atdata_records import cid

from .conftest import BuildRoot

DATA = b"the bytes of a shard"
INFO = ShardInfo(cid.of_bytes(DATA), len(DATA), 1)


def put(store: Store, *, replace: bool = False) -> Stat:
    with store.objects.workspace() as folder:
        (folder / "shard.tar").write_bytes(DATA)
        store.put_shard(INFO, folder / "shard.tar", replace=replace)
    found = store.objects.stat(shard_key(INFO))
    assert found is not None
    return found


@pytest.fixture
def bucket(request: pytest.FixtureRequest, store_root: str) -> Store:
    """A serving store in a bucket."""
    return open_store(store_root)


in_buckets = pytest.mark.parametrize("store_root", ["s3", "gcs"], indirect=True)


@in_buckets
def test_a_young_shard_is_not_sent_again(bucket: Store) -> None:
    first = put(bucket)
    assert put(bucket).tag == first.tag


@pytest.mark.parametrize("data", [DATA[::-1], DATA[1:]])
@in_buckets
def test_a_shard_that_declares_another_digest_or_size_is_replaced(
    bucket: Store, data: bytes
) -> None:
    bucket.objects.create(shard_key(INFO), data, sha256="0" * 64)
    put(bucket)
    assert bucket.objects.read(shard_key(INFO), 100) == DATA


def test_a_shard_that_is_known_to_be_damaged_is_replaced(store_root: str) -> None:
    store = open_store(store_root)
    digest = cid.digest(INFO.cid).hex()
    store.objects.create(shard_key(INFO), DATA[::-1], sha256=digest)
    put(store, replace=True)
    assert store.objects.read(shard_key(INFO), 100) == DATA


def test_an_old_shard_is_stored_again_so_that_its_age_begins_anew(
    store_root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(store_root)
    put(store)
    monkeypatch.setattr(serving_store, "_YOUNG", 0.0)
    before = store.objects.stat(shard_key(INFO))
    assert before is not None
    after = put(store)
    assert after.age < before.age + 1  # by the clock of the store, which counts seconds
    assert store.objects.can_lock or after.tag != before.tag or after.md5 is None


def test_a_store_can_be_pickled(store_root: str) -> None:
    store = open_store(store_root)
    store.make()
    assert pickle.loads(pickle.dumps(store)).exists()


@pytest.mark.parametrize(
    "place",
    ["https://example.com/store", "s3://", "gs://", "s3:///store", "gs://bucket/a/../b", "s3://b//c"],
)
def test_other_places_are_refused_with_those_that_can_be_given(place: str) -> None:
    with pytest.raises(UrlError, match=r"Give a folder, s3://bucket/prefix or gs://bucket/prefix"):
        open_store(place)


@pytest.mark.parametrize("place", ["s3://bucket", "s3://bucket/a/b/", "gs://bucket/a"])
def test_a_store_is_in_a_bucket_or_below_a_prefix(place: str) -> None:
    assert open_store(place).objects.location == place.rstrip("/")


@in_buckets
def test_a_temporary_folder_that_others_can_read_is_a_storage_error(
    build_root: BuildRoot, store_root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = build_root()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    publish(root, store_root, dry_run=True)
    for folder in (tmp_path / "tmp").iterdir():
        folder.chmod(0o755)
    (tmp_path / "tmp" / "atdata-0").mkdir(exist_ok=True)
    (tmp_path / "tmp" / "atdata-0").chmod(0o755)
    with pytest.raises(StorageError, match="not a private folder"):
        publish(root, store_root)
