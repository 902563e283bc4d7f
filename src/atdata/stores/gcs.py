"""Shards in a bucket of Google Cloud Storage."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from atdata.errors import StorageError
from atdata.storage.buckets import find_bucket
from atdata.storage.gcs import GCSAccess, GCSBucket
from atdata.stores.bucket import BucketStore


class GCSDataStore(BucketStore):
    """A bucket of shards in Google Cloud Storage; see :class:`~atdata.stores.bucket.BucketStore`.

    What arrived is compared with what was sent by its MD5.

    Args:
        credentials: A service account's file, or its contents; ``"anon"`` for anonymous access;
            None for those of Google's environment, ``gcloud`` or the machine's role.
        bucket: Name of the bucket, which must exist.
        endpoint: URL of the server, if it is an emulator; by default that in
            ``STORAGE_EMULATOR_HOST``, else Google's.

    Raises:
        StorageError: There is no such file of credentials.
    """

    def __init__(
        self,
        credentials: Mapping[str, str] | str | os.PathLike[str] | None = None,
        *,
        bucket: str,
        endpoint: str | None = None,
    ) -> None:
        if credentials is None and endpoint is None:
            super().__init__(find_bucket(GCSBucket, bucket))
            return
        endpoint = endpoint or GCSAccess.from_environment().endpoint
        super().__init__(GCSBucket(bucket, GCSAccess(endpoint, _checked(credentials))))


def _checked(
    given: Mapping[str, str] | str | os.PathLike[str] | None,
) -> Mapping[str, str] | str | None:
    if given is None or isinstance(given, Mapping):
        return given
    if given == "anon":
        return "anon"
    path = Path(given).expanduser()
    if not path.is_file():
        raise StorageError("there is no such file of credentials", uri=str(path))
    return str(path)
