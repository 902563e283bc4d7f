"""Shards in S3, or on another server with its protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple

from atdata.errors import UrlError
from atdata.sources.base import ObjectSource, shard_of
from atdata.sources.braces import Names
from atdata.storage.buckets import BucketUrls, known_buckets, split_bucket
from atdata.storage.objects import StoredObject
from atdata.storage.s3 import S3Access, S3Bucket


class S3Source(ObjectSource):
    """Objects of a bucket as shards; their names are ``s3://bucket/key``.

    Args:
        bucket: Name of the bucket.
        keys: Keys of the shards, in order.
        endpoint: URL of the server; None for AWS.
        access_key: Access key id; without one, boto3's own chain finds credentials.
        secret_key: Its secret.
        region: Region name.
        session_token: Session token of temporary credentials.

    Attributes:
        bucket: As given.
        keys: As given.
    """

    def __init__(
        self,
        bucket: str,
        keys: Iterable[str],
        endpoint: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        region: str | None = None,
        session_token: str | None = None,
    ) -> None:
        self.bucket = bucket
        self.keys = [keys] if isinstance(keys, str) else list(keys)
        given = S3Access(endpoint, access_key, secret_key, region, session_token)
        self._access = None if given == S3Access() else given
        known = known_buckets([S3Bucket(bucket, given)] if self._access else [])
        place = BucketUrls(
            kind=S3Bucket, given={name: known[name] for name in {("s3", bucket)} & known.keys()}
        )
        self._objects = {name: StoredObject(place, name) for name in self.list_shards()}

    @classmethod
    def from_urls(cls, urls: str | Iterable[str], **access: str | None) -> S3Source:
        """Make a source from ``s3://bucket/key`` URLs of one bucket, with brace notation.

        Args:
            urls: The URLs.
            access: ``endpoint``, ``access_key``, ``secret_key``, ``region`` and
                ``session_token``, as for the class.

        Raises:
            UrlError: Not such URLs, none at all, or of several buckets.
        """
        names = Names([urls] if isinstance(urls, str) else urls)
        pairs = [split_bucket(url, "s3") for url in names]
        buckets = {bucket for bucket, _ in pairs}
        if len(buckets) != 1:
            raise UrlError(
                f"the URLs name {len(buckets)} buckets: {', '.join(sorted(buckets))}",
                hint="Give Dataset a list of URLs instead: an S3Source reads from one bucket.",
            )
        keys = [key for _, key in pairs]
        return cls(buckets.pop(), keys, **access)

    @classmethod
    def from_credentials(
        cls, credentials: Mapping[str, str], bucket: str, keys: Iterable[str]
    ) -> S3Source:
        """Make a source with credentials as ``S3DataStore`` takes them.

        Args:
            credentials: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, and where needed
                ``AWS_ENDPOINT``, ``AWS_REGION`` and ``AWS_SESSION_TOKEN``.
            bucket: Name of the bucket.
            keys: Keys of the shards, in order.
        """
        access = S3Access.from_credentials(credentials)
        return cls(bucket, keys, *astuple(access)[:5])

    def list_shards(self) -> list[str]:
        """Return each shard as ``s3://bucket/key``."""
        return [f"s3://{self.bucket}/{key}" for key in self.keys]

    def object(self, shard_id: str) -> StoredObject:
        """Return the object that is a shard; raises as :meth:`open_shard`."""
        return shard_of(self._objects, shard_id)

    def __repr__(self) -> str:
        return f"S3Source({self.bucket!r}, {len(self.keys)} keys, access={self._access!r})"
