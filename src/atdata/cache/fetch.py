"""Shards from the network, through the user's cache.

``ATDATA_CACHE`` names its folder (by default ``atdata/shards`` in the XDG cache folder), or is
``off``; ``ATDATA_CACHE_SIZE`` is its limit, 20GB by default. With ``ATDATA_OFFLINE=1`` only
the cache is read, and no requests are made.

A shard whose digest is known is found by that and needs no request. Any other is found by its
URL and the state (tag) that its server reports with the first part; if a server reports none,
nothing is cached.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from atdata.base.folders import cache_folder
from atdata.cache.download import Download, TooLarge
from atdata.cache.shard_cache import Known, ShardCache, cache_errors
from atdata.errors import StorageError
from atdata.shards.expected import ExpectedShard
from atdata.shards.info import ShardInfo
from atdata.storage.objects import StoredObject
from atdata.storage.offline import is_offline, refuse_offline
from atdata.storage.resume import Opened
from atdata.storage.urls import redacted, scheme_of, unsigned

_DEFAULT_SIZE = "20GB"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def user_cache() -> ShardCache | None:
    """Return the user's cache; None if it is turned off.

    Raises:
        StorageError: Its folder can't be used, or ``ATDATA_CACHE_SIZE`` is not a size.
    """
    folder = cache_path()
    if folder is None:
        return None
    cache = _cache(folder, parse_size(os.environ.get("ATDATA_CACHE_SIZE") or _DEFAULT_SIZE))
    cache.prepare()
    return cache


def cache_path() -> Path | None:
    """Return the path of the user's cache, which may not exist; None if it is turned off."""
    chosen = os.environ.get("ATDATA_CACHE", "")
    if chosen.lower() == "off":
        return None
    return Path(chosen).expanduser() if chosen else cache_folder() / "shards"


def parse_size(text: str) -> int:
    """Parse a number of bytes: ``"20GB"``, ``"1.5 TB"``, ``"512MiB"``, ``"1000"``.

    Raises:
        StorageError: The text is not a size.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise StorageError(f"{text!r} is not a size", hint="Write 20GB, 512MiB or the like.")
    base = 1024 if found[3] else 1000
    return int(float(found[1]) * base ** _POWERS[found[2].lower()])


def cached_path(
    shard: StoredObject,
    *,
    expected: ShardInfo | ExpectedShard | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Path | None:
    """Return the path of a shard from the network in the cache; fetch it if it is not there.

    Args:
        shard: Where it is.
        expected: What its bytes must be.
        is_cancelled: Called now and then; True to give up.

    Returns:
        The path; None if it is to be read as a stream, because there is no cache, no tag of its
        state, or no room for it.

    Raises:
        DigestMismatch: The bytes are not those that were expected. None of them are kept.
        StorageError: The cache can't be written.
        NetworkError: It is not cached, and the user is offline or its server can't be reached.
        Cancelled: The caller cancelled it.
        AtdataError: What the place raises.
    """
    cache = user_cache()
    if cache is None or (expected and (expected.size or 0) > cache.limit):
        return None
    download = Download(shard, expected, is_cancelled)
    if expected:
        return cache.find(expected.cid, expected.size) or _fetch_expected(cache, download, expected)
    return _fetch_any(cache, download)


def _fetch_expected(
    cache: ShardCache, download: Download, expected: ShardInfo | ExpectedShard
) -> Path | None:
    refuse_offline(download.object.url)
    # Lock by CID and URL: another record may name the same bytes at a URL that never sends them.
    with cache.filling(f"{expected.cid} {unsigned(download.object.url)}"):
        found = cache.find(expected.cid, expected.size)
        return found or _filled(cache, download, download.begin())


def _fetch_any(cache: ShardCache, download: Download) -> Path | None:
    name = unsigned(download.object.url)
    with cache.filling(name):
        known = cache.known(name)
        found = cache.find(known.cid, known.size) if known else None
        # The data of an ipfs:// URL never changes.
        same = is_offline() or scheme_of(name) == "ipfs"
        if found and known and (same or download.tag() == known.tag):
            return found
        refuse_offline(download.object.url)
        first = download.begin()
        if first.tag is None or (first.size or 0) > cache.limit:
            first.stream.close()
            return None
        return _filled(cache, download, first, name)


def _filled(
    cache: ShardCache, download: Download, first: Opened, name: str | None = None
) -> Path | None:
    """Fetch a shard into the cache, and remember the name that finds it, if one is given."""
    with (
        cache_errors(cache.folder),
        contextlib.suppress(TooLarge),
        first.stream,
        cache.new_file() as file,
    ):
        cid, size = download.write(first, file, limit=cache.limit, make_room=cache.make_room)
        file.close()
        kept = cache.keep(Path(file.name), cid)
        if name is not None and first.tag is not None:
            cache.remember(name, Known(redacted(name), first.tag, cid, size))
        return kept
    return None


@lru_cache(maxsize=8)
def _cache(folder: Path, limit: int) -> ShardCache:
    return ShardCache(folder, limit)
