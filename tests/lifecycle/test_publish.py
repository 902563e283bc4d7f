"""Publishing is whole or not at all, in a folder, in S3 and in GCS alike."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atdata.cli.exits import report_exit
from atdata.errors import StorageError, UrlError
from atdata.lifecycle import Catalog, publish, verify
from atdata.lifecycle.checks.roots import BuildRoot
from atdata.lifecycle.serving.store import open_store
from atdata.shards.info import ShardInfo
from atdata.shards.manifest import Manifest
from atdata.storage.folder import Folder
from atdata.storage.gcs import GCSBucket
from atdata.storage.s3 import S3Bucket

from . import conftest


def versions(store_root: str) -> list[str]:
    return [version for _, version in open_store(store_root).releases()]


def test_a_release_is_what_was_built(build_root: conftest.BuildRoot, store_root: str) -> None:
    root = build_root()
    report = publish(root, store_root)
    assert report.ok, report.findings
    assert report.outcome == "published"
    stored = verify(store_root, name="readings", version="1.0.0", deep=True)
    assert stored.ok, stored.findings
    assert stored.subject["content_cid"] == verify(root).subject["content_cid"]


def test_the_same_again_changes_nothing(build_root: conftest.BuildRoot, store_root: str) -> None:
    first = publish(build_root(), store_root)
    files = list(open_store(store_root).objects.find("shards/"))
    again = publish(build_root(folder="again"), store_root)
    assert first.outcome == "published"
    assert again.outcome == "already_published"
    after = list(open_store(store_root).objects.find("shards/"))
    assert [file.key for file in after] == [file.key for file in files]


def test_a_version_never_changes(build_root: conftest.BuildRoot, store_root: str) -> None:
    publish(build_root(), store_root)
    before = open_store(store_root).release_bytes("readings", "1.0.0")
    report = publish(build_root(start=5), store_root)
    assert [finding.code for finding in report.findings] == ["RELEASE_CONFLICT"]
    assert report_exit(report) == 6
    assert open_store(store_root).release_bytes("readings", "1.0.0") == before


def test_a_dry_run_writes_nothing(build_root: conftest.BuildRoot, store_root: str) -> None:
    report = publish(build_root(), store_root, dry_run=True)
    assert report.outcome == "would_publish"
    assert report.result["files"]
    assert not open_store(store_root).exists()


def test_what_is_damaged_is_not_published(build_root: conftest.BuildRoot, store_root: str) -> None:
    root = build_root()
    shard = root / "000001.tar"
    data = bytearray(shard.read_bytes())
    data[600] ^= 1
    shard.write_bytes(data)
    report = publish(root, store_root)
    assert report.outcome is None
    assert {finding.shard for finding in report.findings} <= {1, None}
    assert 1 in {finding.shard for finding in report.findings}
    assert report_exit(report) == 5
    assert versions(store_root) == []


def test_releases_share_shards(build_root: conftest.BuildRoot, store_root: str) -> None:
    publish(build_root("1.0.0"), store_root)
    publish(build_root("1.1.0"), store_root)
    assert versions(store_root) == ["1.0.0", "1.1.0"]
    assert len(list(open_store(store_root).objects.find("shards/"))) == 3


def _publish_killed(root: str, store: str, step: int) -> None:
    """Publish, and die before the n-th write."""
    done = 0

    def dying(method: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal done
            if done == step:
                os.kill(os.getpid(), signal.SIGKILL)
            done += 1
            return method(*args, **kwargs)

        return call

    for kind in (Folder, S3Bucket, GCSBucket):
        for name in ("create", "replace", "delete"):
            setattr(kind, name, dying(getattr(kind, name)))
    publish(root, store, engine=_InProcess())


class _InProcess:
    """An engine that runs everything here, so that the process that counts is the one that dies."""

    def map(self, function: Any, items: Any) -> Iterator[Any]:
        return map(function, items)


def test_killed_at_any_step(build_root: conftest.BuildRoot, store_root: str) -> None:
    root = build_root()
    context = multiprocessing.get_context("fork")
    seen = set()
    for step in range(40):
        store = f"{store_root}-{step}"
        child = context.Process(target=_publish_killed, args=(str(root), store, step))
        child.start()
        child.join(60)
        found = versions(store)
        seen.add(bool(found))
        if found:
            assert verify(store, name="readings", version="1.0.0", deep=True).ok
        assert publish(root, store).ok
        assert verify(store, name="readings", version="1.0.0", deep=True).ok
        assert len(list(open_store(store).objects.find("shards/"))) == 3
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL
    else:
        pytest.fail("publishing has more steps than were walked")
    assert step >= 6
    assert seen == {False, True}


def _race(root: str, store: str, barrier: Any, outcomes: Any) -> None:
    barrier.wait(60)
    report = publish(root, store, engine=_InProcess())
    outcomes.put((report.outcome, [finding.code for finding in report.findings]))


@pytest.mark.parametrize("same", [True, False])
def test_two_publishers_at_once(
    build_root: conftest.BuildRoot, store_root: str, same: bool
) -> None:
    roots = [build_root(folder="a"), build_root(start=0 if same else 3, folder="b")]
    context = multiprocessing.get_context("fork")
    barrier, outcomes = context.Barrier(2), context.Queue()
    children = [
        context.Process(target=_race, args=(str(root), store_root, barrier, outcomes))
        for root in roots
    ]
    for child in children:
        child.start()
    found = sorted((outcomes.get(timeout=60) for _ in children), key=str)
    for child in children:
        child.join(60)
    if same:
        assert {outcome for outcome, _ in found} <= {"published", "already_published"}
        assert ("published", []) in found
    else:
        assert found == [("published", []), (None, ["RELEASE_CONFLICT"])] or found == [
            (None, ["RELEASE_CONFLICT"]),
            ("published", []),
        ]
    assert verify(store_root, name="readings", version="1.0.0", deep=True).ok


def test_a_full_disk(build_root: conftest.BuildRoot, small_disk: Path) -> None:
    store = str(small_disk / "store")
    with pytest.raises(StorageError, match=r"space|full"):
        publish(build_root(), store)
    assert versions(store) == []


def test_a_store_is_not_a_build_root(build_root: conftest.BuildRoot, store_root: str) -> None:
    publish(build_root(), store_root)
    with pytest.raises(UrlError, match="serving store"):
        publish(store_root, store_root)


def test_a_store_lists_nothing_before_it_is_made(store_root: str) -> None:
    with pytest.raises(StorageError, match="no serving store"):
        Catalog(store_root).list()


class _Swapping(_InProcess):
    """Another file stands in a shard's place when the work on shards begins, or after it."""

    def __init__(self, shard: Path, other: Path, *, late: bool) -> None:
        self._shard, self._other, self._late = shard, other, late

    def map(self, function: Any, items: Any) -> Iterator[Any]:
        if not self._late:
            os.replace(self._other, self._shard)
        yield from super().map(function, items)
        if self._late:
            os.replace(self._other, self._shard)


