"""The serving store that readers trust: its layout, and how it is opened.

::

    store.json                            what this folder or prefix is
    shards/{sha256}.tar                   shards by content; releases share them
    schemas/{cid}.json                    schema documents by content
    releases/{name}/{version}.json        a release: the manifest as it was published
    catalog/{name}/{generation}.json      which release is current, and its aliases; see catalog.py
    staging/{publication}.json            the manifest of a publication that is under way

A release exists when its manifest does, and that is written last, in one step.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from atdata.errors import EntryNotFound, ManifestError, StorageError, UrlError
from atdata.shards.canonical import canonical_json
from atdata.shards.info import ShardInfo
from atdata.shards.manifest import MARKER, MAX_BYTES, Manifest, check_name
from atdata.storage.buckets import find_bucket
from atdata.storage.folder import Folder
from atdata.storage.gcs import GCSBucket
from atdata.storage.objects import ObjectStore
from atdata.storage.s3 import S3Bucket
from atdata.storage.urls import scheme_of
from atdata_records import cid

STAGING = "staging/"
_MARKER_BYTES = canonical_json({"format_version": 1, "kind": "atdata serving store"})
MAX_SCHEMA = 1 << 20
# A shard in a bucket that is younger than this is not uploaded again, in seconds.
_YOUNG = 6 * 3600.0
# Buckets have no locks: a shard that a publication relies on must stay until that has ended.
_LEAST_GRACE = 2 * _YOUNG
_BUCKETS = {kind.scheme: kind for kind in (S3Bucket, GCSBucket)}


@dataclass(frozen=True, slots=True)
class Store:
    """A serving store.

    Attributes:
        objects: Its files or objects.
    """

    objects: ObjectStore

    def exists(self) -> bool:
        """Return whether there is a serving store.

        Raises:
            StorageError: Something else is there, or a store of a newer format.
        """
        found = self.objects.read(MARKER, len(_MARKER_BYTES))
        if found is not None and found != _MARKER_BYTES:
            raise StorageError("not a serving store of a known format", uri=self.objects.location)
        return found is not None

    def require(self) -> None:
        """Refuse a place that is not a store.

        Raises:
            StorageError: It is not a store.
        """
        if not self.exists():
            raise StorageError(
                "there is no serving store",
                uri=self.objects.location,
                hint="Check --store-root, or make a store with atdata dataset publish.",
            )

    def make(self) -> None:
        """Mark the place as a store."""
        if not self.exists():
            self.objects.create(MARKER, _MARKER_BYTES)

    def release_bytes(self, name: str, version: str) -> bytes | None:
        """Return a release's manifest, as it was published; None when there is no such release."""
        return self.objects.read(release_key(name, version), MAX_BYTES)

    def release(self, name: str, version: str) -> Manifest:
        """Return the manifest of a release.

        Raises:
            EntryNotFound: There is no such release.
            ManifestError: It is damaged.
        """
        data = self.release_bytes(name, version)
        if data is None:
            raise EntryNotFound(
                f"{self.objects.location} has no release {name} {version}",
                hint="List the releases with atdata catalog list.",
                code="RELEASE_MISSING",
            )
        manifest = Manifest.from_json(data)
        if (manifest.name, manifest.version) != (name, version):
            raise ManifestError(
                f"the release {name} {version} holds {manifest.name} {manifest.version}",
                code="SUBJECT_OTHER",
            )
        return manifest

    def releases(self, name: str | None = None) -> Iterator[tuple[str, str]]:
        """Yield name and version of each release."""
        prefix = "releases/" if name is None else f"releases/{name}/"
        for stat in self.objects.find(prefix):
            _, dataset, file = stat.key.split("/", 2)
            yield dataset, file.removesuffix(".json")

    def schema_bytes(self, schema_cid: str) -> bytes | None:
        """Return a schema document; None when it is not there."""
        return self.objects.read(schema_key(schema_cid), MAX_SCHEMA)

    @property
    def least_grace(self) -> float:
        """Seconds for which garbage collection must keep what a publication found or wrote.

        Zero in a folder, whose lock keeps the two apart. Twelve hours in a bucket: shards of the
        last six are not uploaded again, and six remain to publish.
        """
        return 0.0 if self.objects.can_lock else _LEAST_GRACE

    def put_shard(self, info: ShardInfo, path: Path, *, replace: bool = False) -> None:
        """Store a shard under the name of its content, and begin its age anew.

        A shard that is there is equally good, unless it was found to be damaged; but garbage
        collection goes by age, so it is stored again unless it is young. In a folder that is a
        rename, and always done.

        Args:
            info: Its shard info.
            path: A file in a workspace, which may be moved away.
            replace: Whether a shard that is there is damaged.
        """
        objects, key, sha256 = self.objects, shard_key(info), cid.digest(info.cid).hex()
        found = objects.stat(key)
        if found is None:
            if objects.create(key, path, sha256=sha256):
                return
            found = objects.stat(key)  # of another publication at the same time
        is_good = found is not None and (found.size, found.sha256) == (info.size, sha256)
        if replace or found is None or not is_good or found.age >= _YOUNG:
            objects.replace(key, path, sha256=sha256)

    def missing_shards(self, manifest: Manifest) -> list[ShardInfo]:
        """Return the shards of a manifest that the store does not have in full length."""
        missing = []
        for info in manifest.shards:
            stat = self.objects.stat(shard_key(info))
            if stat is None or stat.size != info.size:
                missing.append(info)
        return missing


def open_store(location: str | os.PathLike[str] | Store) -> Store:
    """Return the store at a folder or URL; it need not exist yet.

    A bucket is reached as :func:`atdata.storage.buckets.find_bucket` describes: with the settings
    of a store of this process, such as an ``S3DataStore``, else by the environment.

    Args:
        location: A folder, ``s3://bucket/prefix`` or ``gs://bucket/prefix``.

    Raises:
        UrlError: The URL is of another kind.
    """
    if isinstance(location, Store):
        return location
    text = os.fspath(location)
    scheme = scheme_of(text)
    if not scheme:
        return Store(Folder(Path(text).expanduser().absolute()))
    name, _, prefix = text.partition("://")[2].rstrip("/").partition("/")
    parts = prefix.split("/") if prefix else []
    if scheme not in _BUCKETS or not name or {"", ".", ".."} & set(parts):
        raise UrlError(
            "not a place for a serving store",
            uri=text,
            hint="Give a folder, s3://bucket/prefix or gs://bucket/prefix.",
        )
    bucket = find_bucket(_BUCKETS[scheme], name)
    return Store(replace(bucket, prefix=f"{prefix}/" if prefix else ""))


def release_key(name: str, version: str) -> str:
    """Return the key of a release's manifest.

    Raises:
        ManifestError: The name or version is not valid.
    """
    check_name(name, version)
    return f"releases/{name}/{version}.json"


def shard_key(info: ShardInfo) -> str:
    """Return the key of a shard."""
    return f"shards/{cid.digest(info.cid).hex()}.tar"


def content_keys(manifest: Manifest) -> list[str]:
    """Return the keys of the shards and the schema of a release."""
    return [*map(shard_key, manifest.shards), schema_key(manifest.schema_cid)]


def schema_key(schema_cid: str) -> str:
    """Return the key of a schema document."""
    return f"schemas/{schema_cid}.json"
