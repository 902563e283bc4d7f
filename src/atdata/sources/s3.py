"""Shards in S3, or on another server with its protocol."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

from atdata.base.extras import require
from atdata.base.streams import from_pieces
from atdata.cache.fetch import cached_path
from atdata.errors import ShardNotFound, UrlError
from atdata.shards.info import ShardInfo
from atdata.shards.promise import Promise
from atdata.sources.braces import Names
from atdata.sources.streams import ShardStreams
from atdata.storage.remote import Opened
from atdata.storage.resume import open_resuming
from atdata.storage.s3_access import (
    S3Access,
    access_for,
    access_from_data,
    s3_errors,
    status_of,
)

_PIECE = 1 << 20
_EXTENT = re.compile(r"bytes (\d+)-\d+/(\d+)")


def split_url(url: str) -> tuple[str, str]:
    """Return bucket and key of an ``s3://`` URL.

    Raises:
        UrlError: It names no bucket or no key.
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket or not key:
        raise UrlError("not a URL of an S3 object", uri=url, hint="write s3://bucket/key")
    return bucket, key


def open_range(
    url: str,
    *,
    start: int = 0,
    stop: int | None = None,
    tag: str | None = None,
    untrusted: bool = False,
    access: S3Access | None = None,
) -> Opened:
    """Open bytes ``start:stop`` of an object, by one request.

    Args:
        url: ``s3://bucket/key``.
        start: Offset of the first byte.
        stop: Offset after the last byte; to the end when None.
        tag: The object must still have this ETag.
        untrusted: The URL comes from the network: without credentials, and not from a private
            server, unless the user has named the bucket (``ATDATA_BUCKETS``).
        access: How to reach it; None for the access known for the bucket.

    Raises:
        UrlError: Not such a URL (``AddressRefused``: it is untrusted, and the server private).
        StorageError: There is no such object, it may not be read, or it has changed.
        NetworkError: The server can't be reached, or is in trouble; also from the stream.
    """
    bucket, key = split_url(url)
    if access is None:
        access = access_from_data(bucket, url) if untrusted else access_for(bucket)
    wanted: dict[str, Any] = {"Bucket": bucket, "Key": key}
    if start or stop is not None:
        wanted["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
    if tag is not None:
        wanted["IfMatch"] = tag
    with s3_errors(url):
        answer = _asked(access.client(), wanted)
    body = answer["Body"]
    first, size = _extent(answer)
    return Opened(
        from_pieces(_pieces(body, url), body.close),
        first,
        size,
        answer.get("ETag"),
        "ContentRange" in answer,
    )


def open_s3(url: str, access: S3Access | None = None) -> IO[bytes]:
    """Open a stream of an object, which resumes when the connection breaks.

    Args:
        url: ``s3://bucket/key``.
        access: How to reach it; None for the access known for the bucket.

    Raises:
        UrlError, StorageError, NetworkError: As from :func:`open_range`.
    """
    return open_resuming(partial(open_range, access=access), url)


def _asked(client: Any, wanted: dict[str, Any]) -> Mapping[str, Any]:
    refused = require("botocore.exceptions", extra="s3").ClientError
    try:
        return client.get_object(**wanted)  # type: ignore[no-any-return]
    except refused as error:
        # The start of an empty object is already past its end.
        if status_of(error) != 416 or not wanted["Range"].startswith("bytes=0-"):
            raise
    del wanted["Range"]
    return client.get_object(**wanted)  # type: ignore[no-any-return]


def _extent(answer: Mapping[str, Any]) -> tuple[int, int]:
    """Return the offset of a response's first byte, and the object's size."""
    if found := _EXTENT.fullmatch(answer.get("ContentRange", "")):
        return int(found[1]), int(found[2])
    return 0, int(answer["ContentLength"])


def _pieces(body: Any, url: str) -> Iterator[bytes]:
    with s3_errors(url):
        while piece := body.read(_PIECE):
            yield piece


class S3Source:
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
        shards: (name, stream) pairs, to iterate over or to call.
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
        self._known = frozenset(self.list_shards())
        self.shards = ShardStreams(self)

    @classmethod
    def from_urls(
        cls,
        urls: str | Iterable[str],
        *,
        endpoint: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        region: str | None = None,
        session_token: str | None = None,
    ) -> S3Source:
        """Make a source from ``s3://bucket/key`` URLs of one bucket, with brace notation.

        Raises:
            UrlError: Not such URLs, none at all, or of several buckets.
        """
        pairs = list(map(split_url, Names([urls] if isinstance(urls, str) else urls)))
        buckets = {bucket for bucket, _ in pairs}
        if len(buckets) != 1:
            raise UrlError(
                f"the URLs name {len(buckets)} buckets: {', '.join(sorted(buckets))}",
                hint="one S3Source reads from one bucket; give Dataset a list of URLs instead",
            )
        keys = [key for _, key in pairs]
        return cls(buckets.pop(), keys, endpoint, access_key, secret_key, region, session_token)

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
        return cls(
            bucket,
            keys,
            access.endpoint,
            access.access_key,
            access.secret_key,
            access.region,
            access.session_token,
        )

    def list_shards(self) -> list[str]:
        """Return each shard as ``s3://bucket/key``."""
        return [f"s3://{self.bucket}/{key}" for key in self.keys]

    @property
    def shard_list(self) -> list[str]:
        """Each shard as ``s3://bucket/key``."""
        return self.list_shards()

    def open_shard(self, shard_id: str) -> IO[bytes]:
        """Open a stream of one shard; the caller closes it.

        Raises:
            ShardNotFound: Not a shard of this source.
            StorageError, NetworkError: It can't be read.
        """
        self._check(shard_id)
        return open_s3(shard_id, self._access)

    @property
    def is_remote(self) -> bool:
        """Always True: shards come from the network."""
        return True

    def fetch(
        self,
        shard_id: str,
        *,
        promised: ShardInfo | Promise | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Path | None:
        """Return the path of a shard in the cache; fetch it if it is not there.

        Returns:
            The path; None if it is to be read as a stream.

        Raises:
            ShardNotFound: Not a shard of this source.
            AtdataError: As ``cached_path`` in :mod:`atdata.cache.fetch`.
        """
        self._check(shard_id)
        remote = partial(open_range, access=self._access)
        return cached_path(shard_id, remote, promised=promised, is_cancelled=is_cancelled)

    def _check(self, shard_id: str) -> None:
        if shard_id not in self._known:
            raise ShardNotFound("the source has no such shard", shard=shard_id)

    def __repr__(self) -> str:
        return f"S3Source({self.bucket!r}, {len(self.keys)} keys, access={self._access!r})"
