"""``validate`` and ``verify``: check that a dataset is the one that its manifest describes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from atdata.engines import Engine
from atdata.engines.local import LocalEngine
from atdata.lifecycle.checks.examination import Examination
from atdata.lifecycle.checks.policy import Policy
from atdata.lifecycle.checks.roots import Root, open_root
from atdata.lifecycle.checks.shard import ShardFacts, ShardTask, check_shard
from atdata.lifecycle.report import Report
from atdata.progress import Progress


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
        root: A build root, or a serving store: a folder, or a URL of ``s3://`` or ``gs://``.
        name: The dataset's name: required for a serving store; a build root must have it if given.
        version: Its version, likewise.
        engine: Runs the checks; all cores when None.
        progress: Receives progress updates.

    Returns:
        What was found. Problems of the dataset are findings, and are not raised.

    Raises:
        StorageError, NetworkError: There is nothing at ``root``, or it can't be reached.
        UrlError: A serving store needs a name and version, a folder of splits the name of one.
    """
    return examine(
        "dataset validate", "validate", root, name, version, engine=engine, progress=progress
    ).run()


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
    return examine(
        "dataset verify",
        level,
        root,
        name,
        version,
        engine=engine,
        progress=progress,
        policy=policy,
    ).run()


@dataclass(eq=False)
class RootExamination(Examination):
    """An examination of a build root or release.

    Attributes:
        place: The build root or release.
        engine: Runs the checks of shards; all cores when None.
    """

    place: Root
    engine: Engine | None = None

    def run(self) -> Report:
        """Check everything; return the report."""
        if self.read_head():
            self.run_shards(check_shard)
        return self.report()

    def read_head(self) -> bool:
        """Check manifest, schema and files; return whether shards can be checked."""
        manifest = self.read_manifest(self.place.manifest())
        if manifest is None:
            return False
        self.read_schema(self.place.schema(manifest))
        self.findings.extend(self.place.unexpected_files(manifest))
        return True

    def run_shards(
        self,
        check: Callable[[Any], ShardFacts],
        wrap: Callable[[ShardTask], Any] = lambda task: task,
    ) -> None:
        """Check each shard, and the whole.

        Args:
            check: Called with each shard's task, in a worker.
            wrap: Makes the argument of ``check`` from a task.
        """
        manifest, root = self.manifest, self.place
        self._progress.begin(manifest.size, len(manifest.shards))
        tasks = [
            self.task(index, root.shard(manifest, index), root.offsets(manifest, index))
            for index in range(len(manifest.shards))
        ]
        results = (self.engine or LocalEngine()).map(check, map(wrap, tasks))
        for task, facts in zip(tasks, results, strict=True):
            self.merge(facts, task)
            self._progress.advance(task.expected.size, 1)
        self.finish()


def examine(
    command: str,
    level: str,
    root: str | os.PathLike[str] | Root,
    name: str | None,
    version: str | None,
    **more: Any,
) -> RootExamination:
    """Return the examination of the dataset in a place, which must have this name and version."""
    place = root if isinstance(root, Root) else open_root(root, name, version)
    return RootExamination(command, level, place, name=name, version=version, **more)
