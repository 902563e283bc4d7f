"""Where the shards of a dataset will be when it is published.

URLs that others can reach stay where they are. What only this machine can read is uploaded.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from atdata._protocols import AbstractDataStore, DataSource
from atdata.errors import EntryError, UrlError
from atdata.shards.manifest import ShardInfo, ShardUrls
from atdata.sources.braces import count
from atdata.sources.schemes import redacted
from atdata.stores.base import prefix_for
from atdata.stores.pds import BlobTooLargeError, PDSBlobStore
from atdata_records.ac.foundation.dataset.record import BlobStorage, UrlStorage

if TYPE_CHECKING:
    from atdata.atmosphere.client import AtmosphereClient
    from atdata.dataset import Dataset

_SCHEMES = ("http", "https", "s3", "gs", "ipfs")
_MOST_URLS = 4096  # of one record, as its lexicon says
# Parameters by which S3, GCS, Azure and CloudFront sign a URL.
_SIGNATURES = re.compile(r"(?i)x-(amz|goog)-(signature|credential|security-token)|signature|sig")


@dataclass(frozen=True, slots=True)
class Placed:
    """Shards that are where a record can refer to them.

    Attributes:
        storage: The record's member of that name.
        shards: What is known of each shard, in order; None when nothing is.
    """

    storage: UrlStorage | BlobStorage
    shards: tuple[ShardInfo, ...] | None


def is_public(url: str) -> bool:
    """Whether a URL is of a kind that others can open too."""
    return urlsplit(url).scheme in _SCHEMES


def place_urls(urls: Sequence[str], shards: Sequence[ShardInfo] | None = None) -> Placed:
    """Leave shards at their URLs.

    Args:
        urls: The URLs, brace notation as written.
        shards: What is known of each shard.

    Raises:
        EntryError: There are none, more than a record holds, or not as many as ``shards``.
        UrlError: One is not of the form scheme://host/path, has a password or braces that
            don't match, or can't be reached by others.
    """
    if not urls:
        raise EntryError("a dataset without data URLs can't be published")
    if len(urls) > _MOST_URLS:
        raise EntryError(
            f"a record holds {_MOST_URLS} URLs, not {len(urls):,}",
            hint="Use brace notation for numbered shards, or write larger ones.",
        )
    storage = UrlStorage(urls=[publishable(url) for url in urls])
    named = sum(map(count, storage.urls))
    if shards is not None and named != len(shards):
        raise EntryError(f"the URLs name {named:,} shards, but {len(shards):,} are described")
    return Placed(storage, None if shards is None else tuple(shards))


def publishable(url: str) -> str:
    """A URL as it may be published: without the query string, if that signs.

    Only the form is checked, never whether something answers there (seed 002).

    Raises:
        UrlError: It is not of the form scheme://host/path with a scheme that others can reach,
            or it has a user name or password.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.netloc or not (parts.path or parts.query):
        raise UrlError(
            "not a URL that others can reach",
            uri=redacted(url),
            hint=f"Published URLs have a host and a path, and one of {', '.join(_SCHEMES)}.",
        )
    if "@" in parts.netloc:
        raise UrlError("the URL holds a user name or password", uri=redacted(url))
    if any(_SIGNATURES.fullmatch(name) for name, _ in parse_qsl(parts.query)):
        return url.partition("?")[0]
    return url


def upload(
    client: AtmosphereClient, source: DataSource, name: str, infos: Sequence[ShardInfo] | None
) -> Placed:
    """Copy shards into the client's repository, byte for byte.

    Raises:
        StorageError: They are too large for it.
        ShardError: A shard is damaged, or not the one that ``infos`` tells.
    """
    store = PDSBlobStore(client)
    urls = store.copy_shards(source, prefix=prefix_for(name), infos=infos)
    return Placed(store.storage(urls), urls.shards)


def copy_to(
    store: AbstractDataStore,
    ds: Dataset[Any],
    prefix: str,
    infos: Sequence[ShardInfo] | None,
) -> Placed:
    """Copy a dataset's shards to a store: byte for byte if the store can, else re-encoded."""
    copy = getattr(store, "copy_shards", None)
    if copy is None:
        return _placed(store, store.write_shards(ds, prefix=prefix))
    return _placed(store, copy(ds.source, prefix=prefix, infos=infos))


def place(
    client: AtmosphereClient,
    ds: Dataset[Any],
    name: str,
    store: AbstractDataStore | None,
    prefix: str | None,
    **store_options: Any,
) -> Placed:
    """Bring a dataset's shards where others can read them.

    Its samples are written to ``store``. When that is None, shards stay at URLs that others can
    reach; all others become blobs of the client's repository: byte for byte, so that their
    digests stay, or cut anew when the server does not take blobs of their size.

    Raises:
        StorageError: The shards can't be stored.
        EntryError, UrlError: As ``place_urls``.
    """
    where = prefix_for(name) if prefix is None else prefix
    if store is not None:
        return _placed(store, store.write_shards(ds, prefix=where, **store_options))
    urls = _urls(ds)
    if all(map(is_public, urls)):
        return place_urls(urls)
    blobs = PDSBlobStore(client)
    if not store_options and hasattr(type(ds.source), "open_shard"):
        with contextlib.suppress(BlobTooLargeError):
            copied = blobs.copy_shards(ds.source, prefix=where)
            return Placed(blobs.storage(copied), copied.shards)
    written = blobs.write_shards(ds, prefix=where, **store_options)
    return Placed(blobs.storage(written), written.shards)


def _urls(ds: Dataset[Any]) -> list[str]:
    """The URLs of a dataset, in brace notation where they were given so."""
    written: Iterable[str] | None = getattr(ds.source, "urls", None)
    return ds.list_shards() if written is None else list(written)


def _placed(store: AbstractDataStore, urls: Sequence[str]) -> Placed:
    if isinstance(store, PDSBlobStore) and isinstance(urls, ShardUrls):
        return Placed(store.storage(urls), urls.shards)
    return place_urls(urls, urls.shards if isinstance(urls, ShardUrls) else None)
