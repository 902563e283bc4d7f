"""Datasets in repositories: published under a key that follows from the name, and loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from atdata._protocols import AbstractDataStore
from atdata.atmosphere.keys import AtUri, dataset_uri
from atdata.atmosphere.loading import open_dataset, shard_urls
from atdata.atmosphere.placing import Placed, place, place_urls, upload
from atdata.atmosphere.publication import Details, Publication
from atdata.atmosphere.records import StoredRecord, readable
from atdata.atmosphere.schemas import SchemaLoader, SchemaPublisher, check_describes
from atdata.atmosphere.shard_list import shards_of
from atdata.errors import EntryError, EntryNotFound, RecordError
from atdata.samples.schema import record_cid
from atdata.shards.manifest import ShardInfo
from atdata.sources import URLSource
from atdata_records.ac.foundation.dataset.record import BlobStorage, Record, UrlStorage
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

if TYPE_CHECKING:
    from atdata.atmosphere.client import AtmosphereClient
    from atdata.atmosphere.repositories import Repositories
    from atdata.dataset import Dataset


class DatasetPublisher:
    """Publishes datasets in the client's own repository.

    All methods take ``description``, ``tags``, ``license`` and ``metadata`` (a JSON object)
    of the record; what is None stays as it is published. The same dataset again changes
    nothing. ``replace=True`` lets the name stand for other data from now on.
    """

    def __init__(self, client: AtmosphereClient) -> None:
        self._client = client

    def publish(
        self,
        dataset: Dataset[Any],
        *,
        name: str,
        schema_uri: str | AtUri | None = None,
        schema_version: str | None = None,
        urls: Sequence[str] | None = None,
        data_store: AbstractDataStore | None = None,
        prefix: str | None = None,
        replace: bool = False,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        license: str | None = None,  # noqa: A002  (the lexicon's word)
        metadata: Mapping[str, Any] | None = None,
        **store_options: Any,
    ) -> AtUri:
        """Publish a dataset, and its schema if it is not published yet.

        The shards are where ``urls`` says; else they are written to ``data_store``; else they
        stay at URLs that others can reach; else they become blobs of the repository.

        Args:
            dataset: The dataset.
            name: Its name in the repository.
            schema_uri: Its published schema; that of its sample type when None.
            schema_version: As for ``SchemaPublisher.publish``.
            urls: Where the shards can be read, in order.
            data_store: Where they are written.
            prefix: Where in the data store; the dataset's name when None.
            replace: Let the name stand for other data from now on.
            description: What the dataset holds, for people.
            tags: Words to find it by.
            license: An SPDX identifier or a URL.
            metadata: A JSON object.
            store_options: Options of the store's ``write_shards``, such as ``maxcount``.

        Raises:
            EntryConflict: The name stands for other data.
            SchemaConflict: The schema describes other samples, or its version is taken.
            SchemaNotFound: There is no schema at ``schema_uri``.
            EntryError, RecordError, UrlError: The dataset can't be described by a record.
            StorageError: The shards can't be stored.
            AuthError, NetworkError: The server refuses, or can't be reached.
        """
        if schema_uri is None:
            publisher = SchemaPublisher(self._client)
            schema_uri = publisher.publish(dataset.sample_type, version=schema_version)
        schema = SchemaLoader(self._client).get_record(schema_uri)
        check_describes(schema, dataset.sample_type, str(schema_uri))

        def placed() -> Placed:
            if urls is not None:
                return place_urls(urls)
            return place(self._client, dataset, name, data_store, prefix, **store_options)

        details = Details(description=description, tags=tags, license=license, metadata=metadata)
        return self._publish(name, schema_uri, schema, placed, details, replace)

    def publish_dataset(self, dataset: Dataset[Any], *, name: str, **options: Any) -> AtUri:
        """As ``publish`` (the name that the design documents use)."""
        return self.publish(dataset, name=name, **options)

    def publish_with_urls(
        self,
        urls: Sequence[str],
        schema_uri: str | AtUri,
        *,
        name: str,
        shards: Sequence[ShardInfo] | None = None,
        replace: bool = False,
        **details: Any,
    ) -> AtUri:
        """Publish shards that are at URLs.

        Args:
            urls: The URLs, in order; brace notation is kept.
            schema_uri: Their published schema.
            name: The dataset's name in the repository.
            shards: What is known of each; ``urls.shards`` when the URLs come from a store.
            replace: Let the name stand for other data from now on.
            details: ``description``, ``tags``, ``license``, ``metadata``.

        Raises:
            EntryConflict, EntryError, …: As ``publish``.
        """
        infos = getattr(urls, "shards", None) if shards is None else shards
        schema = SchemaLoader(self._client).get_record(schema_uri)
        return self._publish(
            name, schema_uri, schema, lambda: place_urls(urls, infos), Details(**details), replace
        )

    def publish_with_blobs(
        self,
        blobs: Sequence[bytes],
        schema_uri: str | AtUri,
        *,
        name: str,
        replace: bool = False,
        **details: Any,
    ) -> AtUri:
        """Publish shards as blobs of the repository.

        Args:
            blobs: The bytes of each shard, in order.
            schema_uri: Their published schema.
            name: The dataset's name in the repository.
            replace: Let the name stand for other data from now on.
            details: ``description``, ``tags``, ``license``, ``metadata``.

        Raises:
            ShardError: One is not a sound shard.
            EntryConflict, EntryError, …: As ``publish``.
        """

        def placed() -> Placed:
            with TemporaryDirectory(prefix="atdata-") as folder:
                paths = [Path(folder) / f"{index:06d}.tar" for index in range(len(blobs))]
                for path, data in zip(paths, blobs, strict=True):
                    path.write_bytes(data)
                return upload(self._client, URLSource(paths), name, None)

        schema = SchemaLoader(self._client).get_record(schema_uri)
        return self._publish(name, schema_uri, schema, placed, Details(**details), replace)

    def _publish(
        self,
        name: str,
        schema_uri: str | AtUri,
        schema: SampleSchema,
        placed: Callable[[], Placed],
        details: Details,
        replace: bool,
    ) -> AtUri:
        return Publication(
            name=name,
            schema=str(schema_uri),
            schema_cid=record_cid(schema),
            place=placed,
            details=details,
            replace=replace,
        ).publish(self._client)


class DatasetLoader:
    """Reads datasets from any repository; no login is needed.

    Methods that take a URI raise ``EntryNotFound`` when there is no such record,
    ``RecordError`` when it breaks its lexicon, and ``NetworkError`` when a server can't be
    reached.
    """

    def __init__(self, client: Repositories) -> None:
        self._client = client

    def find(self, ref: str | AtUri) -> StoredRecord:
        """The record that a reference stands for.

        Args:
            ref: An AT URI; ``@{handle or did}/{name}``; or a name in the own repository. A
                record that another tool has put under another key is found by listing.
        """
        if isinstance(ref, AtUri) or ref.startswith("at://"):
            found = self._client.find_record(ref)
        else:
            repo, _, name = ref[1:].partition("/") if ref.startswith("@") else ("", "", ref)
            did = self._client.resolve(repo or None).did
            found = self._client.find_record(dataset_uri(did, name)) or self._listed(did, name)
        if found is None:
            raise EntryNotFound(
                "no such dataset is published",
                uri=str(ref),
                hint="AtmosphereIndex.list_datasets(repo) tells which there are.",
            )
        return found

    def _listed(self, did: str, name: str) -> StoredRecord | None:
        records = readable(self._client, Record, did)
        return next((found for found, record in records if record.name == name), None)

    def get(self, uri: str | AtUri) -> dict[str, Any]:
        """The value of the record, in JSON shape."""
        return self.get_record(uri).to_dict()

    def get_record(self, uri: str | AtUri) -> Record:
        """The record as its generated class."""
        return self.find(uri).read(Record)

    def list_all(self, repo: str | None = None, limit: int | None = None) -> list[dict[str, Any]]:
        """The values of a repository's dataset records.

        A record that breaks its lexicon is left out, with a warning that says what it breaks.

        Args:
            repo: Handle or DID; the own account when None.
            limit: How many, at most.
        """
        return [record.to_dict() for _, record in readable(self._client, Record, repo, limit)]

    def get_storage_type(self, uri: str | AtUri) -> str:
        """``"external"`` for shards at URLs, ``"blobs"`` for blobs of the repository."""
        storage = self.get_record(uri).storage
        if isinstance(storage, UrlStorage):
            return "external"
        if isinstance(storage, BlobStorage):
            return "blobs"
        raise RecordError("stored in a way that is not known here", uri=str(uri), path="$.storage")

    def get_urls(self, uri: str | AtUri) -> list[str]:
        """URLs of the shards as published; ``EntryError`` when they are blobs."""
        storage = self.get_record(uri).storage
        if not isinstance(storage, UrlStorage):
            raise EntryError("the shards are not at URLs", uri=str(uri), hint="Use get_blob_urls.")
        return list(storage.urls)

    def get_blobs(self, uri: str | AtUri) -> list[dict[str, Any]]:
        """References to the blobs; ``EntryError`` when the shards are at URLs."""
        storage = self.get_record(uri).storage
        if not isinstance(storage, BlobStorage):
            raise EntryError("the shards are not blobs", uri=str(uri), hint="Use get_urls.")
        return [blob.to_dict() for blob in storage.blobs]

    def get_blob_urls(self, uri: str | AtUri) -> list[str]:
        """Where the blobs can be read; ``EntryError`` when the shards are at URLs."""
        found = self.find(uri)
        record = found.read(Record)
        if not isinstance(record.storage, BlobStorage):
            raise EntryError("the shards are not blobs", uri=str(uri), hint="Use get_urls.")
        return shard_urls(self._client, record, found.uri)

    def get_shards(self, uri: str | AtUri) -> tuple[ShardInfo, ...] | None:
        """What the record tells of each shard, also in a manifest; None when nothing."""
        found = self.find(uri)
        return shards_of(found.read(Record), self._client, found.uri.authority)

    def get_metadata(self, uri: str | AtUri) -> dict[str, Any] | None:
        """The metadata, or None."""
        return metadata_of(self.get_record(uri))

    def to_dataset(self, uri: str | AtUri, sample_type: type[Any] | None = None) -> Dataset[Any]:
        """The dataset; every shard is checked against its digest while it is read.

        Args:
            uri: The record.
            sample_type: Read the samples as this class; as the published schema says when None.

        Raises:
            RecordError: The record contradicts itself.
            SchemaNotFound, SchemaConflict: Its schema is missing, or another one.
            UrlError: It names shards in a way that is refused (``AddressRefused``) or unknown.
        """
        return open_dataset(self._client, self.find(uri), sample_type)

    def load_dataset(self, uri: str | AtUri) -> Dataset[Any]:
        """As ``to_dataset`` (the name that the design documents use)."""
        return self.to_dataset(uri)


def metadata_of(record: Record) -> dict[str, Any] | None:
    """The metadata of a record.

    Raises:
        RecordError: It is not a JSON object.
    """
    if record.metadata is None:
        return None
    try:
        metadata = json.loads(record.metadata)
    except (ValueError, RecursionError) as error:
        raise RecordError("the metadata is not JSON", path="$.metadata") from error
    if not isinstance(metadata, dict):
        raise RecordError("the metadata is not a JSON object", path="$.metadata")
    return metadata
