"""The files of a serving store below a prefix of an S3 bucket."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from atdata.base.extras import require
from atdata.base.scratch import temporary_folder
from atdata.errors import AtdataError, StorageError
from atdata.lifecycle.serving.files import FileStat
from atdata.shards.info import ShardInfo
from atdata.storage.s3 import S3Access, S3Bucket, s3_errors
from atdata.storage.s3_upload import Upload, is_overtaken
from atdata.stores.copying import storage_error
from atdata_records import cid

# A shard in the store that is younger than this is not uploaded again, in seconds.
_YOUNG = 6 * 3600.0
# A bucket has no locks: a shard that a publication relies on must stay until that has ended.
_LEAST_GRACE = 2 * _YOUNG
_MISSING = ("404", "NoSuchKey", "NotFound")
_LOST = ("412", "PreconditionFailed", "ConditionalRequestConflict", "409")


@dataclass(frozen=True, slots=True)
class BucketFiles:
    """Objects below a prefix; see :class:`~atdata.lifecycle.serving.files.StoreFiles`.

    Attributes:
        bucket: Name of the bucket.
        prefix: Empty, or ending in a slash.
        access: How to reach it.
    """

    bucket: str
    prefix: str
    access: S3Access

    @property
    def location(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def least_grace(self) -> float:
        """Twelve hours: shards of the last six are not uploaded again, and six to publish."""
        return _LEAST_GRACE

    def url(self, key: str) -> str:
        """Return ``s3://bucket/prefix/key``."""
        return f"s3://{self.bucket}/{self.prefix}{key}"

    def read(self, key: str, limit: int) -> bytes | None:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        with self._told(key):
            body = self._unless_missing("get_object", key)
            if body is None:
                return None
            with contextlib.closing(body["Body"]) as stream:
                return stream.read(limit + 1)  # type: ignore[no-any-return]

    def open(self, key: str) -> IO[bytes]:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        if self.stat(key) is None:
            raise StorageError("there is no such object", uri=self.url(key), code="SHARD_MISSING")
        return S3Bucket(self.bucket, self.access, self.prefix).open(key)

    def stat(self, key: str) -> FileStat | None:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        with self._told(key):
            head = self._unless_missing("head_object", key)
        return None if head is None else _stat(key, head["ContentLength"], head["LastModified"])

    def create(self, key: str, data: bytes) -> bool:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        refused = require("botocore.exceptions", extra="s3").ClientError
        with self._told(key):
            try:
                self._client.put_object(
                    Bucket=self.bucket, Key=self.prefix + key, Body=data, IfNoneMatch="*"
                )
            except refused as error:
                if _code(error) in _LOST:
                    return False
                raise
        return True

    def replace(self, key: str, data: bytes) -> None:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        with self._told(key):
            self._client.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=data)

    def put_shard(self, key: str, path: Path, info: ShardInfo, *, replace: bool = False) -> None:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        digest = cid.digest(info.cid).hex()
        with self._told(key):
            head = None if replace else self._unless_missing("head_object", key)
            if head is not None and _is_same(head, digest, info.size):
                return
            self._upload(key, path, digest)
            there = self._client.head_object(Bucket=self.bucket, Key=self.prefix + key)
        if there["ContentLength"] != info.size:
            raise StorageError(
                f"{there['ContentLength']} of {info.size} bytes arrived", uri=self.url(key)
            )

    def find(self, prefix: str) -> Iterator[FileStat]:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        with self._told(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix + prefix
            )
            for page in pages:
                for row in page.get("Contents", ()):
                    key = row["Key"].removeprefix(self.prefix)
                    yield _stat(key, row["Size"], row["LastModified"])

    def delete(self, key: str) -> None:
        """See :class:`~atdata.lifecycle.serving.files.StoreFiles`."""
        with self._told(key):
            self._client.delete_object(Bucket=self.bucket, Key=self.prefix + key)

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """See :class:`StoreFiles`; it is in the temporary folder."""
        try:
            with temporary_folder() as folder:
                yield folder
        except OSError as error:
            if isinstance(error, AtdataError):
                raise
            raise storage_error(error, "the temporary folder can't be used") from error

    def sweep(self) -> list[str]:
        """Return an empty list; workspaces are swept in the temporary folder."""
        with self.workspace():  # which sweeps
            return []

    @contextlib.contextmanager
    def lock(self, *, exclusive: bool) -> Iterator[None]:
        """Hold nothing, because S3 has no locks.

        Conditional writes decide which writer is first, and garbage collection keeps what is
        younger than its grace.
        """
        yield

    def _upload(self, key: str, path: Path, digest: str) -> None:
        refused = require("botocore.exceptions", extra="s3").ClientError
        options = {"ContentType": "application/x-tar", "Metadata": {"sha256": digest}}
        try:
            Upload(self._client, self.bucket, self.prefix + key, options, {}).send(path)
        except refused as error:
            if not is_overtaken(error):
                raise

    @property
    def _client(self) -> Any:
        return self.access.client()

    def _unless_missing(self, operation: str, key: str) -> Any:
        refused = require("botocore.exceptions", extra="s3").ClientError
        try:
            return getattr(self._client, operation)(Bucket=self.bucket, Key=self.prefix + key)
        except refused as error:
            if _code(error) in _MISSING:
                return None
            raise

    @contextlib.contextmanager
    def _told(self, key: str) -> Iterator[None]:
        with s3_errors(self.url(key)):
            yield


def _stat(key: str, size: int, modified: datetime) -> FileStat:
    return FileStat(key, size, (datetime.now(UTC) - modified).total_seconds())


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _is_same(head: Any, digest: str, size: int) -> bool:
    young = _stat("", 0, head["LastModified"]).age < _YOUNG
    same = head["ContentLength"] == size and head["Metadata"].get("sha256") == digest
    return bool(young and same)
