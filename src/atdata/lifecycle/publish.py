"""``publish``: copy a build root into the serving store, completely or not at all.

Each shard is copied to a private workspace, checked there in full depth, and only then put
under the name of its content: what was checked is what is stored, even if the build root changes
meanwhile. Until the release's manifest is written, in one step and last, readers see
nothing; a killed run leaves shards that no release names, which the next run reuses
and garbage collection removes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from atdata.engines import Engine
from atdata.errors import StorageError
from atdata.lifecycle.checks.examination import NOT_LOOKED_AT
from atdata.lifecycle.checks.policy import Policy
from atdata.lifecycle.checks.roots import BUILD_ROOT, PlainFile, Release, open_root
from atdata.lifecycle.checks.shard import ShardFacts, ShardTask, check_shard, failed
from atdata.lifecycle.report import Finding, Report
from atdata.lifecycle.serving.files import StoreFiles
from atdata.lifecycle.serving.store import (
    STAGING,
    Store,
    open_store,
    release_key,
    schema_key,
    shard_key,
)
from atdata.lifecycle.verify import RootExamination
from atdata.progress import Progress
from atdata.shards.manifest import Manifest, read_manifest
from atdata.shards.window import CHUNK

# Errors of a shard's source; other errors are the store's, and end the command.
_SOURCE_TROUBLE = ("SHARD_MISSING", "FILE_LINK", "UNREADABLE")


def publish(
    source_root: str | os.PathLike[str],
    store_root: str | os.PathLike[str],
    *,
    name: str | None = None,
    version: str | None = None,
    policy: Policy | None = None,
    dry_run: bool = False,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> Report:
    """Publish a build root as a release of a serving store.

    Publishing the same content again verifies the release, and changes nothing when it is sound;
    a damaged release is written again. A version never changes.

    Args:
        source_root: The build root.
        store_root: The serving store: a folder, made when it is missing, or ``s3://bucket/prefix``.
        name: The name that the dataset must have.
        version: The version that it must have.
        policy: Gates for the dataset.
        dry_run: Check everything and write nothing.
        engine: Runs the work; all cores when None.
        progress: Receives progress updates.

    Returns:
        What was found; ``outcome`` is ``"published"``, ``"already_published"``, ``"repaired"``,
        ``"would_publish"``, or None when something was wrong and nothing was published.

    Raises:
        StorageError, NetworkError: A place can't be read or written, for example a full disk.
        EntryConflict: The store's garbage is being collected.
    """
    examination = RootExamination("dataset publish", "deep", open_root(source_root), policy)
    if examination.subject["kind"] != BUILD_ROOT:
        raise StorageError(
            "this is a serving store already",
            uri=os.fspath(source_root),
            hint="--source-root is a build root, as atdata.write_shards leaves it",
        )
    publication = _Publication(examination, open_store(store_root))
    if not examination.read_head(name, version) or not publication.look():
        return examination.report()
    if publication.is_published(engine, progress):
        if not dry_run:
            publication.clean_up()
        return examination.report(
            outcome="already_published",
            result=publication.result(),
            skipped_checks=NOT_LOOKED_AT,
            extra_checks=("release",),
        )
    if dry_run:
        examination.run_shards(check_shard, engine, progress)
        return publication.report("would_publish")
    return publication.run(engine, progress)


@dataclass(frozen=True, slots=True)
class StageTask:
    """A shard to stage, check and store; ``replace`` overwrites one that is in the store."""

    check: ShardTask
    files: StoreFiles
    replace: bool

    @property
    def expected(self) -> Any:
        """The shard's info in the manifest."""
        return self.check.expected


def stage_shard(task: StageTask) -> ShardFacts:
    """Copy a shard to a workspace, check the copy, and store it if it is sound.

    Raises:
        StorageError, NetworkError: The store or the workspace can't be written.
    """
    with task.files.workspace() as folder:
        path = folder / "shard.tar"
        try:
            _copy(task.check, path)
        except StorageError as error:
            if error.code not in _SOURCE_TROUBLE:
                raise
            return failed(task.check, Finding.of(error, shard=task.check.index))
        facts = check_shard(replace(task.check, opener=PlainFile(path)))
        if not facts.findings:
            info = task.check.expected
            task.files.put_shard(shard_key(info), path, info, replace=task.replace)
        return facts


def _copy(task: ShardTask, path: Path) -> None:
    with task.opener.open() as stream, path.open("xb", buffering=0) as copy:
        while data := stream.read(CHUNK):
            view = memoryview(data)
            while view:
                view = view[copy.write(view) :]


