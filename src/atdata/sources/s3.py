"""Shards in S3, or in anything that speaks its protocol."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any

from atdata._extras import require
from atdata.errors import NetworkError, ShardNotFound, StorageError, UrlError
from atdata.sources.braces import expand
from atdata.sources.schemes import redacted
from atdata.sources.streams import ShardStreams, from_pieces

_PIECE = 1 << 20
_HINTS = {
    "AccessDenied": "the credentials may not read it, or a listing right is missing",
    "InvalidAccessKeyId": "check AWS_ACCESS_KEY_ID",
    "NoSuchBucket": "check the bucket's name, and AWS_ENDPOINT_URL when it is not on AWS",
    "NoSuchKey": "check the key; the object may have moved",
    "NoCredentialsError": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use aws configure",
    "SignatureDoesNotMatch": "check AWS_SECRET_ACCESS_KEY",
}


@dataclass(frozen=True, slots=True)
class S3Access:
    """How to reach an S3 server. What is None is left to boto3's own chain.

    Attributes:
        endpoint: URL of the server; None for AWS.
        access_key: Access key id.
        secret_key: Its secret; neither is ever shown.
        region: Region name.
    """

    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    region: str | None = None

    def __repr__(self) -> str:
        endpoint = redacted(self.endpoint) if self.endpoint else None
        return f"S3Access(endpoint={endpoint!r}, region={self.region!r})"

    @classmethod
    def from_environment(cls) -> S3Access:
        """What the environment says; boto3 finds credentials by itself."""
        get = os.environ.get
        endpoint = get("AWS_ENDPOINT_URL_S3") or get("AWS_ENDPOINT_URL") or get("AWS_ENDPOINT")
        return cls(endpoint=endpoint, region=get("AWS_REGION") or get("AWS_DEFAULT_REGION"))

    def client(self) -> Any:
        """The boto3 client, one a process.

        Raises:
            MissingExtra: boto3 is not installed.
            UrlError: The endpoint or region has no usable form.
        """
        try:
            return _client(self, os.getpid())
        except ValueError:
            raise UrlError(
                "boto3 can't use this endpoint or region",
                uri=self.endpoint and redacted(self.endpoint),
                hint="an endpoint is written as https://host:port, a region as us-east-1",
            ) from None


@lru_cache(maxsize=32)
def _client(access: S3Access, pid: int) -> Any:
    # By process, because a client's connections must not be shared across a fork.
    config = require("botocore.config", extra="s3").Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 3},
        # Servers other than AWS know neither buckets in host names nor newer checksums.
        s3={"addressing_style": "path" if access.endpoint else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return (
        require("boto3", extra="s3")
        .session.Session()
        .client(
            "s3",
            endpoint_url=access.endpoint,
            aws_access_key_id=access.access_key,
            aws_secret_access_key=access.secret_key,
            region_name=access.region or ("us-east-1" if access.endpoint else None),
            config=config,
        )
    )


_known: dict[str, S3Access] = {}


def remember_bucket(bucket: str, access: S3Access) -> None:
    """From now on, ``s3://`` URLs of this bucket are opened like this in this process."""
    _known[bucket] = access


def access_for(bucket: str) -> S3Access:
    """How a bucket was reached before in this process, else what the environment says."""
    return _known.get(bucket) or S3Access.from_environment()


