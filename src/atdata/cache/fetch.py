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
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

from atdata.base.disk import RENAMES_OPEN_FILES, sync_file
from atdata.base.folders import cache_folder
from atdata.cache.download import Download, TooLarge
from atdata.cache.keeping import keep_later
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


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A verified shard on this machine, which may have no name in the cache yet."""

    path: Path
    name_it: Callable[[], Path] | None = None

    @property
    def is_kept(self) -> bool:
        """Whether it is in the cache."""
        return self.name_it is None

    def keep(self) -> Path:
        """Bring it to the disk, give it its name, and return its path in the cache."""
        return self.name_it() if self.name_it else self.path


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
    with contextlib.ExitStack() as held:
        found = _fetched(Download(shard, expected, is_cancelled), held)
        return None if found is None else found.keep()


def cached_file(
    shard: StoredObject,
    *,
    expected: ShardInfo | ExpectedShard | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> IO[bytes] | None:
    """Open a shard from the network, which is kept in the cache afterwards; see `cached_path`.

    It is opened as soon as its bytes are verified. A thread brings them to the disk and then
    gives them their name in the cache.

    Returns:
        The open file; None if it is to be read as a stream. The caller closes it.

    Raises:
        FileNotFoundError: Another process dropped it at this moment; try again.
        AtdataError: As :func:`cached_path`.
    """
    with contextlib.ExitStack() as held:
        found = _fetched(Download(shard, expected, is_cancelled), held)
        if found is None:
            return None
        if found.is_kept or not RENAMES_OPEN_FILES:
            return found.keep().open("rb")
        file = found.path.open("rb")
        keep_later(found.keep, held)
        return file


def _fetched(download: Download, held: contextlib.ExitStack) -> _Fetched | None:
    """Find a shard or fetch it; ``held`` gets what it needs until it is kept."""
    cache, expected = user_cache(), download.expected
    if cache is None or (expected and (expected.size or 0) > cache.limit):
        return None
    if expected:
        found = cache.find(expected.cid, expected.size)
        return _Fetched(found) if found else _fetch_expected(cache, download, expected, held)
    return _fetch_any(cache, download, held)


def _fetch_expected(
    cache: ShardCache,
    download: Download,
    expected: ShardInfo | ExpectedShard,
    held: contextlib.ExitStack,
) -> _Fetched | None:
    # Lock by CID and URL: another record may name the same bytes at a URL that never sends them.
    held.enter_context(cache.filling(f"{expected.cid} {unsigned(download.object.url)}"))
    found = cache.find(expected.cid, expected.size)
    if found:
        return _Fetched(found)
    refuse_offline(download.object.url)
    return _filled(cache, download, download.begin(), held)


def _fetch_any(
    cache: ShardCache, download: Download, held: contextlib.ExitStack
) -> _Fetched | None:
    name = unsigned(download.object.url)
    held.enter_context(cache.filling(name))
    known = cache.known(name)
    found = cache.find(known.cid, known.size) if known else None
    # The data of an ipfs:// URL never changes.
    same = is_offline() or scheme_of(name) == "ipfs"
    if found and known and (same or download.tag() == known.tag):
        return _Fetched(found)
    refuse_offline(download.object.url)
    first = download.begin()
    if first.tag is None or (first.size or 0) > cache.limit:
        first.stream.close()
        return None
    return _filled(cache, download, first, held, name)


def _filled(
    cache: ShardCache,
    download: Download,
    first: Opened,
    held: contextlib.ExitStack,
    name: str | None = None,
) -> _Fetched | None:
    """Fetch a shard; once it is kept, the name finds it, if one is given."""
    held.enter_context(cache_errors(cache.folder))
    with contextlib.suppress(TooLarge), first.stream:
        file = held.enter_context(cache.new_file())
        cid, size = download.write(first, file, limit=cache.limit, make_room=cache.make_room)
        file.close()
        path = Path(file.name)

        def keep() -> Path:
            sync_file(path)  # before its turn: others have theirs meanwhile
            kept = cache.keep(path, cid)
            if name is not None and first.tag is not None:
                cache.remember(name, Known(redacted(name), first.tag, cid, size))
            return kept

        return _Fetched(path, keep)
    return None


@lru_cache(maxsize=8)
def _cache(folder: Path, limit: int) -> ShardCache:
    return ShardCache(folder, limit)
