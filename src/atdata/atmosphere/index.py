"""The network as an index: schemas and datasets of repositories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atdata._protocols import AbstractDataStore
from atdata.atmosphere.dataset_loader import DatasetLoader, metadata_of, shard_urls
from atdata.atmosphere.dataset_publisher import DatasetPublisher
from atdata.atmosphere.foreign import Published, published_datasets, read_dataset
from atdata.atmosphere.repositories import readable
from atdata.atmosphere.schemas import SchemaLoader, SchemaPublisher
from atdata.base.display import first_few, html_table
from atdata.samples.schema import from_record
from atdata.shards.info import ShardInfo
from atdata.storage.urls import redacted
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

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
        return html_table(
            self.name,
            [
                ("record", self.uri),
                ("description", self.record.description),
                ("schema", self.schema_ref),
                ("content", self.content_cid),
                ("metadata", self.metadata),
                ("data", [redacted(url) for url in self.data_urls]),
            ],
        )


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
        prefix: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        license: str | None = None,  # noqa: A002  (the lexicon's word)
        replace: bool = False,
        **store_options: Any,
    ) -> AtmosphereIndexEntry:
        """Publish a dataset; arguments and errors as ``DatasetPublisher.publish``."""
        uri = DatasetPublisher(self.client).publish(
            ds,
            name=name,
            schema_uri=schema_ref,
            data_store=self.data_store,
            prefix=prefix,
            metadata=metadata,
            description=description,
            tags=tags,
            license=license,
            replace=replace,
            **store_options,
        )
        return self.get_dataset(str(uri))

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

    def list_datasets(self, repo: str | None = None) -> Iterator[AtmosphereIndexEntry]:
        """Yield all datasets of a repository, page by page.

        A record that breaks its lexicon is left out, with a warning that names what it breaks.

        Args:
            repo: Handle or DID; the logged-in account when None.
        """
        for found in published_datasets(self.client, repo):
            yield self._entry(found)

    @property
    def datasets(self) -> Iterator[AtmosphereIndexEntry]:
        """All datasets of your repository."""
        return self.list_datasets()

    def _entry(self, found: Published) -> AtmosphereIndexEntry:
        urls = shard_urls(self.client, found.record, found.uri)
        return AtmosphereIndexEntry(str(found.uri), found.record, urls, metadata_of(found.record))

    # -- schemas

    def publish_schema(
        self, sample_type: type[Any], *, version: str | None = None, **details: Any
    ) -> str:
        """Publish the schema of a sample type; arguments and errors as ``SchemaPublisher``."""
        publisher = SchemaPublisher(self.client)
        return str(publisher.publish(sample_type, version=version, **details))

    def get_schema(self, ref: str) -> dict[str, Any]:
        """Return the value of a schema record, in JSON shape.

        Raises:
            SchemaNotFound: There is none at this AT URI.
            RecordError: The record breaks its lexicon.
            NetworkError: A server could not be reached.
        """
        return SchemaLoader(self.client).get(ref)

    def list_schemas(self, repo: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the values of a repository's schema records, as ``list_datasets`` does."""
        for _, record in readable(self.client, SampleSchema, repo):
            yield record.to_dict()

    @property
    def schemas(self) -> Iterator[dict[str, Any]]:
        """The schemas of your repository."""
        return self.list_schemas()

    def decode_schema(self, ref: str) -> type[Any]:
        """Return a sample type that behaves like the published one.

        Raises:
            SchemaError: The document does not describe a sample type.
            SchemaNotFound, RecordError, NetworkError: As ``get_schema``.
        """
        return from_record(SchemaLoader(self.client).get_record(ref))
