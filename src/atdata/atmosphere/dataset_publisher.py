"""Publishing datasets in your repository, under a key that follows from the name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from atdata.atmosphere.keys import AtUri, dataset_uri
from atdata.atmosphere.placing import Placed, place, place_urls
from atdata.atmosphere.publication import Publication
from atdata.atmosphere.schemas import SchemaLoader, SchemaPublisher, check_describes
from atdata.base.arguments import check_dataset
from atdata.base.names import check_dataset_name
from atdata.base.scratch import temporary_folder
from atdata.dataset import Dataset
from atdata.errors import EntryError
from atdata.samples import DictSample
from atdata.samples.schema import record_cid
from atdata.shards.info import known_infos

if TYPE_CHECKING:
    from atdata._protocols import AbstractDataStore
    from atdata.atmosphere.client import AtmosphereClient
    from atdata.progress import Progress
    from atdata.shards.info import ShardInfo
    from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema


class DatasetPublisher:
    """Publishes datasets in the client's repository.

    All methods take ``description``, ``tags``, ``license`` and ``metadata`` (a JSON object)
    of the record; what is None stays as it is published. Publishing the same dataset again changes
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
        auto_publish_schema: bool = True,
        urls: Sequence[str] | None = None,
        data_store: AbstractDataStore | None = None,
        prefix: str | None = None,
        rkey: str | None = None,
        replace: bool = False,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        license: str | None = None,  # noqa: A002  (the lexicon's word)
        metadata: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
        **store_options: Any,
    ) -> AtUri:
        """Publish a dataset, and its schema if it is not published yet.

        The shards are at ``urls`` if given. Otherwise they are written to ``data_store`` if given.
        Otherwise they stay at URLs that others can reach, or become blobs of the repository.

        Args:
            dataset: The dataset.
            name: Its name in the repository.
            schema_uri: Its published schema; the schema of its sample type when None.
            schema_version: As for ``SchemaPublisher.publish``.
            auto_publish_schema: Publish the schema of the sample type, unless it is published.
                If False, ``schema_uri`` must be given.
            urls: Where the shards can be read, in order.
            data_store: The store to write them to.
            prefix: Their prefix in the data store; the dataset's name when None.
            rkey: The record's key; follows from the name when None. With another key, a name is
                found by listing the repository.
            replace: Let the name stand for other data from now on.
            description: What the dataset holds, for readers.
            tags: Words to find it by.
            license: An SPDX identifier or a URL.
            metadata: A JSON object.
            progress: Receives each shard that is stored.
            store_options: Options of the store's ``write_shards``, such as ``maxcount``.

        Raises:
            EntryConflict: The name stands for other data.
            SchemaConflict: The schema describes other samples, or its version is taken.
            SchemaNotFound: There is no schema at ``schema_uri``.
            EntryError, RecordError, UrlError: The dataset can't be described by a record.
            StorageError: The shards can't be stored.
            AuthError, NetworkError: The server refuses, or can't be reached.
        """
        check_dataset(dataset)
        if schema_uri is None and not auto_publish_schema:
            raise EntryError(
                "a dataset can't be published without its schema",
                hint="Pass schema_uri=SchemaPublisher(client).publish(SampleType).",
            )
        if schema_uri is None:
            publisher = SchemaPublisher(self._client)
            schema_uri = publisher.publish(dataset.sample_type, version=schema_version)
        schema = SchemaLoader(self._client).read(schema_uri)
        check_describes(schema, dataset.sample_type, str(schema_uri))

        def placed(dry_run: bool) -> Placed:
            if urls is not None:
                return place_urls(urls, known_infos(urls))
            return place(
                self._client,
                dataset,
                name,
                data_store,
                prefix=prefix,
                progress=progress,
                dry_run=dry_run,
                **store_options,
            )

        return self._publish(
            name,
            schema_uri,
            schema,
            placed,
            replace,
            rkey=rkey,
            description=description,
            tags=tags,
            license=license,
            metadata=metadata,
        )

    def publish_dataset(self, dataset: Dataset[Any], *, name: str, **options: Any) -> AtUri:
        """Return ``publish(dataset, name=name, …)`` (the name that the design documents use)."""
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
            shards: What is known of each shard; ``urls.shards`` when the URLs come from a store.
            replace: Let the name stand for other data from now on.
            details: ``description``, ``tags``, ``license``, ``metadata``.

        Raises:
            EntryConflict, EntryError, …: As ``publish``.
        """
        infos = known_infos(urls) if shards is None else shards
        schema = SchemaLoader(self._client).read(schema_uri)

        def placed(_: bool) -> Placed:
            return place_urls(urls, infos)

        return self._publish(name, schema_uri, schema, placed, replace, **details)

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
            ShardError: One is not a valid shard.
            EntryConflict, EntryError, …: As ``publish``.
        """

        def placed(dry_run: bool) -> Placed:
            with temporary_folder() as folder:
                paths = [folder / f"{index:06d}.tar" for index in range(len(blobs))]
                for path, data in zip(paths, blobs, strict=True):
                    path.write_bytes(data)
                return place(self._client, Dataset[DictSample](paths), name, dry_run=dry_run)

        schema = SchemaLoader(self._client).read(schema_uri)
        return self._publish(name, schema_uri, schema, placed, replace, **details)

    def _publish(
        self,
        name: str,
        schema_uri: str | AtUri,
        schema: SampleSchema,
        place: Callable[[bool], Placed],
        replace: bool,
        rkey: str | None = None,
        **details: Any,
    ) -> AtUri:
        check_dataset_name(name)
        uri = dataset_uri(self._client.did, name)
        publication = Publication(
            uri=uri if rkey is None else AtUri(uri.authority, uri.collection, rkey),
            name=name,
            schema_uri=AtUri.parse(schema_uri),
            schema_cid=record_cid(schema),
            place=place,
            details=details,
            replace=replace,
        )
        return publication.publish(self._client).uri
