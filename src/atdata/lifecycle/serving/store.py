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
from dataclasses import dataclass
from pathlib import Path

from atdata.errors import EntryNotFound, ManifestError, StorageError, UrlError
from atdata.lifecycle.serving.bucket_files import BucketFiles
from atdata.lifecycle.serving.files import StoreFiles
from atdata.lifecycle.serving.folder_files import FolderFiles
from atdata.shards.canonical import canonical_json
from atdata.shards.info import ShardInfo
from atdata.shards.manifest import MARKER, MAX_BYTES, Manifest, check_name
from atdata.storage.buckets import find_bucket
from atdata.storage.s3 import S3Bucket
from atdata_records import cid

STAGING = "staging/"
_MARKER_BYTES = canonical_json({"format_version": 1, "kind": "atdata serving store"})
MAX_SCHEMA = 1 << 20


@dataclass(frozen=True, slots=True)
class Store:
    """A serving store.

    Attributes:
        files: The files below it.
    """

    files: StoreFiles

    def exists(self) -> bool:
        """Return whether there is a serving store.

        Raises:
            StorageError: Something else is there, or a store of a newer format.
        """
        found = self.files.read(MARKER, len(_MARKER_BYTES))
        if found is not None and found != _MARKER_BYTES:
            raise StorageError("not a serving store of a known format", uri=self.files.location)
        return found is not None

    def require(self) -> None:
        """Refuse a place that is not a store.

        Raises:
            StorageError: It is not a store.
        """
        if not self.exists():
            raise StorageError(
                "there is no serving store",
                uri=self.files.location,
                hint="Check --store-root, or make a store with atdata dataset publish.",
            )

    def make(self) -> None:
        """Mark the place as a store."""
        if not self.exists():
            self.files.create(MARKER, _MARKER_BYTES)

    def release_bytes(self, name: str, version: str) -> bytes | None:
        """Return a release's manifest, as it was published; None when there is no such release."""
        return self.files.read(release_key(name, version), MAX_BYTES)

    def release(self, name: str, version: str) -> Manifest:
        """Return the manifest of a release.

        Raises:
            EntryNotFound: There is no such release.
            ManifestError: It is damaged.
        """
        data = self.release_bytes(name, version)
        if data is None:
            raise EntryNotFound(
                f"{self.files.location} has no release {name} {version}",
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
        for stat in self.files.find(prefix):
            _, dataset, file = stat.key.split("/", 2)
            yield dataset, file.removesuffix(".json")

    def schema_bytes(self, schema_cid: str) -> bytes | None:
        """Return a schema document; None when it is not there."""
        return self.files.read(schema_key(schema_cid), MAX_SCHEMA)

    def missing_shards(self, manifest: Manifest) -> list[ShardInfo]:
        """Return the shards of a manifest that the store does not have in full length."""
        missing = []
        for info in manifest.shards:
            stat = self.files.stat(shard_key(info))
            if stat is None or stat.size != info.size:
                missing.append(info)
        return missing


def open_store(location: str | os.PathLike[str] | Store) -> Store:
    """Return the store at a folder or ``s3://bucket/prefix``; it need not exist yet.

    S3 is reached as :func:`atdata.storage.buckets.find_bucket` describes: by the AWS environment,
    or with the settings of an ``S3DataStore`` of this process.

    Raises:
        UrlError: The URL is of another kind.
    """
    if isinstance(location, Store):
        return location
    text = os.fspath(location)
    if not text.startswith("s3://"):
        if "://" in text:
            raise UrlError("a serving store is a folder or s3://bucket/prefix", uri=text)
        return Store(FolderFiles(Path(text).expanduser().absolute()))
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if not bucket or {"", ".", ".."} & set(prefix.rstrip("/").split("/")[1:]):
        raise UrlError("not a prefix in S3", uri=text, hint="write s3://bucket/prefix")
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""
    return Store(BucketFiles(bucket, prefix, find_bucket(S3Bucket, bucket).access))


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
