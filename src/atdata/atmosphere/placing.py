"""The place of a dataset's shards when it is published.

URLs that others can reach stay as they are. Shards that only this machine can read are uploaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from atdata._protocols import AbstractDataStore
from atdata.atmosphere.pds_store import PDSBlobStore
from atdata.base.arguments import check_store as check_is_store
from atdata.errors import EntryError, StorageError, UrlError
from atdata.progress import Progress
from atdata.shards.info import ShardInfo, WrittenShards
from atdata.sources.adapt import AdaptedSource
from atdata.sources.braces import MAX_RECORD_NAMES, Names
from atdata.storage.urls import redacted, scheme_of, split_url, unsigned
from atdata.stores.base import prefix_for
from atdata.stores.disk import LocalDiskStore
from atdata.stores.transfer import can_dry_run, transfer
from atdata_records.ac.foundation.dataset.record import BlobStorage, UrlStorage

if TYPE_CHECKING:
    from atdata.atmosphere.client import AtmosphereClient
    from atdata.dataset import Dataset

_SCHEMES = ("http", "https", "s3", "gs", "ipfs")
_MOST_URLS = 4096  # of one record, by its lexicon


@dataclass(frozen=True, slots=True)
class Placed:
    """Shards that are where a record can refer to them.

    Attributes:
        storage: The record's ``storage`` member.
        shards: What is known of each shard, in order; None when nothing is known.
        cut_from: The shards that these were cut from; None when they were not cut.
        copied: Where each shard was copied to; empty when they stayed in place.
    """

    storage: UrlStorage | BlobStorage
    shards: tuple[ShardInfo, ...] | None
    cut_from: tuple[ShardInfo, ...] | None = None
    copied: tuple[str, ...] = ()


def is_public(url: str) -> bool:
    """Return whether a URL is of a kind that others can open too."""
    return scheme_of(url) in _SCHEMES


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
    named = _count(storage.urls)
    if shards is not None and named != len(shards):
        raise EntryError(f"the URLs name {named:,} shards, but {len(shards):,} are described")
    return Placed(storage, None if shards is None else tuple(shards))


def _count(urls: Sequence[str]) -> int:
    """Return the number of shards that URLs name; only braces name several."""
    if any("{" in url or "}" in url for url in urls):
        return len(Names(urls, MAX_RECORD_NAMES))
    return len(urls)


def publishable(url: str) -> str:
    """Return a URL as it may be published: without the query string, if that is a signature.

    Only the form is checked, never whether the URL can be read. An ``ipfs://``
    URL needs no path: the CID in the place of the host may be that of the shard itself.

    Raises:
        UrlError: It is not of the form scheme://host/path with a scheme that others can reach,
            or it has a user name or password.
    """
    parts = split_url(url)
    named = parts.path or parts.query or parts.scheme == "ipfs"
    if parts.scheme not in _SCHEMES or not parts.netloc or not named:
        raise UrlError(
            "not a URL that others can reach",
            uri=redacted(url),
            hint=f"Give URLs with a host, a path, and one of the schemes {', '.join(_SCHEMES)}.",
        )
    if "@" in parts.netloc:
        raise UrlError("the URL holds a user name or password", uri=redacted(url))
    return unsigned(url)


def check_store(store: AbstractDataStore) -> None:
    """Refuse a store whose shards others could not read.

    Raises:
        UrlError: It is a folder of this machine.
        StorageError: It is not a store.
    """
    check_is_store(store)
    if isinstance(store, LocalDiskStore):
        raise UrlError(
            "shards in a folder of this machine are not where others can reach them",
            uri=str(store.root),
            hint="Pass data_store=S3DataStore(…), or none: files then become blobs of your PDS.",
        )


def place(
    client: AtmosphereClient,
    ds: Dataset[Any],
    name: str,
    store: AbstractDataStore | None = None,
    *,
    prefix: str | None = None,
    infos: Sequence[ShardInfo] | None = None,
    progress: Progress | None = None,
    dry_run: bool = False,
    **store_options: Any,
) -> Placed:
    """Copy a dataset's shards to where others can read them.

    The shards are copied to ``store``, or cut anew for ``store_options``. Without a store,
    shards stay at URLs that others can reach; all others become blobs of the client's repository:
    byte for byte, so that their digests stay, except for those that are larger than the server
    takes.

    Args:
        client: A client that is logged in.
        ds: The dataset.
        name: Its name.
        store: The store.
        prefix: Where in the store; follows from the name when None.
        infos: What is known of each shard already, to be checked against.
        progress: Notified of each shard that is stored.
        dry_run: Store nothing; return where the shards would be.
        store_options: Options of the store's ``write_shards``.

    Raises:
        StorageError: The shards can't be stored; or ``dry_run``, and the store can't report
            beforehand where they will be.
        ShardError: A shard is damaged, or not the one that ``infos`` describes.
        EntryError, UrlError: As ``place_urls`` and ``check_store``.
    """
    if store is None:
        urls = _urls(ds)
        if all(map(is_public, urls)):
            return place_urls(urls, infos)
        store = PDSBlobStore(client)
    check_store(store)
    if dry_run and not can_dry_run(store):
        raise StorageError(
            f"a {type(store).__name__} can't report what it would write",
            hint="Run it without dry_run.",
        )
    written = transfer(
        ds,
        store,
        prefix=prefix_for(name) if prefix is None else prefix,
        infos=infos,
        progress=None if dry_run else progress,
        dry_run=dry_run,
        **store_options,
    )
    return _placed(store, written)


def _urls(ds: Dataset[Any]) -> list[str]:
    """Return the URLs of a dataset, in brace notation where they were given so."""
    written = AdaptedSource(ds.source).urls if ds.is_verbatim else None
    return ds.list_shards() if written is None else written


def _placed(store: AbstractDataStore, urls: Sequence[str]) -> Placed:
    if not isinstance(urls, WrittenShards):
        return replace(place_urls(urls), copied=tuple(urls))
    if isinstance(store, PDSBlobStore):
        placed = Placed(store.storage(urls), urls.shards)
    else:
        placed = place_urls(urls, urls.shards)
    return replace(placed, cut_from=urls.cut_from, copied=tuple(urls))
