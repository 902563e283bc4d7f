"""One protocol in a folder, in S3 and in GCS: what holds of one store of objects holds of all."""

from __future__ import annotations

import base64
import hashlib
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from atdata.errors import EntryConflict, StorageError
from atdata.storage.folder import Folder
from atdata.storage.gcs import GCSAccess, GCSBucket
from atdata.storage.objects import ObjectStore, StoredObject
from atdata.storage.s3 import S3Access, S3Bucket
from servers.gcs import GcsServer
from servers.s3 import S3Server

LARGE = 17 << 20
"""Bytes of a file that buckets take in several parts."""


@pytest.fixture(params=["folder", "s3", "gcs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return Folder(tmp_path / "root")
    if request.param == "s3":
        s3: S3Server = request.getfixturevalue("s3_server")
        return S3Bucket(s3.new_bucket(), S3Access.from_credentials(s3.credentials), "a/prefix/")
    gcs: GcsServer = request.getfixturevalue("gcs_server")
    return GCSBucket(gcs.new_bucket(), GCSAccess(gcs.endpoint), "a/prefix/")


def content(store: ObjectStore, key: str = "d/k.json") -> bytes | None:
    return store.read(key, 1 << 30)


def test_the_first_writer_creates_an_object(store: ObjectStore) -> None:
    assert store.create("d/k.json", b"first")
    assert not store.create("d/k.json", b"second")
    assert content(store) == b"first"


def test_of_writers_at_once_one_creates_an_object(store: ObjectStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        created = list(pool.map(lambda n: store.create("d/k.json", b"%d" % n), range(4)))
    assert created.count(True) == 1
    assert content(store) == b"%d" % created.index(True)


@pytest.mark.parametrize("size", [0, 100, LARGE])
def test_files_of_any_size_are_created_whole(store: ObjectStore, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    sha256 = hashlib.sha256(data).hexdigest()
    # fake-gcs-server checks no conditions of uploads in parts; Google's own does.
    is_checked = size < LARGE or not isinstance(store, GCSBucket)
    for created in (True, False) if is_checked else (True,):
        with store.workspace() as folder:
            (folder / "file").write_bytes(data)
            assert store.create("d/k.tar", folder / "file", sha256=sha256) is created
    found = store.stat("d/k.tar")
    assert found is not None
    assert (found.key, found.size) == ("d/k.tar", size)
    assert found.age < 3600
    assert found.sha256 in (None, sha256)
    assert found.md5 in (None, base64.b64encode(hashlib.md5(data).digest()).decode())
    assert isinstance(store, Folder) or found.sha256 or found.md5
    assert content(store, "d/k.tar") == data


@pytest.mark.parametrize("size", [3, LARGE])
def test_an_object_is_replaced_whether_there_is_one_or_not(store: ObjectStore, size: int) -> None:
    assert store.replace("d/k.json", b"first")
    with store.workspace() as folder:
        (folder / "file").write_bytes(bytes(size))
        assert store.replace("d/k.json", folder / "file")
    assert content(store) == bytes(size)


def test_an_object_is_replaced_only_in_the_state_that_is_named(store: ObjectStore) -> None:
    store.create("d/k.json", b"first")
    first = store.stat("d/k.json")
    assert first is not None
    assert store.replace("d/k.json", b"second!", tag=first.tag)
    assert not store.replace("d/k.json", b"third", tag=first.tag)
    assert content(store) == b"second!"
    store.delete("d/k.json")
    assert not store.replace("d/k.json", b"fourth", tag=first.tag)
    assert content(store) is None


def test_what_is_missing(store: ObjectStore) -> None:
    assert store.stat("d/k.json") is None
    assert content(store) is None
    assert list(store.find("d/")) == []
    store.delete("d/k.json")
    with pytest.raises(StorageError) as caught:
        store.open_range("d/k.json")
    assert caught.value.code == "SHARD_MISSING"
    assert caught.value.uri == store.url("d/k.json")


def test_objects_are_found_by_the_start_of_their_keys(store: ObjectStore) -> None:
    for key in ("d/b.json", "d/a.json", "d/e/c.json", "dd/x.json"):
        store.create(key, key.encode())
    assert [stat.key for stat in store.find("d/")] == ["d/a.json", "d/b.json", "d/e/c.json"]
    found = next(iter(store.find("d/")))
    assert found == store.stat("d/a.json") or (found.size, found.tag) == (8, found.tag)
    store.delete("d/a.json")
    assert [stat.key for stat in store.find("d/")] == ["d/b.json", "d/e/c.json"]


def test_parts_of_one_state_are_opened(store: ObjectStore) -> None:
    store.create("d/k.json", b"0123456789")
    opened = store.open_range("d/k.json", start=3, stop=7)
    with opened.stream as stream:
        assert stream.read(4) == b"3456"
    assert (opened.start, opened.size, opened.is_part) == (3, 10, True)
    with store.open_range("d/k.json", start=8, tag=opened.tag).stream as stream:
        assert stream.read() == b"89"
    store.replace("d/k.json", b"9876543210")
    with pytest.raises(StorageError):
        store.open_range("d/k.json", start=8, tag=opened.tag)


def test_no_more_is_read_than_asked_for(store: ObjectStore) -> None:
    store.create("d/k.json", b"0123456789")
    assert store.read("d/k.json", 4) == b"01234"


def test_another_process_can_open_what_is_stored(store: ObjectStore) -> None:
    store.create("d/k.json", b"content")
    sent: StoredObject = pickle.loads(pickle.dumps(StoredObject(store, "d/k.json")))
    with sent.open() as stream:
        assert stream.read() == b"content"
    assert sent.url == f"{store.location}/d/k.json"


def test_a_store_locks_or_reports_that_it_cannot(store: ObjectStore) -> None:
    with store.lock(exclusive=False), store.lock(exclusive=False):
        pass
    with store.lock(exclusive=True):
        if store.can_lock:
            with pytest.raises(EntryConflict), store.lock(exclusive=False):
                pass


def test_workspaces_leave_nothing(store: ObjectStore) -> None:
    with store.workspace() as folder:
        (folder / "file").write_bytes(b"x")
    assert not folder.exists()
    assert store.sweep() == []
    assert list(store.find("")) == []
