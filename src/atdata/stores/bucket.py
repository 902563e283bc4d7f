"""What stores in buckets share: a shard is stored once, and never overwritten."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path

from atdata.errors import StorageError
from atdata.shards.info import ShardInfo
from atdata.sources.url import URLSource
from atdata.storage.buckets import Bucket, remember
from atdata.storage.objects import Stat
from atdata.storage.offline import refuse_offline
from atdata.stores.base import ShardStore
from atdata_records import cid

_PIECE = 1 << 20
# Another process may finish or remove the object meanwhile; one more try is enough in practice.
_TRIES = 3


def source_of(urls: Iterable[str], store: object) -> URLSource:
    """Return a source of URLs, some of which may be those of a store."""
    return store.create_source(urls) if isinstance(store, BucketStore) else URLSource(urls)


class BucketStore(ShardStore):
    """A bucket of shards.

    Making a store also configures this process to read the bucket by URL alone:
    ``Dataset[T]("s3://bucket/key")`` needs no further configuration. Other processes read it with
    the environment's credentials.

    A shard becomes visible only when it is complete, and an object that is there is never
    overwritten: of two writers of the same shard, the later one finds it and goes on.
    """

    def __init__(self, place: Bucket) -> None:
        self.bucket = place.name
        self._place = place
        remember(place)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bucket={self.bucket!r}, access={self._place.access!r})"

    def create_source(self, urls: Iterable[str]) -> URLSource:
        """Return a source of these URLs, which reads the store's bucket with its credentials."""
        return URLSource(urls, buckets=[self._place])

    def url_for(self, key: str, info: ShardInfo) -> str:
        """Return the URL of the bucket's object."""
        return self._place.url(key)

    def put(self, path: Path, key: str, info: ShardInfo) -> str:
        """Upload one shard, unless the object is there already with these bytes.

        Raises:
            StorageError: The server refuses, or an object with other bytes has the key.
            NetworkError: The server can't be reached.
        """
        url = self.url_for(key, info)
        refuse_offline(url)
        sha256 = cid.digest(info.cid).hex()
        for tried in range(_TRIES):
            if self._has(path, key, sha256, can_look=tried > 0):
                return url
            if self._place.create(key, path, sha256=sha256):
                return url
        raise StorageError(
            "other writers keep changing the object", uri=url, hint="Stop them, then try again."
        )

    def _has(self, path: Path, key: str, sha256: str, *, can_look: bool) -> bool:
        """Return whether the shard is there already; raise an error if another object is.

        Without the right to list, even a missing object is forbidden: unless ``can_look``, a
        refusal counts as a missing object, and the upload finds out.
        """
        try:
            found = self._place.stat(key)
        except StorageError:
            if can_look:
                raise
            return False
        if found is None:
            return False
        if found.size == path.stat().st_size and self._is_same(path, found, sha256):
            return True
        raise StorageError(
            "an object with other bytes has the shard's key",
            uri=self._place.url(key),
            hint="Look at it, then remove it or choose another prefix; it was left as it is.",
        )

    def _is_same(self, path: Path, found: Stat, sha256: str) -> bool:
        """Return whether an object has the shard's bytes; it is read if no digest is known."""
        if found.md5 is not None:
            with path.open("rb") as file:
                md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
            return found.md5 == base64.b64encode(md5.digest()).decode()
        if found.sha256 is not None:
            return found.sha256 == sha256
        digest = hashlib.sha256()
        with self._place.open(found.key) as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
        return digest.hexdigest() == sha256
