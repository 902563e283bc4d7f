"""Shards in a bucket of S3, or of a server that speaks its protocol."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atdata._extras import require
from atdata.errors import UrlError
from atdata.shards.manifest import ShardInfo
from atdata.sources.s3 import S3Access, access_for, remember_bucket, s3_errors
from atdata.stores.base import ShardStore
from atdata.stores.credentials import read_credentials
from atdata_records import cid

_CONTENT_TYPE = "application/x-tar"
# Long enough to read a large shard over a slow line; seconds.
_PRESIGNED_FOR = 3600


class S3DataStore(ShardStore):
    """A bucket of shards.

    When it is made, this process learns how to read the bucket: ``Dataset[T]("s3://bucket/key")``
    needs no further configuration. Other processes read it with the AWS environment.

    Args:
        credentials: A dict or an env file with ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``
            and, where needed, ``AWS_ENDPOINT`` and ``AWS_REGION``; None for what the AWS
            environment, its configuration files or the machine's role say.
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
        self._access = access_for(bucket) if credentials is None else _access(credentials)
        remember_bucket(bucket, self._access)

    def __repr__(self) -> str:
        return f"S3DataStore(bucket={self.bucket!r}, access={self._access!r})"

    def put(self, path: Path, key: str, info: ShardInfo) -> str:
        """Upload one shard, unless the object is there already with this digest and size."""
        url = f"s3://{self.bucket}/{key}"
        digest = cid.digest(info.cid).hex()
        with s3_errors(url):
            if not self._has(key, digest, info.size):
                self._upload(path, key, digest)
        return url

    def read_url(self, url: str) -> str:
        """A presigned https URL, good for an hour, for one of the store's ``s3://`` URLs.

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

    def _has(self, key: str, digest: str, size: int) -> bool:
        """Whether an earlier run has uploaded this shard."""
        errors = require("botocore.exceptions", extra="s3")
        try:
            head = self._client.head_object(Bucket=self.bucket, Key=key)
        except errors.ClientError as error:
            # Without the right to list, a missing object is forbidden; the upload tells more.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
                return False
            raise
        return bool(head["ContentLength"] == size and head["Metadata"].get("sha256") == digest)

    def _upload(self, path: Path, key: str, digest: str) -> None:
        failed = require("boto3.exceptions", extra="s3").S3UploadFailedError
        options = {"ContentType": _CONTENT_TYPE, "Metadata": {"sha256": digest}}
        try:
            self._client.upload_file(str(path), self.bucket, key, ExtraArgs=options)
        except failed as error:
            # It wraps what the server answered, and only that says what is wrong.
            raise error.__context__ or error from None


def _access(credentials: Mapping[str, str] | str | os.PathLike[str]) -> S3Access:
    values = read_credentials(credentials)
    return S3Access(
        endpoint=values.get("AWS_ENDPOINT"),
        access_key=values["AWS_ACCESS_KEY_ID"],
        secret_key=values["AWS_SECRET_ACCESS_KEY"],
        region=values.get("AWS_REGION"),
    )
