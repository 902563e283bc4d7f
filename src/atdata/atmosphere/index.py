"""The network as an index: schemas and datasets of repositories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atdata._protocols import AbstractDataStore
from atdata.atmosphere.dataset_loader import DatasetLoader, metadata_of, shard_urls
from atdata.atmosphere.dataset_publisher import DatasetPublisher
from atdata.atmosphere.foreign import Published, published_datasets, read_dataset
from atdata.atmosphere.keys import AtUri
from atdata.atmosphere.schemas import SchemaLoader, SchemaPublisher
from atdata.base.display import first_few, html_table
from atdata.base.listing import Listing
from atdata.samples.schema import from_record
from atdata.shards.info import ShardInfo
from atdata.storage.urls import redacted
from atdata_records.ac.foundation.dataset.record import Record

if TYPE_CHECKING:
    from atdata.atmosphere.client import AtmosphereClient
    from atdata.dataset import Dataset


@dataclass(frozen=True, slots=True, repr=False)
class AtmosphereIndexEntry:
    """One published dataset.

    Attributes:
        uri: AT URI of its record.
        record: The record.
        data_urls: Where the shards can be read, in order: URLs as published, or the blobs'.
        metadata: Free metadata, or None.
    """

    uri: str
    record: Record
    data_urls: list[str]
    metadata: dict[str, Any] | None

    @property
    def name(self) -> str:
        """Name of the dataset, unique in its repository."""
        return self.record.name

    @property
    def schema_ref(self) -> str:
        """AT URI of its schema."""
        return self.record.schema_ref

    @property
    def schema_cid(self) -> str | None:
        """CID of the schema's content, if the record contains it."""
        return self.record.schema_cid

    @property
    def content_cid(self) -> str | None:
        """Identity of the data, if the record contains it."""
        return self.record.content_cid

    @property
    def shards(self) -> tuple[ShardInfo, ...] | None:
        """Shard infos of the record; None when it has none, or has them in a manifest only."""
        if self.record.shards is None:
            return None
        return tuple(ShardInfo(s.cid, s.size, s.samples) for s in self.record.shards)

    def __repr__(self) -> str:
        urls = first_few([redacted(url) for url in self.data_urls])
        return f"AtmosphereIndexEntry({self.uri!r}, {self.name!r}, {urls!r})"

    def _repr_html_(self) -> str:
        record, urls = self.record, [redacted(url) for url in self.data_urls]
        rows: list[tuple[str, Any]] = [("record", self.uri), ("description", record.description)]
        rows += [("schema", record.schema_ref), ("content", record.content_cid)]
        return html_table(self.name, [*rows, ("metadata", self.metadata), ("data", urls)])


class AtmosphereIndex:
    """Schemas and datasets of the network, with the protocol of all indexes.

    References are AT URIs; ``@{handle or did}/{name}`` for datasets; or the names of datasets
    in your repository. Reading needs no login.

    Args:
        client: The client; logged in, if something is to be published.
        data_store: Where shards of inserted datasets are written. When None, shards stay at
            URLs that others can reach, and become blobs of the repository otherwise.
    """

    def __init__(
        self, client: AtmosphereClient, *, data_store: AbstractDataStore | None = None
    ) -> None:
        self.client = client
        self.data_store = data_store
        self._loader = DatasetLoader(client)

    def __repr__(self) -> str:
        return f"AtmosphereIndex({self.client!r}, data_store={self.data_store!r})"

    # -- datasets

    def insert_dataset(
        self,
        ds: Dataset[Any],
        *,
        name: str,
        schema_ref: str | None = None,
        **options: Any,
    ) -> AtmosphereIndexEntry:
        """Publish a dataset in your repository.

        Args:
            ds: The dataset.
            name: Its name.
            schema_ref: Its published schema; the schema of its sample type when None.
            options: Of ``DatasetPublisher.publish``: ``description``, ``tags``, ``license``,
                ``metadata``, ``replace``, ``prefix``, ``progress``, and options of the store.

        Raises:
            AtdataError: As ``DatasetPublisher.publish``.
        """
        publisher = DatasetPublisher(self.client)
        options = {"data_store": self.data_store, **options}
        return self.get_dataset(publisher.publish(ds, name=name, schema_uri=schema_ref, **options))

    def get_dataset(self, ref: str) -> AtmosphereIndexEntry:
        """Return the entry of a reference.

        Raises:
            EntryNotFound: There is none.
            RecordError: The record breaks its lexicon.
            NetworkError: A server could not be reached.
        """
        return self._entry(read_dataset(self._loader.find(ref)))

    def open_dataset(self, ref: str, sample_type: type[Any] | None = None) -> Dataset[Any]:
        """Return a reference's dataset; arguments and errors as ``DatasetLoader.to_dataset``."""
        return self._loader.to_dataset(ref, sample_type)

    def list_datasets(self, repo: str | None = None) -> Listing[AtmosphereIndexEntry]:
        """Return a view of all datasets of a repository, read page by page when it is used.

        A record that breaks its lexicon is left out, with a warning that names what it breaks.

        Args:
            repo: Handle or DID; the logged-in account when None.
        """
        return Listing(lambda: map(self._entry, published_datasets(self.client, repo)))

    @property
    def datasets(self) -> Listing[AtmosphereIndexEntry]:
        """All datasets of your repository, as from ``list_datasets``."""
        return self.list_datasets()

    def _entry(self, found: Published) -> AtmosphereIndexEntry:
        urls = shard_urls(self.client, found.record, found.uri)
        return AtmosphereIndexEntry(str(found.uri), found.record, urls, metadata_of(found.record))

    # -- schemas

    def publish_schema(
        self, sample_type: type[Any], *, version: str | None = None, **details: Any
    ) -> AtUri:
        """Publish the schema of a sample type; arguments and errors as ``SchemaPublisher``."""
        return SchemaPublisher(self.client).publish(sample_type, version=version, **details)

    def get_schema(self, ref: str) -> dict[str, Any]:
        """Return the value of a schema record, in JSON shape.

        Raises:
            SchemaNotFound: There is none at this AT URI.
            RecordError: The record breaks its lexicon.
            NetworkError: A server could not be reached.
        """
        return SchemaLoader(self.client).get(ref)

    def list_schemas(self, repo: str | None = None) -> Listing[dict[str, Any]]:
        """Return a view of the values of a repository's schema records, as ``list_datasets``."""
        return SchemaLoader(self.client).list_all(repo)

    @property
    def schemas(self) -> Listing[dict[str, Any]]:
        """The schemas of your repository, as from ``list_schemas``."""
        return self.list_schemas()

    def decode_schema(self, ref: str) -> type[Any]:
        """Return a sample type that behaves like the published one.

        Raises:
            SchemaError: The document does not describe a sample type.
            SchemaNotFound, RecordError, NetworkError: As ``get_schema``.
        """
        return from_record(SchemaLoader(self.client).read(ref))
