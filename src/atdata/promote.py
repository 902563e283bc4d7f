"""Promotion: publish an entry of a local index as a record on the network.

The order of the steps makes it safe to interrupt and repeat. Everything is checked before
anything is written; then the shards are stored where others can read them, under names that
depend on their bytes; then the schema is written, and last the dataset record, in one step.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from atdata._protocols import DetailedEntry, StoringIndex
from atdata.atmosphere.keys import AtUri, dataset_uri, schema_uri
from atdata.atmosphere.placing import Placed, check_store, is_public, place, place_urls
from atdata.atmosphere.plan import Plan
from atdata.atmosphere.publication import Publication
from atdata.atmosphere.read_back import read_back
from atdata.atmosphere.schemas import SchemaLoader
from atdata.base.arguments import check_client, check_entry, check_index
from atdata.base.clock import now
from atdata.base.names import check_dataset_name
from atdata.dataset import Dataset
from atdata.errors import EntryError
from atdata.samples.schema import from_record, record_cid, to_record
from atdata.shards.info import known_infos
from atdata.stores.bucket import source_of
from atdata_records import ValidationError
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

if TYPE_CHECKING:
    from atdata._protocols import AbstractDataStore, AbstractIndex, IndexEntry
    from atdata.atmosphere.client import AtmosphereClient
    from atdata.progress import Progress

__all__ = ["Plan", "Promotion", "promote_to_atmosphere"]


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
    metadata: Mapping[str, Any] | None = None,
    replace: bool = False,
    dry_run: bool = False,
    verify: bool = False,
    progress: Progress | None = None,
) -> AtUri:
    """Publish a dataset of a local index, with its schema and metadata.

    Schema CID, shard digests and content CID of the record are those of the entry. Promoting
    an entry again changes nothing and returns the same URI; new descriptions, tags and URLs
    update the record. What neither the call nor the entry states stays as published. The next
    run completes one that was killed: nothing is published or uploaded twice.

    A shard that is larger than a PDS takes as a blob is cut anew. The record then has the
    digests and the content CID of the new shards, and in ``derivedFrom`` that of the entry.

    Args:
        local_entry: The entry.
        local_index: The index that knows its schema.
        atmosphere_client: A client that is logged in.
        data_store: Copy the shards there: byte for byte, if the store has ``copy_shards``.
            If None, they stay at URLs that others can reach; files of this machine become
            blobs of the repository.
        name: Name in the repository; the entry's if None.
        description: Human-readable description of the dataset; the entry's if None.
        tags: Words to find it by; the entry's if None.
        license: An SPDX expression (``CC-BY-4.0``; ``LicenseRef-…`` for one of your own) or a
            URL; the entry's if None.
        metadata: A JSON object; the entry's if None.
        replace: Let the name stand for other data from now on. Description, tags and license
            stay as published unless given; metadata is that of the entry.
        dry_run: Write nothing; print the records that would be written, and what would be
            copied where. A real run writes exactly these, but for the time.
        verify: After publishing, read everything back: the record from the PDS, and each shard
            from its place in the record, against its digest.
        progress: Notified of each shard that is copied, and of each that is read back.

    Returns:
        The AT URI of the dataset record.

    Raises:
        SchemaNotFound: The entry's schema is not in the index (a ``KeyError``).
        EntryError: The entry has no data URLs, or is not an entry (a ``ValueError``).
        EntryConflict: The name stands for other data already.
        SchemaConflict: The schema's version is published with other content.
        RecordError: The lexicon refuses a description, tag, …; or the record that is read back
            differs.
        UrlError: ``data_store`` is a folder of this machine.
        ShardError: A shard is damaged, or not the one of the entry.
        StorageError: Shards could not be copied (``SampleTooLarge``: nor cut).
        AuthError, NetworkError: The server refused, or could not be reached.
    """
    details: dict[str, Any] = {"description": description, "tags": tags}
    details |= {"license": license, "metadata": metadata}
    options: dict[str, Any] = {"data_store": data_store, "name": name, "replace": replace}
    promotion = Promotion(
        local_entry, local_index, atmosphere_client, progress=progress, **options, **details
    )
    if dry_run:
        plan = promotion.plan()
        sys.stdout.write(f"{plan}\n")
        return plan.uri
    plan = promotion.publish()
    if verify:
        promotion.verify(plan)
    return plan.uri


@runtime_checkable
class _Identified(Protocol):
    """A schema of an index that has it as a record, and knows the CID of its content."""

    record: SampleSchema
    cid: str


def _details_of(entry: IndexEntry) -> dict[str, Any]:
    """Return what an entry states about its dataset."""
    found: dict[str, Any] = {"metadata": entry.metadata}
    if isinstance(entry, DetailedEntry):
        found |= {"description": entry.description, "tags": entry.tags, "license": entry.license}
    return found


class Promotion:
    """The promotion of an entry into a repository: plan it, publish it, and verify it.

    Arguments and errors are those of ``promote_to_atmosphere``; ``details`` are ``description``,
    ``tags``, ``license`` and ``metadata``.
    """

    def __init__(
        self,
        entry: IndexEntry,
        index: AbstractIndex,
        client: AtmosphereClient,
        *,
        data_store: AbstractDataStore | None = None,
        name: str | None = None,
        replace: bool = False,
        progress: Progress | None = None,
        **details: Any,
    ) -> None:
        check_entry(entry)
        check_index(index, "get_schema", "decode_schema")
        check_client(client)
        if not entry.data_urls:
            raise EntryError(f"dataset {entry.name!r} has no data URLs")
        if data_store is not None:
            check_store(data_store)
        self._entry, self._index, self._client = entry, index, client
        self._store, self._name = data_store, name or entry.name
        check_dataset_name(self._name)
        self._replace, self._progress = replace, progress
        given = {name: value for name, value in details.items() if value is not None}
        self._details = _details_of(entry) | given
        self._are_public = all(map(is_public, entry.data_urls))
        self._shards = known_infos(entry)

    def plan(self) -> Plan:
        """Return what ``publish`` would write, and where. Writes nothing."""
        return self._publication.plan(self._client)

    def publish(self) -> Plan:
        """Write the parts that are missing or outdated; return the plan that was carried out."""
        return self._publication.publish(self._client)

    def verify(self, plan: Plan, progress: Progress | None = None) -> None:
        """Read back what was published; see ``read_back``."""
        read_back(self._client, plan.uri, plan.record, progress or self._progress)

    @cached_property
    def _publication(self) -> Publication:
        """The publication, made once, so that a plan and its publication have the same time."""
        schema, cid = self._schema
        did, ref = self._client.did, self._entry.schema_ref
        is_published = ref.startswith("at://")
        return Publication(
            uri=dataset_uri(did, self._name),
            name=self._name,
            schema_uri=AtUri.parse(ref)
            if is_published
            else schema_uri(did, schema.name, schema.version),
            schema_cid=cid,
            place=self._place,
            schema=None if is_published else schema,
            shards=self._shards,
            may_stay=self._store is None and not self._are_public,
            details=self._details,
            replace=self._replace,
        )

    @cached_property
    def _schema(self) -> tuple[SampleSchema, str]:
        """The entry's schema record, the index's own so that its CID stays, and that CID."""
        ref = self._entry.schema_ref
        if ref.startswith("at://"):
            schema = SchemaLoader(self._client).read(ref)
            return schema, record_cid(schema)
        known = self._index.get_schema(ref)
        if isinstance(known, _Identified):
            return known.record, known.cid
        try:
            schema = SampleSchema.from_dict(dict(known))
        except ValidationError:
            # Another kind of index, with records of its own: make one from the type.
            sample_type = self._index.decode_schema(ref)
            schema = to_record(sample_type, str(known["version"]), created_at=now())
        return schema, record_cid(schema)

    def _place(self, dry_run: bool) -> Placed:
        urls = list(self._entry.data_urls)
        if self._store is None and self._are_public:
            return place_urls(urls, self._shards)
        sample_type = from_record(self._schema[0])
        store = self._index.data_store if isinstance(self._index, StoringIndex) else None
        return place(
            self._client,
            Dataset[sample_type](source_of(urls, store)),  # type: ignore[valid-type]
            self._name,
            self._store,
            infos=self._shards,
            progress=self._progress,
            dry_run=dry_run,
        )


def _find_existing_schema(client: AtmosphereClient, name: str, version: str) -> AtUri | None:
    """Return a schema version's AT URI in the user's repository, or None; at most two requests."""
    found = client.find_schema(schema_uri(client.did, name, version), name, version)
    return found.uri if found else None
