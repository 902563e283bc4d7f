"""How buckets are reached, for other processes too; and which ones data may use credentials for.

A store that is made here lets this process read its bucket. The workers of a data loader may be
other processes, so the sources that are sent to them carry the access to their buckets.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from atdata.errors import AddressRefused, NetworkError
from atdata.storage.reach import PORTS, public_addresses
from atdata.storage.urls import scheme_of, split_url

_MODULES = {"gs": "atdata.storage.gs", "s3": "atdata.storage.s3_access"}

Bucket = tuple[str, str, Any]
"""Scheme, name, and how it is reached."""


def known_buckets(urls: Iterable[str]) -> list[Bucket]:
    """Return what this process remembers of the buckets that URLs name."""
    named = {(scheme_of(url), url.partition("://")[2].partition("/")[0]) for url in urls}
    accesses = [
        (scheme, name, import_module(_MODULES[scheme]).remembered(name))
        for scheme, name in sorted(named)
        if scheme in _MODULES
    ]
    return [bucket for bucket in accesses if bucket[2] is not None]


def is_named(bucket: str) -> bool:
    """Return whether ``ATDATA_BUCKETS``, a comma-separated list, names a bucket."""
    return bucket in {name.strip() for name in os.environ.get("ATDATA_BUCKETS", "").split(",")}


def check_endpoint(endpoint: str | None, url: str) -> None:
    """Refuse a private server for a bucket that only data from the network names.

    Raises:
        AddressRefused: The server's address is private, and the user has not allowed it.
        NetworkError: Its name can't be resolved.
    """
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


def remember_buckets(buckets: Iterable[Bucket]) -> None:
    """Remember in this process the buckets that another process knows."""
    for scheme, name, access in buckets:
        import_module(_MODULES[scheme]).remember_bucket(name, access)
