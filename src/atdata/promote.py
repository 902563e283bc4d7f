"""Promotion: an entry of a local index becomes a record that everybody can find.

The order of things is what makes it safe to be interrupted and repeated. All is checked before
anything is written; then shards go where others can read them, under names that follow from
their bytes; then the schema; the dataset record comes last, in one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atdata.atmosphere.keys import schema_uri
from atdata.atmosphere.placing import Placed, copy_to, is_public, place_urls, upload
from atdata.atmosphere.publication import Details, Publication
from atdata.atmosphere.records import now
from atdata.atmosphere.schemas import SchemaLoader, SchemaPublisher, find_version
from atdata.dataset import Dataset
from atdata.errors import EntryError
from atdata.samples.schema import from_record, record_cid, to_record
from atdata.sources import URLSource
from atdata.stores.base import prefix_for
from atdata_records import ValidationError
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

if TYPE_CHECKING:
    from atdata._protocols import AbstractDataStore, AbstractIndex, IndexEntry
    from atdata.atmosphere.client import AtmosphereClient


def promote_to_atmosphere(
    local_entry: IndexEntry,
    local_index: AbstractIndex,
    atmosphere_client: AtmosphereClient,
    *,
    data_store: AbstractDataStore | None = None,
    name: str | None = None,
    description: str | None = None,
    tags: Sequence[str] | None = None,
    license: str | None = None,  # noqa: A002  (the lexicon's word)
    replace: bool = False,
) -> str:
    """Publish a dataset of a local index, with its schema and metadata.

    Schema CID, shard digests and content CID of the record are those of the entry. Promoting
    an entry again changes nothing and returns the same URI; new descriptions, tags and URLs
    bring the record up to date, and what is not given stays as it is published.

    Args:
        local_entry: The entry.
        local_index: The index that knows its schema.
        atmosphere_client: A client that is logged in.
        data_store: Copy the shards there: byte for byte, if the store has ``copy_shards``.
            When None, they stay at URLs that others can reach; files of this machine become
            blobs of the repository.
        name: Name in the repository; the entry's when None.
        description: What the dataset holds, for people.
        tags: Words to find it by.
        license: An SPDX identifier or a URL.
        replace: Let the name stand for other data from now on.

    Returns:
        The AT URI of the dataset record.

    Raises:
        SchemaNotFound: The entry's schema is not in the index (a ``KeyError``).
        EntryError: The entry has no data URLs (a ``ValueError``).
        EntryConflict: The name stands for other data already.
        SchemaConflict: The schema's version is published with other content.
        RecordError: A description, tag, … is refused by the lexicon.
        ShardError: A shard is damaged, or not the one of the entry.
        StorageError: Shards could not be copied.
        AuthError, NetworkError: The server refused, or could not be reached.
    """
    if not local_entry.data_urls:
        raise EntryError(f"dataset {local_entry.name!r} has no data URLs")
    client, name = atmosphere_client, name or local_entry.name
    schema = _schema(local_entry, local_index, client)
    publisher = SchemaPublisher(client)
    published = _published_schema(local_entry, schema, client)
    shards = getattr(local_entry, "shards", None)

    def place() -> Placed:
        return _place(local_entry, schema, client, data_store, name)

    publication = Publication(
        name=name,
        schema=published or str(schema_uri(client.did, schema.name, schema.version)),
        schema_cid=record_cid(schema),
        shards=shards,
        place=place,
        may_stay=data_store is None and not all(map(is_public, local_entry.data_urls)),
        before_write=lambda: published or publisher.publish_record(schema),
        details=Details(
            description=description, tags=tags, license=license, metadata=local_entry.metadata
        ),
        replace=replace,
    )
    return str(publication.publish(client))


def _find_existing_schema(client: AtmosphereClient, name: str, version: str) -> str | None:
    """AT URI of a schema version in the client's repository, or None.

    One request for schemas that atdata published; a listing finds those of other tools.
    """
    found = find_version(client, name, version)
    return str(found.uri) if found else None


def _schema(entry: IndexEntry, index: AbstractIndex, client: AtmosphereClient) -> SampleSchema:
    """The schema record of an entry: the very one of the index, so that its CID stays."""
    if entry.schema_ref.startswith("at://"):
        return SchemaLoader(client).get_record(entry.schema_ref)
    known = index.get_schema(entry.schema_ref)
    try:
        return SampleSchema.from_dict(dict(known))
    except ValidationError:
        # Another kind of index, with records of its own: what counts is the type.
        sample_type = index.decode_schema(entry.schema_ref)
        return to_record(sample_type, str(known["version"]), created_at=now())


def _published_schema(
    entry: IndexEntry, schema: SampleSchema, client: AtmosphereClient
) -> str | None:
    """Where the schema is published already; refuses a version with other content."""
    if entry.schema_ref.startswith("at://"):
        return entry.schema_ref
    found = SchemaPublisher(client).find(schema)
    return str(found) if found else None


def _place(
    entry: IndexEntry,
    schema: SampleSchema,
    client: AtmosphereClient,
    store: AbstractDataStore | None,
    name: str,
) -> Placed:
    urls, shards = list(entry.data_urls), getattr(entry, "shards", None)
    if store is not None:
        sample_type = from_record(schema)
        ds = Dataset[sample_type](urls)  # type: ignore[valid-type]
        return copy_to(store, ds, prefix_for(name), shards)
    if all(map(is_public, urls)):
        return place_urls(urls, shards)
    return upload(client, URLSource(urls), name, shards)