class _Publication:
    """One run of ``publish``."""

    def __init__(self, examination: RootExamination, store: Store) -> None:
        self._examination = examination
        self._store = store
        self._data = b""
        self._damaged = False  # a release is there, and does not verify

    @property
    def _manifest(self) -> Manifest:
        assert self._examination.manifest is not None  # noqa: S101 - its head was read
        return self._examination.manifest

    def look(self) -> bool:
        """Return whether version, manifest and schema allow publication.

        The version must be free, or hold the same content.
        """
        examination = self._examination
        examination.check_new_name()
        self._data = self._manifest.to_json()
        there = self._there() if self._store.exists() else None
        self._damaged = there is not None and _is_damaged(there)
        if there is not None and there != self._data and not self._damaged:
            self._conflict(there)
        return not examination.findings.items

    def is_published(self, engine: Engine | None, progress: Progress | None) -> bool:
        """Return whether the store has this release, and every byte of it is sound."""
        store, manifest = self._store, self._manifest
        if self._damaged or not store.exists() or self._there() != self._data:
            return False
        release = Release(store, manifest.name, manifest.version)
        stored = RootExamination("dataset verify", "verify", release)
        if stored.read_head(None, None):
            stored.run_shards(check_shard, engine, progress)
        self._damaged = bool(stored.findings.items)
        return not self._damaged

    def clean_up(self) -> None:
        """Remove the workspaces and marker of a run that was killed after its last step."""
        self._store.files.sweep()
        self._store.files.delete(self._sign)

    def run(self, engine: Engine | None, progress: Progress | None) -> Report:
        examination, store = self._examination, self._store
        with store.files.lock(exclusive=False), self._announced():
            examination.run_shards(stage_shard, engine, progress, wrap=self._stage)
            if examination.findings.items:
                return self.report(None)
            assert examination.schema is not None  # noqa: S101 - nothing is wrong
            self._put_schema(examination.schema)
            if store.missing_shards(self._manifest):
                raise StorageError(
                    "shards vanished while the release was written",
                    uri=store.files.location,
                    hint="was the store emptied? Run it again",
                )
            return self.report(self._commit())

    def report(self, outcome: str | None) -> Report:
        """Return the report; it has an outcome only when nothing is wrong."""
        sound = not self._examination.findings.items
        return self._examination.report(
            outcome=outcome if sound else None,
            result=self.result() if sound else {},
            extra_checks=("release",),
        )

    def result(self) -> dict[str, Any]:
        """Return what is, or would be, in the store."""
        manifest, store = self._manifest, self._store
        key = release_key(manifest.name, manifest.version)
        return {
            "store": store.files.location,
            "release": store.files.url(key),
            "files": [shard_key(info) for info in manifest.shards]
            + [schema_key(manifest.schema_cid), key],
        }

    def _stage(self, task: ShardTask) -> StageTask:
        return StageTask(task, self._store.files, self._damaged)

    def _there(self) -> bytes | None:
        return self._store.release_bytes(self._manifest.name, self._manifest.version)

    def _put_schema(self, schema: bytes) -> None:
        files, key = self._store.files, schema_key(self._manifest.schema_cid)
        # Its name is its CID, so different bytes there are damaged.
        if not files.create(key, schema) and files.read(key, len(schema)) != schema:
            files.replace(key, schema)

    def _commit(self) -> str | None:
        """Make the release visible, in one step; return the outcome."""
        files, manifest = self._store.files, self._manifest
        key = release_key(manifest.name, manifest.version)
        if self._damaged:
            files.replace(key, self._data)
            return "repaired"
        if files.create(key, self._data):
            return "published"
        there = self._there()
        if there == self._data:
            return "already_published"
        self._conflict(there or b"")
        return None

    def _conflict(self, there: bytes) -> None:
        manifest = self._manifest
        self._examination.add(
            "RELEASE_CONFLICT",
            f"{manifest.name} {manifest.version} is published with other content, and versions "
            "never change: publish under a new version",
            expected=hashlib.sha256(there).hexdigest(),
            actual=hashlib.sha256(self._data).hexdigest(),
        )

    @contextmanager
    def _announced(self) -> Iterator[None]:
        """Keep a marker in the store that protects these shards from garbage collection.

        Every run for the same manifest has the same marker, so that the next run removes the one
        that a killed run left.
        """
        self._store.make()
        self._store.files.replace(self._sign, self._data)
        try:
            yield
        finally:
            self._store.files.delete(self._sign)

    @property
    def _sign(self) -> str:
        return f"{STAGING}{hashlib.sha256(self._data).hexdigest()}.json"


def _is_damaged(release: bytes) -> bool:
    """Return whether a release's manifest is unreadable, and not just of a newer format."""
    manifest, problems = read_manifest(release)
    return manifest is None and all(problem.code != "MANIFEST_VERSION" for problem in problems)