@pytest.mark.parametrize("late", [False, True])
def test_a_file_swapped_between_verify_and_copy(
    build_root: conftest.BuildRoot, store_root: str, late: bool
) -> None:
    root, other = build_root(), build_root(start=50, folder="other")
    before = (root / "000001.tar").read_bytes()
    assert verify(root, deep=True).ok
    swapping = _Swapping(root / "000001.tar", other / "000001.tar", late=late)
    report = publish(root, store_root, engine=swapping)
    assert (root / "000001.tar").read_bytes() != before
    if late:
        # What was checked had been copied already: that is what readers get.
        assert report.outcome == "published"
        assert verify(store_root, name="readings", version="1.0.0", deep=True).ok
    else:
        assert report.outcome is None
        assert 1 in {finding.shard for finding in report.findings}
        assert versions(store_root) == []


class _Counted(str):
    """Text that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        type(self).compared += 1
        return str.__eq__(self, other)

    def __hash__(self) -> int:
        return str.__hash__(self)


def test_each_file_is_looked_up_once_however_many_shards_there_are(tmp_path: Path) -> None:
    count = 1000
    paths = tuple(_Counted(f"{number:06d}.tar") for number in range(count))
    folder = tmp_path / "many"
    folder.mkdir()
    for path in paths:
        (folder / path).touch()
    infos = (ShardInfo("", 1024, 1),) * count
    manifest = Manifest("many", "1.0.0", "", "", paths, infos)
    _Counted.compared = 0
    assert list(BuildRoot(folder).unexpected_files(manifest)) == []
    assert _Counted.compared <= 4 * count


class _Rewriting(_InProcess):
    """The schema of a build root is rewritten when the work on its shards begins."""

    def __init__(self, root: Path) -> None:
        self._path = root / "schema.json"

    def map(self, function: Any, items: Any) -> Iterator[Any]:
        self._path.write_bytes(self._path.read_bytes().replace(b"label", b"other"))
        yield from super().map(function, items)


def test_a_schema_rewritten_after_its_check_is_not_what_is_published(
    build_root: conftest.BuildRoot, store_root: str
) -> None:
    root = build_root()
    checked = (root / "schema.json").read_bytes()
    assert publish(root, store_root, engine=_Rewriting(root)).outcome == "published"
    assert (root / "schema.json").read_bytes() != checked
    stored = verify(store_root, name="readings", version="1.0.0", deep=True)
    assert stored.ok, stored.findings


@pytest.mark.parametrize("place", ["shards/", "schemas/", "releases/"])
@pytest.mark.parametrize("gone", [True, False])
def test_a_damaged_release_is_repaired_by_publishing_it_again(
    build_root: conftest.BuildRoot, store_root: str, place: str, gone: bool
) -> None:
    root = build_root()
    assert publish(root, store_root).outcome == "published"
    objects = open_store(store_root).objects
    (damaged, *_) = objects.find(place)
    objects.delete(damaged.key)
    if not gone:
        objects.create(damaged.key, bytes(damaged.size))
    assert publish(root, store_root, dry_run=True).outcome == "would_publish"
    unseen = gone and place == "releases/"
    assert publish(root, store_root).outcome == ("published" if unseen else "repaired")
    stored = verify(store_root, name="readings", version="1.0.0", deep=True)
    assert stored.ok, stored.findings
    assert publish(root, store_root).outcome == "already_published"
    assert list(objects.find("staging/")) == []


def test_a_release_of_a_newer_format_is_not_damaged(
    build_root: conftest.BuildRoot, store_root: str
) -> None:
    root = build_root()
    publish(root, store_root)
    objects = open_store(store_root).objects
    (release,) = objects.find("releases/")
    newer = b'{"format_version":2,"all":"else"}'
    objects.replace(release.key, newer)
    assert [finding.code for finding in publish(root, store_root).findings] == ["RELEASE_CONFLICT"]
    assert objects.read(release.key, 1000) == newer
