"""``catalog``: a dataset's current release, its aliases, and the history of both."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from atdata.dataset import Dataset
from atdata.engines import Engine
from atdata.errors import AtdataError, EntryNotFound
from atdata.lifecycle.checks.roots import Release
from atdata.lifecycle.checks.shard import check_shard
from atdata.lifecycle.report import Report, finding_of, store_report
from atdata.lifecycle.serving.generations import (
    Generation,
    check_alias,
    datasets,
    history,
    write,
)
from atdata.lifecycle.serving.store import Store, open_store, shard_key
from atdata.lifecycle.verify import examine
from atdata.progress import Progress
from atdata.shards.root_schema import manifest_type
from atdata.sources import URLSource, VerifiedSource
from atdata.storage.buckets import Bucket


class Catalog:
    """The catalog of a serving store.

    Every method but ``open_dataset`` returns a report, and raises StorageError or NetworkError
    only when the store can't be used. Changes are compare-and-swap: they are written as the
    generation that follows the one that was read, and of two at once one is refused
    (``CATALOG_MOVED``).

    Args:
        store_root: The store: a folder, ``s3://bucket/prefix`` or ``gs://bucket/prefix``.
    """

    def __init__(self, store_root: str | os.PathLike[str]) -> None:
        self.store: Store = open_store(store_root)

    def list(self) -> Report:
        """Report all datasets, with their versions and the current one."""
        return self._report(
            "catalog list", lambda: {"datasets": [*map(self._row, datasets(self.store))]}
        )

    def show(self, name: str) -> Report:
        """Report one dataset: its versions with their digests, the current one, its aliases."""

        def work() -> dict[str, Any]:
            row = self._row(name)
            if not (row["versions"] or row["generation"]):
                raise _missing(f"the store has no dataset {name!r}")
            releases = [self._release(name, version) for version in row["versions"]]
            return {**row, "releases": releases}

        return self._report("catalog show", work, name)

    def history(self, name: str) -> Report:
        """Report all generations of a dataset, and check that each follows from the one before."""

        def work() -> dict[str, Any]:
            generations = history(self.store, name)
            if not generations:
                raise _missing(f"the store has no history of a dataset {name!r}")
            return {"generations": [generation.to_dict() for generation in generations]}

        return self._report("catalog history", work, name)

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
                f"{self.store.objects.location} has no current release of {name}",
                hint="Name a version, or make one current: atdata catalog promote.",
            )
        manifest = self.store.release(name, chosen)
        if sample_type is None:
            schema = self.store.schema_bytes(manifest.schema_cid) or b""
            sample_type = manifest_type(manifest, schema, self.store.objects.location)
        urls = [self.store.objects.url(shard_key(info)) for info in manifest.shards]
        buckets = [self.store.objects] if isinstance(self.store.objects, Bucket) else []
        source = VerifiedSource(URLSource(urls, buckets=buckets), manifest.shards)
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
        examination = examine(
            "catalog promote", "deep", release, name, version, engine=engine, progress=progress
        )
        more: dict[str, Any] = {"extra_checks": ("catalog",)}
        try:
            before = self._latest(name, expect_generation)
            self.store.release(name, version)
            if examination.read_head():
                examination.run_shards(check_shard)
            if examination.findings.items:
                return examination.report()
            following = before.following(
                f"promote {version}", current=version, aliases=before.aliases
            )
            more["result"] = self._write(before, following, dry_run)
            more["outcome"] = "would_promote" if dry_run else "promoted"
        except AtdataError as error:
            examination.findings.add(finding_of(error))
        return examination.report(**more)

    def rollback(
        self,
        name: str,
        generation: int,
        *,
        dry_run: bool = False,
        expect_generation: int | None = None,
    ) -> Report:
        """Restore the current release and the aliases of an earlier generation, as a new one.

        Refused (``ALIAS_DANGLING``) when one of them names a release that no longer exists.

        Args:
            name: The dataset.
            generation: The generation to restore.
            dry_run: Check, and write nothing.
            expect_generation: Refuse if the catalog is at another generation.
        """

        def work() -> dict[str, Any]:
            before = self._latest(name, expect_generation)
            generations = history(self.store, name)
            if not 1 <= generation <= len(generations):
                raise _missing(f"{name} has no generation {generation}")
            wanted = generations[generation - 1]
            self._check_targets(wanted)
            following = before.following(
                f"rollback {generation}", current=wanted.current, aliases=wanted.aliases
            )
            return self._write(before, following, dry_run)

        outcome = "would_roll_back" if dry_run else "rolled_back"
        return self._report("catalog rollback", work, name, outcome)

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

        def work() -> dict[str, Any]:
            check_alias(alias)
            before = self._latest(name, expect_generation)
            aliases = dict(before.aliases)
            if version is not None:
                self.store.release(name, version)
                aliases[alias] = version
            elif aliases.pop(alias, None) is None:
                raise _missing(f"{name} has no alias {alias!r}")
            action = f"alias {alias} {version}" if version else f"unalias {alias}"
            following = before.following(action, current=before.current, aliases=aliases)
            return self._write(before, following, dry_run)

        outcome = "would_alias" if dry_run else "aliased"
        return self._report("catalog alias", work, name, outcome)

    def _latest(self, name: str, expected: int | None) -> Generation:
        generations = history(self.store, name)
        latest = generations[-1] if generations else Generation(name)
        if expected is not None and expected != latest.number:
            message = f"{name} is at generation {latest.number}, not {expected}"
            raise AtdataError(message, code="CATALOG_MOVED")
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
                message = f"{alias} was {version}, which is not whole in the store"
                raise AtdataError(message, code="ALIAS_DANGLING")

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

    def _report(
        self,
        command: str,
        work: Callable[[], dict[str, Any]],
        name: str | None = None,
        outcome: str | None = None,
    ) -> Report:
        self.store.require()
        return store_report(command, self.store.objects.location, work, outcome, name=name)


def _missing(message: str) -> AtdataError:
    return AtdataError(message, code="CATALOG_MISSING")
