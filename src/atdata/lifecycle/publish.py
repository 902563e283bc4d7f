"""``publish``: copy a build root into the serving store, completely or not at all.

Each shard is copied to a private workspace, checked there completely, and only then put
under the name of its content: what was checked is what is stored, even if the build root changes
meanwhile. Until the release's manifest is written, in one step and last, readers see
nothing; a killed run leaves shards that no release names, which the next run reuses
and garbage collection removes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from atdata.engines import Engine
from atdata.errors import StorageError
from atdata.lifecycle.checks.policy import Policy
from atdata.lifecycle.checks.roots import Release, open_root
from atdata.lifecycle.checks.shard import ShardFacts, ShardTask, check_shard, failed
from atdata.lifecycle.report import AFTER_MANIFEST, BUILD_ROOT, Finding, Report
from atdata.lifecycle.serving.store import (
    STAGING,
    Store,
    content_keys,
    open_store,
    release_key,
    schema_key,
)
from atdata.lifecycle.verify import RootExamination, examine
from atdata.progress import Progress
from atdata.shards.manifest import MAX_BYTES, read_manifest
from atdata.shards.window import CHUNK
from atdata.storage.folder import open_plain

# Errors of a shard's source; other errors are the store's, and end the command.
_OF_SOURCE = ("SHARD_MISSING", "FILE_LINK", "UNREADABLE")


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
        store_root: The serving store: a folder, made when it is missing, ``s3://bucket/prefix`` or
            ``gs://bucket/prefix``.
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
        UrlError: ``source_root`` is a folder of splits, which are published one by one.
        EntryConflict: The store's garbage is being collected.
    """
    source, more = open_root(source_root), {"engine": engine, "progress": progress}
    examination = examine("dataset publish", "deep", source, name, version, policy=policy, **more)
    if examination.subject["kind"] != BUILD_ROOT:
        raise StorageError(
            "this is a serving store already",
            uri=os.fspath(source_root),
            hint="Give a build root as --source-root, as atdata.write_shards leaves it.",
        )
    if not examination.read_head():
        return examination.report()
    publication = _Publication(examination, open_store(store_root))
    if not publication.is_allowed():
        return examination.report()
    if publication.is_published():
        if not dry_run:
            publication.clean_up()
        return publication.report("already_published", skipped_checks=AFTER_MANIFEST)
    if dry_run:
        examination.run_shards(check_shard)
        return publication.report("would_publish")
    return publication.run()


@dataclass(frozen=True, slots=True)
class StageTask:
    """A shard to stage, check and store.

    Attributes:
        check: The check of the shard.
        store: Where.
        replace: Whether to overwrite a shard that the store has.
    """

    check: ShardTask
    store: Store
    replace: bool


def stage_shard(task: StageTask) -> ShardFacts:
    """Copy a shard to a workspace, check the copy, and store it if it is sound.

    Raises:
        StorageError, NetworkError: The store or the workspace can't be written.
    """
    check, info = task.check, task.check.expected
    with task.store.objects.workspace() as folder:
        path = folder / "shard.tar"
        try:
            with check.opener() as stream, path.open("xb") as copy:
                shutil.copyfileobj(stream, copy, CHUNK)
        except StorageError as error:
            if error.code not in _OF_SOURCE:
                raise
            return failed(check, Finding.of(error, shard=check.index))
        facts = check_shard(replace(check, opener=partial(open_plain, path)))
        if not facts.findings:
            task.store.put_shard(info, path, replace=task.replace)
        return facts


