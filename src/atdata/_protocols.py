"""The interfaces of entries, indexes, stores and sources.

All are runtime-checkable. Nothing needs to inherit from them. ``IndexEntry``, ``AbstractIndex``,
``AbstractDataStore`` and ``DataSource`` are what every implementation has; the others are optional,
and their docstrings say what they are good for. docs/extending.md has an example of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from atdata.progress import Progress
from atdata.shards.info import DescribedShards, ShardInfo
from atdata.sources.protocols import (
    CachedSource,
    CountedSource,
    DataSource,
    LocalSource,
    RemoteSource,
    UrlsSource,
)

if TYPE_CHECKING:
    from atdata.dataset import Dataset

__all__ = [
    "AbstractDataStore",
    "AbstractIndex",
    "CachedSource",
    "CopyingStore",
    "CountedSource",
    "DataSource",
    "DescribedShards",
    "DetailedEntry",
    "DryRunStore",
    "IndexEntry",
    "LocalSource",
    "RemoteSource",
    "StoringIndex",
    "UrlsSource",
]


@runtime_checkable
class IndexEntry(Protocol):
    """One dataset in an index."""

    @property
    def name(self) -> str:
        """Human-readable name, unique in its index."""
        ...

    @property
    def schema_ref(self) -> str:
        """``atdata://local/sampleSchema/{Class}@{version}`` or ``at://{did}/{collection}/{rkey}``."""
        ...

    @property
    def data_urls(self) -> list[str]:
        """WebDataset URLs of the shards, in order; brace notation as written."""
        ...

    @property
    def metadata(self) -> dict[str, Any] | None:
        """Free metadata, or None."""
        ...


@runtime_checkable
class DetailedEntry(Protocol):
    """An entry with what its users state about the dataset; promotion publishes it."""

    @property
    def description(self) -> str | None:
        """What the dataset holds, for readers."""
        ...

    @property
    def tags(self) -> Sequence[str] | None:
        """Words to find it by."""
        ...

    @property
    def license(self) -> str | None:
        """An SPDX expression, or the URL of a license."""
        ...


@runtime_checkable
class AbstractIndex(Protocol):
    """Schemas and datasets by reference. ``LocalIndex`` and ``AtmosphereIndex`` are two."""

    def insert_dataset(
        self, ds: Dataset[Any], *, name: str, schema_ref: str | None = None
    ) -> IndexEntry:
        """Add a dataset; publish its schema first when ``schema_ref`` is None and it is missing."""
        ...

    def get_dataset(self, ref: str) -> IndexEntry:
        """Return the entry of this name or URI; ``KeyError`` if there is none."""
        ...

    def open_dataset(self, ref: str, sample_type: type[Any] | None = None) -> Dataset[Any]:
        """Open the dataset of this name or URI; ``KeyError`` if there is none.

        Its samples are of the given class, or of its published schema. ``load_dataset(ref,
        index=index)`` calls it; for an index of earlier code that has no such method, it reads
        the entry's URLs.
        """
        ...

    def list_datasets(self) -> Iterable[IndexEntry]:
        """Return all entries."""
        ...

    def publish_schema(self, sample_type: type, *, version: str | None = None) -> str:
        """Publish the schema of a sample type; return its reference."""
        ...

    def get_schema(self, ref: str) -> Mapping[str, Any]:
        """Return a schema record (``["name"]``, ``["version"]``, …); ``KeyError`` if unknown."""
        ...

    def list_schemas(self) -> Iterable[Mapping[str, Any]]:
        """Return all schema records."""
        ...

    def decode_schema(self, ref: str) -> type[Any]:
        """Return a sample type that behaves as the one that was published."""
        ...


@runtime_checkable
class StoringIndex(Protocol):
    """An index that writes shards into a store, through which its datasets are promoted."""

    @property
    def data_store(self) -> AbstractDataStore | None:
        """The store; None if shards are indexed where they are."""
        ...


@runtime_checkable
class AbstractDataStore(Protocol):
    """A place that shards are written to."""

    def write_shards(
        self, ds: Dataset[Any], *, prefix: str, maxcount: int = 10_000
    ) -> Sequence[str]:
        """Write the dataset's samples as shards below ``prefix``; return their URLs in order.

        atdata's own stores return :class:`~atdata.shards.WrittenShards`: the URLs with the
        digest, size and count of each shard, which indexes then keep. A list of URLs will do.

        ``maxcount`` is the largest number of samples in one shard.
        """
        ...

    def read_url(self, url: str) -> str:
        """Return a URL that stock readers can open, such as a presigned one, for a store's URL."""
        ...

    def supports_streaming(self) -> bool:
        """Return whether shards can be read from the store without downloading them first."""
        ...


@runtime_checkable
class CopyingStore(Protocol):
    """A store that copies shards byte for byte, so that digests and content CID stay.

    Inserting and promoting a dataset then keep its identity; without it, samples are packed anew.
    """

    def copy_shards(
        self,
        source: DataSource,
        *,
        prefix: str,
        infos: Sequence[ShardInfo] | None = None,
        progress: Progress | None = None,
        dry_run: bool = False,
    ) -> Sequence[str]:
        """Copy a source's shards below ``prefix``; return their URLs in order.

        Args:
            source: Where the shards are.
            prefix: Where in the store.
            infos: What is known of each shard: raise ``DigestMismatch`` for other bytes.
            progress: Notified of each shard that is stored.
            dry_run: As for :class:`DryRunStore`.
        """
        ...


@runtime_checkable
class DryRunStore(Protocol):
    """A store that can return what it would write, without writing it.

    ``promote_to_atmosphere(dry_run=True)`` needs it, and an index that refuses a name which stands
    for other data does so before the first shard is stored.
    """

    def supports_dry_run(self) -> bool:
        """Return whether ``write_shards`` and ``copy_shards`` take ``dry_run=True``."""
        ...
