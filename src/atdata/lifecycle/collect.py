"""``catalog gc``: remove files that no release needs, after listing them.

Live is whatever a release names, what a publication that is under way names, and every release
that any generation of the catalog names. If one manifest or history can't be read, the live files
are unknown, and nothing is removed at all. Files that are younger than the grace are kept: a
publisher may be about to name it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

from atdata.errors import AtdataError, ManifestError
from atdata.lifecycle.report import Report, store_report
from atdata.lifecycle.serving.generations import Generation, datasets, history
from atdata.lifecycle.serving.store import STAGING, Store, content_keys, open_store, release_key
from atdata.shards.canonical import canonical_json
from atdata.shards.manifest import MAX_BYTES, Manifest
from atdata.storage.objects import Stat

GRACE = 24 * 3600.0


def collect_garbage(
    store_root: str | os.PathLike[str],
    *,
    apply: str | None = None,
    grace: float = GRACE,
    releases: bool = False,
) -> Report:
    """Plan what to remove from a serving store, or carry out a plan.

    Args:
        store_root: The store.
        apply: The digest of a plan. What would be planned now must have the same one.
        grace: Seconds; younger files are kept. Not less than the store's
            ``least_grace``: 12 hours in a bucket, 0 in a folder.
        releases: Whether to remove also releases that no generation of the catalog names: versions
            that were published and never promoted or aliased.

    Returns:
        ``outcome`` is ``"planned"`` or ``"collected"``, ``result`` holds ``plan`` (its digest),
        ``files`` and ``bytes``. Findings: ``GC_UNSAFE``, ``GC_GRACE``, ``GC_MOVED``,
        ``STORE_BUSY``, ``FILE_LINK``.

    Raises:
        StorageError, NetworkError: The store can't be used.
    """
    store = open_store(store_root)
    store.require()

    def work() -> dict[str, Any]:
        _check_grace(store, grace)
        collector = _Collector(store, grace, releases)
        return collector.plan() if apply is None else collector.apply(apply)

    outcome = "planned" if apply is None else "collected"
    return store_report("catalog gc", store.objects.location, work, outcome, check="gc")


class _Collector:
    def __init__(self, store: Store, grace: float, releases: bool) -> None:
        self._store = store
        self._grace = grace
        self._releases = releases

    def plan(self) -> dict[str, Any]:
        """Return what could be removed."""
        garbage = list(self._garbage())
        files = [stat.key for stat in garbage]
        return {
            "plan": hashlib.sha256(canonical_json(files)).hexdigest(),
            "files": files,
            "bytes": sum(stat.size for stat in garbage),
        }

    def apply(self, digest: str) -> dict[str, Any]:
        """Remove what was planned, if nothing has changed since."""
        objects = self._store.objects
        with objects.lock(exclusive=True):
            plan = self.plan()
            if plan["plan"] != digest:
                raise AtdataError(
                    "what could go has changed since the plan was made",
                    hint="Check the new plan: atdata catalog gc.",
                    code="GC_MOVED",
                )
            for key in plan["files"]:
                # A publisher may need it since a moment ago, and have renewed its age.
                stat = objects.stat(key)
                if stat is not None and stat.age > self._grace:
                    objects.delete(key)
            return {**plan, "swept": objects.sweep()}

    def _garbage(self) -> Iterator[Stat]:
        """Yield unneeded files, releases first: what only these name is useless without them."""
        unneeded = self._unneeded_releases() if self._releases else {}
        live = self._live(set(unneeded))
        yield from unneeded.values()
        for prefix in ("schemas/", "shards/", STAGING):
            yield from (stat for stat in self._old(prefix) if stat.key not in live)

    def _unneeded_releases(self) -> dict[str, Stat]:
        """Return releases that the catalog has never named, by key."""
        named = {
            release_key(name, version)
            for name in datasets(self._store)
            for generation in self._history(name)
            for version in generation.versions
        }
        return {stat.key: stat for stat in self._old("releases/") if stat.key not in named}

    def _old(self, prefix: str) -> Iterator[Stat]:
        return (stat for stat in self._store.objects.find(prefix) if stat.age > self._grace)

    def _live(self, unneeded: set[str]) -> set[str]:
        """Return the keys of all that releases and publications under way name."""
        live: set[str] = set()
        for stat in self._store.objects.find("releases/"):
            if stat.key not in unneeded:
                live |= self._named_by(stat.key)
        for stat in self._store.objects.find(STAGING):
            if stat.age <= self._grace:
                live |= self._named_by(stat.key)
        return live

    def _named_by(self, key: str) -> set[str]:
        data = self._store.objects.read(key, MAX_BYTES)
        if data is None:
            return set()  # a publication that has ended in the meantime
        try:
            manifest = Manifest.from_json(data)
        except ManifestError as error:
            raise _unsafe(key) from error
        return set(content_keys(manifest))

    def _history(self, name: str) -> list[Generation]:
        try:
            return history(self._store, name)
        except ManifestError as error:
            raise _unsafe(f"catalog/{name}") from error


def _check_grace(store: Store, grace: float) -> None:
    least = store.least_grace
    if not grace >= least:
        raise AtdataError(
            f"a publication under way may need what was written into {store.objects.location} in "
            f"the last {least / 3600:g} hours: give --grace {least / 3600:g}, or more",
            code="GC_GRACE",
        )


def _unsafe(key: str) -> AtdataError:
    return AtdataError(
        f"{key} can't be read, so the live files are unknown; nothing is removed",
        hint="Restore it, or publish it again.",
        code="GC_UNSAFE",
    )
