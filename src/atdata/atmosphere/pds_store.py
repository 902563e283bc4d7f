"""Shards as blobs of a personal data server."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atdata._protocols import DataSource
from atdata.atmosphere.uploads import MEDIA_TYPE, Uploads, reference
from atdata.errors import DigestMismatch, StorageError, XrpcError
from atdata.shards.info import ShardInfo, WrittenShards
from atdata.sources import URLSource, VerifiedSource
from atdata.storage.retry import attempts
from atdata.stores.advice import SizeWarning, Verdict, advise
from atdata.stores.base import ShardStore
from atdata_records import ValidationError
from atdata_records.ac.foundation.dataset.record import BlobStorage

if TYPE_CHECKING:
    from atdata.atmosphere.client import AtmosphereClient

# The reference server's default, and so the safe assumption for servers that
# don't report a limit; bytes.
_USUAL_LIMIT = 5 * 2**20


class PDSBlobStore(ShardStore):
    """Writes shards as blobs into the repository of the account that is logged in.

    A blob can be read once a published record refers to it, and the server deletes blobs that
    no record refers to. Up to 100 MB are fine, more emits a warning, and 10 GB is the limit: keep
    larger data sets elsewhere and publish their URLs.

    Shards are cut to the size that the server takes as one blob; the server is asked for it before
    the first byte is written. Blobs that it already has are not uploaded again, even after a crash.

    Args:
        client: An ``AtmosphereClient`` that is logged in.
        blob_limit: Bytes of the largest blob, for servers that don't report it or take less than
            they report. When None: what the server reports, or otherwise 5 MiB.
    """

    def __init__(self, client: AtmosphereClient, *, blob_limit: int | None = None) -> None:
        self._client = client
        self._limit = blob_limit
        self._uploads = Uploads(client)
        self._references: dict[str, dict[str, Any]] = {}

    def __repr__(self) -> str:
        return f"PDSBlobStore({self._client!r})"

    def put(self, path: Path, key: str, info: ShardInfo) -> str:
        """Upload one shard as a blob, unless the server has it already."""
        found = self._uploads.find(info.cid, info.size)
        if found is None:
            found = self._upload(path, key, info)
            self._uploads.add(info.cid, found)
        self._references[info.cid] = found
        return self.url_for(key, info)

    def url_for(self, key: str, info: ShardInfo) -> str:
        """Return the URL to read the blob at, once a record refers to it."""
        return self._client.get_blob_url(self._client.did, info.cid)

    def has(self, info: ShardInfo) -> bool:
        """Return whether the server has this shard already."""
        return self._uploads.find(info.cid, info.size) is not None

    def largest_shard(self) -> int:
        """Return the size in bytes of the largest blob; the server is asked once."""
        if self._limit is None:
            self._limit = self._client.blob_limit() or _USUAL_LIMIT
        return self._limit

    def admit(self, before: int, after: int) -> None:
        """Warn above 100 MB, and refuse above 10 GB."""
        advice = advise(after)
        if advice.verdict is Verdict.ALWAYS_URLS:
            raise StorageError("more than 10 GB are too much for blobs of a PDS", hint=advice.text)
        if advice.verdict is not advise(before).verdict:
            warnings.warn(advice.text, SizeWarning, stacklevel=2)

    def storage(self, urls: WrittenShards) -> BlobStorage:
        """Return the storage that a dataset record gives for shards in this store.

        Raises:
            StorageError: The server keeps them in a form that a record can't refer to.
        """
        blobs = [
            self._references.get(info.cid) or reference(info.cid, info.size) for info in urls.shards
        ]
        try:
            return BlobStorage.from_dict({"blobs": blobs})
        except ValidationError as error:
            raise StorageError(f"the server keeps the blobs in another form: {error}") from error

    def create_source(self, urls: Sequence[str]) -> DataSource:
        """Return a source that reads shards of this store; known digests are checked."""
        source = URLSource(urls)
        return VerifiedSource(source, urls.shards) if isinstance(urls, WrittenShards) else source

    def _put_all(self, *args: Any, **options: Any) -> WrittenShards:
        self._uploads = Uploads(self._client)  # what was there an hour ago may be gone
        return super()._put_all(*args, **options)

    def _upload(self, path: Path, key: str, info: ShardInfo) -> dict[str, Any]:
        blob: dict[str, Any] = {}
        try:
            # The same bytes are the same blob: what was lost in transit is sent once more.
            for attempt in attempts():
                with attempt, path.open("rb") as file:
                    blob = self._client.upload_blob(file, MEDIA_TYPE)
        except XrpcError as error:
            if error.status == 413:
                raise _refused(info) from error
            raise
        stored = blob.get("ref")
        if stored != {"$link": info.cid}:
            raise DigestMismatch(f"the server stored {stored}, not {info.cid}", shard=key)
        return blob


def _refused(info: ShardInfo) -> StorageError:
    return StorageError(
        f"the server refuses a blob of {info.size:,} bytes, although it allows as much",
        shard=info.cid,
        hint="Pass data_store=PDSBlobStore(client, blob_limit=…) with less, or "
        "data_store=S3DataStore(…).",
    )
