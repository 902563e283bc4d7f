"""Buckets: how they are reached, and which ones data may use credentials for.

How a bucket is reached is a part of its value, which travels with a source, store or dataset. In
addition, a store that is made lets this process read its bucket by URL alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from mimetypes import guess_type
from typing import Any, ClassVar, Protocol, Self

from atdata.errors import AddressRefused, NetworkError, UrlError
from atdata.storage.objects import ObjectStore, Urls
from atdata.storage.reach import PORTS, public_addresses
from atdata.storage.resume import Opened
from atdata.storage.urls import scheme_of, split_url


class Access(Protocol):
    """How a server of buckets is reached. For what is None, the library's own chain decides."""

    @property
    def endpoint(self) -> str | None:
        """URL of the server; None for the provider's."""
        ...

    @classmethod
    def from_environment(cls) -> Self:
        """Return the access that the environment configures."""
        ...

    def without_credentials(self) -> Self:
        """Return the same access, without any credentials."""
        ...


@dataclass(frozen=True)
class Bucket(ObjectStore):
    """The objects of a bucket below a prefix.

    Attributes:
        name: Name of the bucket.
        access: How to reach it.
        prefix: Empty, or ending in a slash.
    """

    name: str
    access: Any
    prefix: str = ""

    scheme: ClassVar[str]
    access_type: ClassVar[type[Access]]

    @property
    def location(self) -> str:
        """``scheme://bucket/prefix``."""
        return self.url("").rstrip("/")

    def url(self, key: str) -> str:
        """Return ``scheme://bucket/prefix/key``."""
        return f"{self.scheme}://{self.name}/{self.prefix}{key}"


Buckets = Mapping[tuple[str, str], Bucket]
"""Buckets by scheme and name."""

_known: dict[tuple[str, str], Bucket] = {}


def remember(bucket: Bucket) -> None:
    """Open URLs of this bucket with its access from now on, in this process."""
    _known[bucket.scheme, bucket.name] = bucket


def content_type(key: str) -> str:
    """Return the media type of an object, by its key."""
    return guess_type(key)[0] or "application/octet-stream"


def known_buckets(given: Iterable[Bucket]) -> Buckets:
    """Return these buckets, and the others that are known in this process."""
    return _known | {(bucket.scheme, bucket.name): bucket for bucket in given}


def named_buckets(urls: Iterable[str]) -> set[tuple[str, str]]:
    """Return scheme and name of the buckets that URLs may name."""
    return {(scheme_of(url), url.partition("://")[2].partition("/")[0]) for url in urls}


def find_bucket(
    kind: type[Bucket], name: str, *, given: Buckets | None = None, untrusted: bool = False
) -> Bucket:
    """Return a bucket as it is given or known in this process, else with the environment's access.

    Args:
        kind: The class of its place.
        name: Its name.
        given: Buckets that travel with a source.
        untrusted: Data from the network names it. It is reached without credentials, unless the
            user has named it: in ``ATDATA_BUCKETS``, or by a store that was made or given.

    Raises:
        AddressRefused: ``untrusted``, and the server that the environment names is private.
        NetworkError: The name of that server can't be resolved.
    """
    known = (given or {}).get((kind.scheme, name)) or _known.get((kind.scheme, name))
    if known is not None:
        return replace(known, prefix="")
    access = kind.access_type.from_environment()
    if untrusted and not _is_named(name):
        _check_endpoint(access.endpoint, f"{kind.scheme}://{name}")
        access = access.without_credentials()
    return kind(name, access)


@dataclass(frozen=True, kw_only=True)
class BucketUrls(Urls):
    """Objects in buckets, whose keys are their URLs; see :func:`find_bucket`.

    Attributes:
        kind: The class of their buckets.
        given: Buckets that travel with a source.
    """

    kind: type[Bucket]
    given: Buckets = field(default_factory=dict)

    def _open_range(self, key: str, start: int, stop: int | None, tag: str | None) -> Opened:
        name, path = split_bucket(key, self.kind.scheme)
        bucket = find_bucket(self.kind, name, given=self.given, untrusted=self.untrusted)
        return bucket.open_range(path, start=start, stop=stop, tag=tag)


def split_bucket(url: str, scheme: str) -> tuple[str, str]:
    """Return bucket and key of an object's URL.

    Raises:
        UrlError: It names no bucket or no key.
    """
    bucket, _, key = url.removeprefix(f"{scheme}://").partition("/")
    if not url.startswith(f"{scheme}://") or not bucket or not key:
        raise UrlError(
            f"not a URL of an object in {scheme}://", uri=url, hint=f"Write {scheme}://bucket/key."
        )
    return bucket, key


def _is_named(bucket: str) -> bool:
    return bucket in {name.strip() for name in os.environ.get("ATDATA_BUCKETS", "").split(",")}


def _check_endpoint(endpoint: str | None, url: str) -> None:
    """Refuse a private server for a bucket that only data from the network names."""
    if endpoint is None:
        return
    parts = split_url(endpoint)
    try:
        public_addresses(parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0))
    except AddressRefused as error:
        raise AddressRefused(
            f"data from the network names a bucket, and {error.message.partition(', ')[2]}",
            uri=url,
            hint="If the bucket is yours, name it in ATDATA_BUCKETS.",
        ) from error
    except OSError as error:
        raise NetworkError.passing("the server of the bucket can't be resolved", uri=url) from error
