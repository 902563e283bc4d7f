"""Shards in a bucket of S3, or of another server with its protocol."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atdata.base.extras import require
from atdata.errors import StorageError, UrlError
from atdata.shards.info import ShardInfo
from atdata.storage.remote import refuse_offline
from atdata.storage.s3_access import S3Access, access_for, remember_bucket, s3_errors, status_of
from atdata.stores.base import ShardStore
from atdata.stores.credentials import read_credentials
from atdata.stores.s3_upload import Upload, is_overtaken
from atdata_records import cid

_CONTENT_TYPE = "application/x-tar"
# Long enough to read a large shard over a slow line; seconds.
_PRESIGNED_FOR = 3600
_PIECE = 1 << 20
# Another process may finish or remove the object meanwhile; one more try is enough in practice.
_TRIES = 3
_LOST = (409, 412)


class S3DataStore(ShardStore):
    """A bucket of shards.

    Making a store also configures this process to read the bucket: ``Dataset[T]("s3://bucket/key")``
    needs no further configuration. Other processes read it with the AWS environment.

    A shard becomes visible only when it is complete, and an object that is there is never
    overwritten: of two writers of the same shard, the later one finds it and goes on. On servers
    without conditional writes (MinIO before 2023), the check and the write are separate, so two
    writers at once may both write: the same bytes. A process that is killed may leave parts of
    an upload, which are not an object. The next multipart upload of the same shard removes them;
    for shards that are never uploaded again, give the bucket a lifecycle rule
    (``AbortIncompleteMultipartUpload``).

    Args:
        credentials: A dict or an env file with ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``
            and, where needed, ``AWS_ENDPOINT``, ``AWS_REGION`` and ``AWS_SESSION_TOKEN``; None
            for those of the AWS environment, its configuration files or the machine's role.
        bucket: Name of the bucket, which must exist.

    Raises:
        StorageError: The credentials can't be understood.
    """

    def __init__(
        self,
        credentials: Mapping[str, str] | str | os.PathLike[str] | None = None,
        *,
        bucket: str,
    ) -> None:
        self.bucket = bucket
        self._access = (
            access_for(bucket)
            if credentials is None
            else S3Access.from_credentials(read_credentials(credentials))
        )
        self._creates = True  # until the server answers 501
        remember_bucket(bucket, self._access)

    def __repr__(self) -> str:
        return f"S3DataStore(bucket={self.bucket!r}, access={self._access!r})"

    def url_for(self, key: str, info: ShardInfo) -> str:
        """Return ``s3://bucket/key``."""
        return f"s3://{self.bucket}/{key}"

    def put(self, path: Path, key: str, info: ShardInfo) -> str:
        """Upload one shard, unless the object is there already with this digest and size.

        Raises:
            StorageError: The server refuses, or an object with other bytes has the key.
            NetworkError: The server can't be reached.
        """
        url = self.url_for(key, info)
        refuse_offline(url)
        with s3_errors(url):
            for tried in range(_TRIES):
                if self._has(key, info, hidden=tried == 0) or self._created(path, key, info):
                    return url
        raise StorageError(
            "other writers keep changing the object", uri=url, hint="stop them, then try again"
        )

    def read_url(self, url: str) -> str:
        """Return a presigned URL for one of the store's ``s3://`` URLs.

        It is valid for an hour, or until the credentials expire if that is sooner. Anyone who
        has it can read the shard, so it must not be stored in an index or a record.

        Raises:
            UrlError: The URL is not in this bucket.
        """
        key = url.removeprefix(f"s3://{self.bucket}/")
        if key in (url, ""):
            raise UrlError(f"the URL is not in the bucket {self.bucket!r}", uri=url)
        with s3_errors(url):
            signed: str = self._client.generate_presigned_url(
                "get_object",
                Params={"Bucket": self.bucket, "Key": key},
                ExpiresIn=_PRESIGNED_FOR,
            )
        return signed

    @property
    def _client(self) -> Any:
        return self._access.client()

    def _has(self, key: str, info: ShardInfo, *, hidden: bool) -> bool:
        """Return whether the shard is there already; raise an error if another object is.

        Without the right to list, even a missing object is forbidden: with ``hidden``, a
        forbidden object counts as missing, and the upload finds out.
        """
        errors = require("botocore.exceptions", extra="s3")
        try:
            head = self._client.head_object(Bucket=self.bucket, Key=key)
        except errors.ClientError as error:
            if status_of(error) == 404 or (hidden and status_of(error) == 403):
                return False
            raise
        digest = cid.digest(info.cid).hex()
        if head["ContentLength"] == info.size and self._digest(key, head) == digest:
            return True
        raise StorageError(
            "an object with other bytes has the shard's key",
            uri=f"s3://{self.bucket}/{key}",
            hint="look at it, then remove it or choose another prefix; it was left as it is",
        )

    def _digest(self, key: str, head: Mapping[str, Any]) -> str:
        """Return an object's sha256 in hex: from its metadata, else from reading the object."""
        if known := head["Metadata"].get("sha256"):
            return str(known)
        sha256 = hashlib.sha256()
        body = self._client.get_object(Bucket=self.bucket, Key=key, IfMatch=head["ETag"])["Body"]
        for piece in body.iter_chunks(_PIECE):
            sha256.update(piece)
        return sha256.hexdigest()

    def _created(self, path: Path, key: str, info: ShardInfo) -> bool:
        """Upload the shard; return False if the caller should check again and retry."""
        errors = require("botocore.exceptions", extra="s3")
        metadata = {"sha256": cid.digest(info.cid).hex()}
        options = {"ContentType": _CONTENT_TYPE, "Metadata": metadata}
        try:
            Upload(self._client, self.bucket, key, options, self._creates).send(path)
        except errors.ClientError as error:
            if self._creates and status_of(error) == 501:
                self._creates = False
            elif status_of(error) not in _LOST and not is_overtaken(error):
                raise
            return False
        return True