class _Publication:
    """One run of ``publish``, of a manifest that was read."""

    def __init__(self, examination: RootExamination, store: Store) -> None:
        self._examination = examination
        self._store = store
        self._manifest = examination.manifest
        self._data = self._manifest.to_json()
        self._key = release_key(self._manifest.name, self._manifest.version)
        # Protects the shards of a publication under way from garbage collection. The same
        # manifest has the same marker, so that the next run removes that of a killed one.
        self._marker = f"{STAGING}{hashlib.sha256(self._data).hexdigest()}.json"
        self._published = self._stored() if store.exists() else None
        self._damaged = self._published is not None and _is_damaged(self._published)

    def is_allowed(self) -> bool:
        """Return whether version, manifest and schema allow publication.

        The version must be free, or hold the same content.
        """
        self._examination.check_new_name()
        if self._published not in (None, self._data) and not self._damaged:
            self._conflict(self._published)
        return not self._examination.findings.items

    def is_published(self) -> bool:
        """Return whether the store has this release, and every byte of it is sound."""
        if self._published != self._data:
            return False
        name, version, run = self._manifest.name, self._manifest.version, self._examination
        release = Release(self._store, name, version)
        more = {"engine": run.engine, "progress": run.progress}
        stored = examine("dataset verify", "verify", release, name, version, **more).run()
        self._damaged = not stored.ok
        return not self._damaged

    def clean_up(self) -> None:
        """Remove the workspaces and marker of a run that was killed after its last step."""
        self._store.objects.sweep()
        self._store.objects.delete(self._marker)

    def run(self) -> Report:
        examination, store = self._examination, self._store
        with store.objects.lock(exclusive=False), self._marked():
            examination.run_shards(
                stage_shard, lambda check: StageTask(check, store, self._damaged)
            )
            if examination.findings.items:
                return self.report(None)
            assert examination.schema is not None  # noqa: S101 - nothing is wrong
            self._put_schema(examination.schema)
            if store.missing_shards(self._manifest):
                raise StorageError(
                    "shards were removed while the release was written",
                    uri=store.objects.location,
                    hint="Run it again, while no other command empties the store.",
                )
            return self.report(self._commit())

    def report(self, outcome: str | None, **more: Any) -> Report:
        """Return the report; it has an outcome only when nothing is wrong."""
        if self._examination.findings.items:
            return self._examination.report(extra_checks=("release",))
        result = {
            "store": self._store.objects.location,
            "release": self._store.objects.url(self._key),
            "files": [*content_keys(self._manifest), self._key],
        }
        return self._examination.report(
            outcome=outcome, result=result, extra_checks=("release",), **more
        )

    def _stored(self) -> bytes | None:
        return self._store.objects.read(self._key, MAX_BYTES)

    def _put_schema(self, schema: bytes) -> None:
        objects, key = self._store.objects, schema_key(self._manifest.schema_cid)
        # Its name is its CID, so different bytes there are damaged.
        if not objects.create(key, schema) and objects.read(key, len(schema)) != schema:
            objects.replace(key, schema)

    def _commit(self) -> str | None:
        """Make the release visible, in one step; return the outcome."""
        if self._damaged:
            self._store.objects.replace(self._key, self._data)
            return "repaired"
        if self._store.objects.create(self._key, self._data):
            return "published"
        published = self._stored()
        if published == self._data:
            return "already_published"
        self._conflict(published)
        return None

    def _conflict(self, published: bytes | None) -> None:
        manifest = self._manifest
        self._examination.add(
            "RELEASE_CONFLICT",
            f"{manifest.name} {manifest.version} is published with other content, and versions "
            "never change: publish under a new version",
            expected=hashlib.sha256(published or b"").hexdigest(),
            actual=hashlib.sha256(self._data).hexdigest(),
        )

    @contextmanager
    def _marked(self) -> Iterator[None]:
        """Keep the marker in the store for the length of a block."""
        self._store.make()
        self._store.objects.replace(self._marker, self._data)
        try:
            yield
        finally:
            self._store.objects.delete(self._marker)


def _is_damaged(release: bytes) -> bool:
    """Return whether a release's manifest is unreadable, and not just of a newer format."""
    manifest, problems = read_manifest(release)
    return manifest is None and all(problem.code != "MANIFEST_VERSION" for problem in problems)
