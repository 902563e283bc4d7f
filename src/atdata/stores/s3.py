"""Shards in a bucket of S3, or of another server with its protocol."""

from __future__ import annotations

import os
from collections.abc import Mapping

from atdata.storage.buckets import find_bucket, split_bucket
from atdata.storage.s3 import S3Access, S3Bucket, s3_errors
from atdata.stores.bucket import BucketStore
from atdata.stores.credentials import read_credentials

# Long enough to read a large shard over a slow line; seconds.
_PRESIGNED_FOR = 3600


class S3DataStore(BucketStore):
    """A bucket of shards; see :class:`~atdata.stores.bucket.BucketStore`.

    On servers without conditional writes (MinIO before 2023), the check and the write are
    separate, so two writers at once may both write: the same bytes. A process that is killed may
    leave parts of an upload, which are not an object. The next multipart upload of the same shard
    removes them; for shards that are never uploaded again, give the bucket a lifecycle rule
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
        if credentials is None:
            super().__init__(find_bucket(S3Bucket, bucket))
        else:
            access = S3Access.from_credentials(read_credentials(credentials))
            super().__init__(S3Bucket(bucket, access))

    def read_url(self, url: str) -> str:
        """Return a presigned URL for an ``s3://`` URL, of any bucket that the credentials open.

        It is valid for an hour, or until the credentials expire if that is sooner. Anyone who
        has it can read the shard, so it must not be stored in an index or a record.

        Raises:
            UrlError: It is not the URL of an object in S3.
        """
        bucket, key = split_bucket(url, "s3")
        with s3_errors(url):
            signed: str = self._place.access.client().generate_presigned_url(
                "get_object",
                Params={"Bucket": bucket, "Key": key},
                ExpiresIn=_PRESIGNED_FOR,
            )
        return signed
