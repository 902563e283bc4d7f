"""Shards as blobs of a personal data server."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeVar

from atdata._protocols import DataSource
from atdata.errors import DigestMismatch, StorageError, XrpcError
from atdata.shards.manifest import ShardInfo, ShardUrls
from atdata.sources import URLSource, VerifiedSource
from atdata.stores.base import ShardStore
from atdata_records import ValidationError
from atdata_records.ac.foundation.dataset.record import BlobStorage

if TYPE_CHECKING:
    from atdata.dataset import Dataset

T = TypeVar("T")

_MEDIA_TYPE = "application/x-tar"
# Seed 002 draws these two lines, in bytes.
_ADVISED = 100_000_000
_MOST = 10_000_000_000


class BlobTooLargeError(StorageError):
    """A shard is larger than what the server takes as one blob."""


class BlobClient(Protocol):
    """What the store needs of ``atdata.atmosphere.AtmosphereClient``."""

    @property
    def did(self) -> str:
        """DID of the account that is logged in."""

    def blob_limit(self) -> int | None:
        """Bytes of the largest blob that its server takes."""

    def upload_blob(self, data: IO[bytes], mime_type: str) -> dict[str, Any]:
        """Upload a blob; return the reference to it."""

    def get_blob_url(self, did: str, cid: str) -> str:
        """Where a blob can be read."""


class PDSBlobStore(ShardStore):
    """Writes shards as blobs into the repository of the account that is logged in.

    A blob can be read once a published record refers to it, and the server deletes blobs that
    no record refers to. Up to 100 MB are fine, more draws a warning, and 10 GB is the end: keep
    larger data sets elsewhere and publish their URLs.

    Args:
        client: An ``AtmosphereClient`` that is logged in.
    """

    def __init__(self, client: BlobClient) -> None:
        self._client = client
        self._limit: int | None = None
        self._references: dict[str, dict[str, Any]] = {}

    def __repr__(self) -> str:
        return f"PDSBlobStore({self._client!r})"

    def write_shards(
        self, ds: Dataset[Any], *, prefix: str, maxcount: int = 10_000, maxsize: int | None = None
    ) -> ShardUrls:
        """As ``ShardStore.write_shards``; shards are cut to what the server takes as one blob."""
        sizes = [size for size in (maxsize, self._blob_limit()) if size is not None]
        return super().write_shards(
            ds, prefix=prefix, maxcount=maxcount, maxsize=min(sizes, default=None)
        )

    def copy_shards(
        self, source: DataSource, *, prefix: str, infos: Sequence[ShardInfo] | None = None
    ) -> ShardUrls:
        """As ``ShardStore.copy_shards``; when the sizes are told, they are checked first."""
        for _ in self._within_limits((info, info) for info in infos or ()):
            pass
        return super().copy_shards(source, prefix=prefix, infos=infos)

    def put(self, path: Path, key: str, info: ShardInfo) -> str:
        """Upload one shard as a blob."""
        try:
            with path.open("rb") as file:
                reference = self._client.upload_blob(file, _MEDIA_TYPE)
        except XrpcError as error:
            if error.status == 413:
                raise _too_large(info, None) from error
            raise
        stored = reference.get("ref")
        if stored != {"$link": info.cid}:
            raise DigestMismatch(f"the server stored {stored}, not {info.cid}", shard=key)
        self._references[info.cid] = reference
        return self._client.get_blob_url(self._client.did, info.cid)

    def storage(self, urls: ShardUrls) -> BlobStorage:
        """What a dataset record says of shards that this store has written.

        Raises:
            StorageError: The server keeps them in a form that a record can't refer to.
        """
        try:
            return BlobStorage.from_dict(
                {"blobs": [self._references[info.cid] for info in urls.shards]}
            )
        except ValidationError as error:
            raise StorageError(f"the server keeps the blobs in another form: {error}") from error

    def create_source(self, urls: Sequence[str]) -> DataSource:
        """A source that reads shards of this store; their digests are checked when known."""
        source = URLSource(urls)
        return VerifiedSource(source, urls.shards) if isinstance(urls, ShardUrls) else source

    def _put_all(self, shards: Iterable[tuple[Path, ShardInfo]], prefix: str) -> ShardUrls:
        return super()._put_all(self._within_limits(shards), prefix)

    def _within_limits(
        self, shards: Iterable[tuple[T, ShardInfo]]
    ) -> Iterator[tuple[T, ShardInfo]]:
        total = 0
        for what, info in shards:
            limit = self._blob_limit()
            if limit is not None and info.size > limit:
                raise _too_large(info, limit)
            advised = total <= _ADVISED
            total += info.size
            if total > _MOST:
                raise StorageError(
                    "more than 10 GB are too much for blobs of a PDS",
                    hint="Pass data_store=S3DataStore(…), or publish the URLs of the data.",
                )
            if advised and total > _ADVISED:
                warnings.warn(
                    "More than 100 MB as blobs of a PDS: servers may refuse or delete them. "
                    "Consider data_store=S3DataStore(…).",
                    stacklevel=2,
                )
            yield what, info

    def _blob_limit(self) -> int | None:
        if self._limit is None:
            self._limit = self._client.blob_limit()
        return self._limit


def _too_large(info: ShardInfo, limit: int | None) -> BlobTooLargeError:
    allowed = "less" if limit is None else f"{limit:,} bytes at most"
    return BlobTooLargeError(
        f"a shard of {info.size:,} bytes is too large for a blob: the server takes {allowed}",
        shard=info.cid,
        hint="Write the dataset with a smaller maxsize=, or pass data_store=S3DataStore(…).",
    )
