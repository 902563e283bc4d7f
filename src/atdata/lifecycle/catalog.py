"""``catalog``: a dataset's current release, its aliases, and the history of both."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from atdata.dataset import Dataset
from atdata.engines import Engine
from atdata.errors import AtdataError, EntryNotFound
from atdata.lifecycle.checks.examination import NOT_LOOKED_AT
from atdata.lifecycle.checks.roots import SERVING_STORE, Release
from atdata.lifecycle.checks.shard import check_shard
from atdata.lifecycle.codes import CODES
from atdata.lifecycle.report import Finding, Report
from atdata.lifecycle.serving.generations import (
    Generation,
    check_alias,
    datasets,
    history,
    write,
)
from atdata.lifecycle.serving.store import Store, open_store, shard_key
from atdata.lifecycle.verify import RootExamination
from atdata.progress import Progress
from atdata.shards.root_schema import manifest_type
from atdata.sources import URLSource, VerifiedSource

_SKIPPED = NOT_LOOKED_AT | {"manifest"}


class Catalog:
    """The catalog of a serving store.

    Every method but ``open_dataset`` returns a report, and raises StorageError or NetworkError
    only when the store can't be used. Changes are compare-and-swap: they are written as the
    generation that follows the one that was read, and of two at once one is refused
    (``CATALOG_MOVED``).

    Args:
        store_root: The store: a folder or ``s3://bucket/prefix``.
    """

    def __init__(self, store_root: str | os.PathLike[str]) -> None:
        self.store: Store = open_store(store_root)

    def list(self) -> Report:
        """Report all datasets, with their versions and the current one."""

        def look() -> dict[str, Any]:
            return {"datasets": [self._row(name) for name in datasets(self.store)]}

        return self._told("catalog list", look)

    def show(self, name: str) -> Report:
        """Report one dataset: its versions with their digests, the current one, its aliases."""

        def look() -> dict[str, Any]:
            row = self._row(name)
            self._known(name, bool(row["versions"] or row["generation"]))
            releases = [self._release(name, version) for version in row["versions"]]
            return {**row, "releases": releases}

        return self._told("catalog show", look, name)

    def history(self, name: str) -> Report:
        """Report all generations of a dataset, and check that each follows from the one before."""

        def look() -> dict[str, Any]:
            generations = history(self.store, name)
            self._known(name, bool(generations))
            return {"generations": [generation.to_dict() for generation in generations]}

        return self._told("catalog history", look, name)

    def open_dataset(
        self, name: str, version: str | None = None, sample_type: type[Any] | None = None
    ) -> Dataset[Any]:
        """Return a release, its shards checked against the manifest's digests while they are read.

        Args:
            name: The dataset.
            version: The release, or an alias of it; the current one when None.
            sample_type: Class to read the samples as; made from the release's schema when None.

        Raises:
            EntryNotFound: There is no such release, or no current one.
            ManifestError, SchemaError: The release is damaged.
        """
        self.store.require()
        latest = self._latest(name, None)
        chosen = latest.current if version is None else latest.aliases.get(version, version)
        if chosen is None:
            raise EntryNotFound(
                f"{self.store.files.location} has no current release of {name}",
                hint="Name a version, or make one current: atdata catalog promote.",
            )
        manifest = self.store.release(name, chosen)
        if sample_type is None:
            schema = self.store.schema_bytes(manifest.schema_cid) or b""
            sample_type = manifest_type(manifest, schema, self.store.files.location)
        urls = [self.store.files.url(shard_key(info)) for info in manifest.shards]
        source = VerifiedSource(URLSource(urls), manifest.shards)
        return Dataset[sample_type](source)  # type: ignore[valid-type]

    def promote(
        self,
        name: str,
        version: str,
        *,
        expect_generation: int | None = None,
        dry_run: bool = False,
        engine: Engine | None = None,
        progress: Progress | None = None,
    ) -> Report:
        """Verify a release in full depth, as it is in the store, and make it the current one.

        Args:
            name: The dataset.
            version: The release.
            expect_generation: Refuse if the catalog is at another generation.
            dry_run: Verify, and write nothing.
            engine: Runs the checks; all cores when None.
            progress: Receives progress updates.
        """
        self.store.require()
        release = Release(self.store, name, version)
        examination = RootExamination("catalog promote", "deep", release)
        try:
            before = self._latest(name, expect_generation)
            self.store.release(name, version)
            if examination.read_head(name, version):
                examination.run_shards(check_shard, engine, progress)
            if examination.findings.items:
                return examination.report()
            following = before.following(
                f"promote {version}", current=version, aliases=before.aliases
            )
            result = self._write(before, following, dry_run)
        except AtdataError as error:
            examination.findings.add(_finding(error))
            return examination.report(extra_checks=("catalog",))
        outcome = "would_promote" if dry_run else "promoted"
        return examination.report(outcome=outcome, result=result, extra_checks=("catalog",))

    def rollback(
        self,
        name: str,
        generation: int,
        *,
        expect_generation: int | None = None,
        dry_run: bool = False,
    ) -> Report:
        """Restore the current release and the aliases of an earlier generation, as a new one.

        Refused (``ALIAS_DANGLING``) when one of them names a release that no longer exists.

        Args:
            name: The dataset.
            generation: The generation to restore.
            expect_generation: Refuse if the catalog is at another generation.
            dry_run: Check, and write nothing.
        """

        def change() -> dict[str, Any]:
            before = self._latest(name, expect_generation)
            generations = history(self.store, name)
            if not 1 <= generation <= len(generations):
                raise _RefusedError("CATALOG_MISSING", f"{name} has no generation {generation}")
            wanted = generations[generation - 1]
            self._check_targets(wanted)
            following = before.following(
                f"rollback {generation}", current=wanted.current, aliases=wanted.aliases
            )
            return self._write(before, following, dry_run)

        outcome = "would_roll_back" if dry_run else "rolled_back"
        return self._told("catalog rollback", change, name, outcome)

    def alias(
        self,
        name: str,
        alias: str,
        version: str | None,
        *,
        expect_generation: int | None = None,
        dry_run: bool = False,
    ) -> Report:
        """Let an alias stand for a release, or remove the alias.

        Args:
            name: The dataset.
            alias: Such as ``"stable"``.
            version: The release; None removes the alias.
            expect_generation: Refuse if the catalog is at another generation.
            dry_run: Check, and write nothing.
        """

        def change() -> dict[str, Any]:
            check_alias(alias)
            before = self._latest(name, expect_generation)
            aliases = dict(before.aliases)
            if version is not None:
                self.store.release(name, version)
                aliases[alias] = version
            elif aliases.pop(alias, None) is None:
                raise _RefusedError("CATALOG_MISSING", f"{name} has no alias {alias!r}")
            action = f"alias {alias} {version}" if version else f"unalias {alias}"
            following = before.following(action, current=before.current, aliases=aliases)
            return self._write(before, following, dry_run)

        outcome = "would_alias" if dry_run else "aliased"
        return self._told("catalog alias", change, name, outcome)

    def _latest(self, name: str, expected: int | None) -> Generation:
        generations = history(self.store, name)
        latest = generations[-1] if generations else Generation(name)
        if expected is not None and expected != latest.number:
            raise _RefusedError(
                "CATALOG_MOVED", f"{name} is at generation {latest.number}, not {expected}"
            )
        return latest

    def _write(self, before: Generation, following: Generation, dry_run: bool) -> dict[str, Any]:
        if not dry_run:
            write(self.store, following)
        return {"before": before.to_dict(), "after": following.to_dict()}

    def _check_targets(self, wanted: Generation) -> None:
        for alias, version in {"the current release": wanted.current, **wanted.aliases}.items():
            if version is None:
                continue
            data = self.store.release_bytes(wanted.name, version)
            if data is None or self.store.missing_shards(self.store.release(wanted.name, version)):
                raise _RefusedError(
                    "ALIAS_DANGLING", f"{alias} was {version}, which is not whole in the store"
                )

    def _row(self, name: str) -> dict[str, Any]:
        latest = self._latest(name, None)
        return {
            "name": name,
            "current": latest.current,
            "generation": latest.number,
            "aliases": latest.aliases,
            "versions": [version for _, version in self.store.releases(name)],
        }

    def _release(self, name: str, version: str) -> dict[str, Any]:
        manifest = self.store.release(name, version)
        return {
            "version": version,
            "content_cid": manifest.content_cid,
            "schema_ref": manifest.schema_ref,
            "shards": len(manifest.shards),
            "samples": manifest.samples,
            "bytes": manifest.size,
        }

    def _known(self, name: str, known: bool) -> None:
        if not known:
            raise _RefusedError("CATALOG_MISSING", f"the store has no dataset {name!r}")

    def _told(
        self,
        command: str,
        work: Callable[[], dict[str, Any]],
        name: str | None = None,
        outcome: str | None = None,
    ) -> Report:
        self.store.require()
        report = Report(
            command,
            "validate",
            "unverified",
            {"kind": SERVING_STORE, "path": self.store.files.location, "name": name},
            extra_checks=("catalog",),
            skipped_checks=_SKIPPED,
        )
        try:
            result = work()
        except AtdataError as error:
            return replace(report, findings=(_finding(error),))
        return replace(report, result=result, outcome=outcome)


class _RefusedError(AtdataError):
    """A refusal that becomes a finding."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code=code)


def _finding(error: AtdataError) -> Finding:
    """Return an error as a finding; raise one that has no code of :data:`CODES`."""
    if error.code not in CODES:
        raise error
    return Finding.of(error)
