"""``validate`` and ``verify``: check that a dataset is the one that its manifest describes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from atdata.engines import Engine
from atdata.engines.local import LocalEngine
from atdata.lifecycle.checks.examination import Examination
from atdata.lifecycle.checks.policy import Policy
from atdata.lifecycle.checks.roots import Root, open_root
from atdata.lifecycle.checks.shard import ShardFacts, ShardTask, check_shard
from atdata.lifecycle.report import Report
from atdata.progress import NullProgress, Progress


def validate(
    root: str | os.PathLike[str],
    *,
    name: str | None = None,
    version: str | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check the form of a dataset: manifest, schema, files, sizes, tar headers, counts.

    Args:
        root: A build root, or a serving store (a folder or ``s3://bucket/prefix``).
        name: The dataset's name: required for a serving store; a build root must have it if given.
        version: Its version, likewise.
        engine: Runs the checks; all cores when None.
        progress: Receives progress updates.

    Returns:
        What was found. Problems of the dataset are findings, and are not raised.

    Raises:
        StorageError, NetworkError: There is nothing at ``root``, or it can't be reached.
        UrlError: A serving store needs a name and version.
    """
    examination = _start("dataset validate", "validate", root, name, version)
    return _run(examination, name, version, engine, progress)


def verify(
    root: str | os.PathLike[str],
    *,
    name: str | None = None,
    version: str | None = None,
    deep: bool = False,
    policy: Policy | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check every byte: all that :func:`validate` does, and the digest of each shard.

    Args:
        root: As for :func:`validate`.
        name: As for :func:`validate`.
        version: As for :func:`validate`.
        deep: Decode every sample strictly, check it against the schema, and recompute the
            content CID.
        policy: Gates for the dataset, with ``deep``.
        engine: As for :func:`validate`.
        progress: As for :func:`validate`.

    Returns, raises: As :func:`validate`.
    """
    level = "deep" if deep or policy is not None else "verify"
    examination = _start("dataset verify", level, root, name, version, policy)
    return _run(examination, name, version, engine, progress)


class RootExamination(Examination):
    """An examination of a build root or release."""

    def __init__(self, command: str, level: str, root: Root, policy: Policy | None = None) -> None:
        super().__init__(command, level, kind=root.kind, location=root.location, policy=policy)
        self.root = root

    def read_head(self, name: str | None, version: str | None) -> bool:
        """Check manifest, schema and files; return whether shards can be checked."""
        manifest = self.read_manifest(self.root.manifest(), name, version)
        if manifest is None:
            return False
        self.read_schema(self.root.schema(manifest))
        self.findings.extend(self.root.strangers(manifest))
        return True

    def run_shards(
        self,
        check: Callable[[Any], ShardFacts],
        engine: Engine | None,
        progress: Progress | None,
        *,
        wrap: Callable[[ShardTask], Any] | None = None,
    ) -> None:
        """Check each shard, and the whole.

        Args:
            check: Called with each shard's task, in a worker.
            engine: Runs it.
            progress: Receives progress updates.
            wrap: Makes the argument of ``check`` from a task; without it, that is the task.
        """
        assert self.manifest is not None  # noqa: S101 - read_head has checked
        manifest, root = self.manifest, self.root
        progress = progress or NullProgress()
        progress.begin(manifest.size, len(manifest.shards))
        tasks = [
            self.task(index, root.shard(manifest, index), root.offsets(manifest, index))
            for index in range(len(manifest.shards))
        ]
        work = tasks if wrap is None else [wrap(task) for task in tasks]
        results = (engine or LocalEngine()).map(check, work)
        for task, facts in zip(tasks, results, strict=True):
            self.merge(facts, task)
            progress.advance(task.expected.size, 1)
        self.finish()


def _start(
    command: str,
    level: str,
    root: str | os.PathLike[str],
    name: str | None,
    version: str | None,
    policy: Policy | None = None,
) -> RootExamination:
    return RootExamination(command, level, open_root(root, name, version), policy)


def _run(
    examination: RootExamination,
    name: str | None,
    version: str | None,
    engine: Engine | None,
    progress: Progress | None,
) -> Report:
    if examination.read_head(name, version):
        examination.run_shards(check_shard, engine, progress)
    return examination.report()