def split_url(url: str) -> tuple[str, str]:
    """Bucket and key of an ``s3://`` URL.

    Raises:
        UrlError: It names no bucket or no key.
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket or not key:
        raise UrlError("not a URL of an S3 object", uri=url, hint="write s3://bucket/key")
    return bucket, key


def open_s3(url: str, access: S3Access | None = None) -> IO[bytes]:
    """A stream of an object.

    Args:
        url: ``s3://bucket/key``.
        access: How to reach it; None for what is known of the bucket.

    Raises:
        UrlError: Not such a URL.
        StorageError: There is no such object, or it may not be read.
        NetworkError: The server can't be reached; also from reading the stream.
    """
    bucket, key = split_url(url)
    with s3_errors(url):
        client = (access or access_for(bucket)).client()
        body = client.get_object(Bucket=bucket, Key=key)["Body"]
    return from_pieces(_pieces(body, url), body.close)


def _pieces(body: Any, url: str) -> Iterator[bytes]:
    with s3_errors(url):
        while piece := body.read(_PIECE):
            yield piece


@contextmanager
def s3_errors(url: str) -> Iterator[None]:
    """Errors of boto3 as ours, without its texts, which may quote a signed request."""
    errors = require("botocore.exceptions", extra="s3")
    try:
        yield
    except errors.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        raise StorageError(f"S3 answers {code}", uri=url, hint=_HINTS.get(code)) from None
    except (errors.ConnectionError, errors.HTTPClientError) as error:
        raise NetworkError(
            f"the S3 server can't be reached ({type(error).__name__})",
            uri=url,
            hint="check AWS_ENDPOINT_URL and that the server runs",
        ) from None
    except errors.BotoCoreError as error:
        kind = type(error).__name__
        raise StorageError(f"S3 can't be used: {kind}", uri=url, hint=_HINTS.get(kind)) from None


class S3Source:
    """Objects of a bucket as shards; their names are ``s3://bucket/key``.

    Args:
        bucket: Name of the bucket.
        keys: Keys of the shards, in order.
        endpoint: URL of the server, when it is not AWS.
        access_key: Access key id; without one, boto3's own chain finds credentials.
        secret_key: Its secret.
        region: Region name.

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
    ) -> None:
        self.bucket = bucket
        self.keys = [keys] if isinstance(keys, str) else list(keys)
        given = S3Access(endpoint, access_key, secret_key, region)
        self._access = None if given == S3Access() else given
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
    ) -> S3Source:
        """Shards by ``s3://bucket/key`` URLs of one bucket, with brace notation.

        Raises:
            UrlError: Not such URLs, none at all, or of several buckets.
        """
        patterns = [urls] if isinstance(urls, str) else urls
        pairs = [split_url(url) for pattern in patterns for url in expand(pattern)]
        buckets = {bucket for bucket, _ in pairs}
        if len(buckets) != 1:
            raise UrlError(
                f"the URLs name {len(buckets)} buckets: {', '.join(sorted(buckets))}",
                hint="one S3Source reads from one bucket; give Dataset a list of URLs instead",
            )
        keys = [key for _, key in pairs]
        return cls(buckets.pop(), keys, endpoint, access_key, secret_key, region)

    @classmethod
    def from_credentials(
        cls, credentials: Mapping[str, str], bucket: str, keys: Iterable[str]
    ) -> S3Source:
        """With credentials as ``S3DataStore`` takes them.

        Args:
            credentials: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, and where needed
                ``AWS_ENDPOINT`` and ``AWS_REGION``.
            bucket: Name of the bucket.
            keys: Keys of the shards, in order.
        """
        names = ("AWS_ENDPOINT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
        return cls(bucket, keys, *map(credentials.get, names))

    def list_shards(self) -> list[str]:
        """Each shard as ``s3://bucket/key``."""
        return [f"s3://{self.bucket}/{key}" for key in self.keys]

    @property
    def shard_list(self) -> list[str]:
        """Each shard as ``s3://bucket/key``."""
        return self.list_shards()

    def open_shard(self, shard_id: str) -> IO[bytes]:
        """A stream of one shard; the caller closes it.

        Raises:
            ShardNotFound: Not a shard of this source.
            StorageError, NetworkError: It can't be read.
        """
        if shard_id.removeprefix(f"s3://{self.bucket}/") not in self.keys:
            raise ShardNotFound("the source has no such shard", shard=shard_id)
        return open_s3(shard_id, self._access)

    def __repr__(self) -> str:
        return f"S3Source({self.bucket!r}, {len(self.keys)} keys, access={self._access!r})"
