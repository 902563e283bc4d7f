"""Publication of one dataset: the content of its record, and whether it may be written.

A name stands for one content. Publishing the same content again changes nothing, or updates URLs,
description and so on. Other content is a conflict, unless ``replace`` is set.
A dataset whose shards had to be cut anew stays the same: its record names the original content.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from atdata.atmosphere.keys import AtUri
from atdata.atmosphere.placing import Placed
from atdata.atmosphere.plan import Plan
from atdata.atmosphere.records import StoredRecord
from atdata.atmosphere.schemas import check_same
from atdata.atmosphere.shard_list import (
    MANIFEST_TYPE,
    MOST_BYTES,
    MOST_SHARDS,
    manifest,
    shards_of,
    with_manifest,
)
from atdata.atmosphere.uploads import forget_uploads
from atdata.base.clock import now
from atdata.base.labels import checked_labels
from atdata.base.metadata import metadata_text
from atdata.errors import EntryConflict, RecordError, StorageError, XrpcError
from atdata.shards.info import ShardInfo, content_cid
from atdata.sources.braces import MAX_RECORD_NAMES, Names
from atdata_records import ValidationError
from atdata_records.ac.foundation.dataset.defs import Shard
from atdata_records.ac.foundation.dataset.record import (
    BlobStorage,
    Derivation,
    Record,
    UrlStorage,
)
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

if TYPE_CHECKING:
    from atdata.atmosphere.client import AtmosphereClient

# Each failed attempt means that another writer succeeded, so the attempts do end.
_ATTEMPTS = 100
_LONGEST_WAIT = 0.5  # seconds

# What users state about a name; metadata belongs to the data.
_WORDS = ("description", "tags", "license")


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A dataset to be published.

    Attributes:
        uri: AT URI of its record.
        name: Its name in the repository, checked already.
        schema_uri: AT URI of its schema.
        schema_cid: CID of the schema's content.
        place: Puts the shards where the record can refer to them, once no check has refused
            the publication. Called with True, it only returns where they would be.
        schema: The schema's record, if it has to be published unless it is; None when it is.
        shards: What is known of the shards before they are placed; None when nothing is known.
        may_stay: Whether shards that are blobs of the repository already need not be placed.
        details: What users state about it: ``description``, ``tags``, ``license`` and
            ``metadata``. What is None stays as published.
        replace: Whether the name may stand for other content from now on.
        created_at: When it is published. A plan has the same time as the record.
    """

    uri: AtUri
    name: str
    schema_uri: AtUri
    schema_cid: str
    place: Callable[[bool], Placed]
    schema: SampleSchema | None = None
    shards: tuple[ShardInfo, ...] | None = None
    may_stay: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)
    replace: bool = False
    created_at: str = field(default_factory=now)

    def publish(self, client: AtmosphereClient) -> Plan:
        """Write the schema and the record, unless what is published is the same.

        The record is written only if it is still the one that was found; otherwise the next
        attempt looks again.

        Returns:
            The plan that was carried out.

        Raises:
            EntryConflict: The name stands for other content.
            SchemaConflict: The schema's version is published with other content.
            EntryError: The dataset can't be described by a record.
            RecordError: The lexicon refuses a description, tag, …
            AuthError, NetworkError: As ``AtmosphereClient.put_record``.
        """
        try:
            return self._publish(client)
        except XrpcError as error:
            if error.code != "BlobNotFound":
                raise
        # Blobs were uploaded and deleted before their record was written.
        forget_uploads(client.did)
        return self._publish(client)

    def plan(self, client: AtmosphereClient) -> Plan:
        """Return what ``publish`` would write. Write nothing; errors as ``publish``.

        Raises:
            StorageError: Where the shards would be is not known beforehand.
        """
        return self._plan(client, None, dry_run=True)

    def _publish(self, client: AtmosphereClient) -> Plan:
        placed: Placed | None = None
        attempt = 0
        while True:
            plan = self._plan(client, placed, dry_run=False)
            attempt += 1
            try:
                _write(client, plan)
                return plan
            except XrpcError as error:
                if error.code != "InvalidSwap" or attempt == _ATTEMPTS:
                    raise
            placed = plan.placed
            # Writers that wait for different times don't collide again.
            time.sleep(random.uniform(0, min(_LONGEST_WAIT, 0.02 * attempt)))  # noqa: S311

    def _plan(self, client: AtmosphereClient, placed: Placed | None, *, dry_run: bool) -> Plan:
        members = self._members()
        schema = self._published_schema(client)
        schema_uri = schema.uri if schema else self.schema_uri
        found = client.find_record(self.uri)
        current = None if found is None else self._current(found, members, dry_run)
        placed = placed or (current and self._staying(client, current)) or self.place(dry_run)
        return Plan(
            uri=self.uri,
            current=current,
            record=self._wanted(current, placed, members | {"schema_ref": str(schema_uri)}),
            placed=placed,
            schema_uri=schema_uri,
            schema=None if schema else self.schema,
            replaces=None if found is None else found.cid,
        )

    def _members(self) -> dict[str, Any]:
        """Return the members of the record that users state, valid ones only.

        What a lexicon refuses is refused here, before the first shard is placed.
        """
        members = _stated(**self.details) | {
            "name": self.name,
            "schema_ref": str(self.schema_uri),
            "schema_cid": self.schema_cid,
        }
        somewhere = UrlStorage(urls=["https://example.com/"])
        self._validate(Record(**members, storage=somewhere, created_at=self.created_at))
        return members

    def _published_schema(self, client: AtmosphereClient) -> StoredRecord | None:
        if self.schema is None:
            return None
        found = client.find_schema(self.schema_uri, self.schema.name, self.schema.version)
        if found is not None:
            check_same(found, self.schema)
        return found

    def _current(
        self, found: StoredRecord, members: Mapping[str, Any], dry_run: bool
    ) -> Record | None:
        """Return what is published; refuse early when it is known to be a different dataset."""
        try:
            current = found.read(Record)
        except RecordError:
            if self.replace:
                return None
            raise
        if self.shards is not None:
            published = identities(current)
            if published and content_cid(self.schema_cid, self.shards) not in published:
                self._refuse_unless_replaced()
        elif not self.replace and not dry_run:
            # A dataset must not be copied before a taken name is reported. What can't be
            # checked without writing is found out by writing.
            with contextlib.suppress(StorageError):
                self._wanted(current, self.place(True), members)
        return current

    def _staying(self, client: AtmosphereClient, current: Record) -> Placed | None:
        """Return the shards where they are published already, if they may stay there."""
        if not self.may_stay or self.shards is None or not isinstance(current.storage, BlobStorage):
            return None
        content = content_cid(self.schema_cid, self.shards)
        if content not in identities(current):
            return None
        if current.content_cid == content:
            return Placed(current.storage, self.shards)
        return Placed(current.storage, shards_of(current, client, client.did), self.shards)

    def _wanted(self, current: Record | None, placed: Placed, members: Mapping[str, Any]) -> Record:
        """Return the record for shards that are placed."""
        origin = placed.cut_from or self.shards
        cids = [
            None if shards is None else content_cid(self.schema_cid, shards)
            for shards in (placed.shards, None if origin == placed.shards else origin)
        ]
        return self._record(current, {**members, **_facts(placed, origin, *cids)}, placed.shards)

    def _record(
        self,
        current: Record | None,
        members: dict[str, Any],
        shards: Sequence[ShardInfo] | None,
    ) -> Record:
        wanted = Record(**members, created_at=self.created_at)
        if current is not None and _same_data(current, wanted):
            if wanted.content_cid not in (None, current.content_cid):
                members.setdefault("derived_from", None)
            # Members that were not given or computed this time stay as published.
            wanted = replace(current, **members)
        elif current is not None:
            self._refuse_unless_replaced()
            wanted = replace(wanted, **_lasting(current, members))
        if shards is not None and (len(shards) > MOST_SHARDS or len(wanted.to_json()) > MOST_BYTES):
            wanted = with_manifest(wanted, shards)
        self._validate(wanted)
        return wanted

    def _validate(self, record: Record) -> None:
        try:
            record.validate()
        except ValidationError as error:
            message = f"dataset {self.name!r} can't be published: {error}"
            raise RecordError(message, uri=str(self.uri)) from error

    def _refuse_unless_replaced(self) -> None:
        if not self.replace:
            raise EntryConflict(
                f"the name {self.name!r} stands for other data already",
                uri=str(self.uri),
                hint="Choose another name, or pass replace=True (on the command line: --replace).",
            )


def _write(client: AtmosphereClient, plan: Plan) -> None:
    """Write what a plan changes: first the schema, last the record, in one step."""
    if plan.record == plan.current:
        return
    if plan.schema is not None:
        uri = plan.schema_uri
        client.put_record(uri.collection, uri.rkey, plan.schema.to_dict(), swap_record=None)
    if plan.record.manifest is not None:
        client.upload_blob(manifest(plan.placed.shards or ()), MANIFEST_TYPE)
    value = plan.record.to_dict()
    client.put_record(plan.uri.collection, plan.uri.rkey, value, swap_record=plan.replaces)


def _stated(*, metadata: Mapping[str, Any] | None = None, **labels: Any) -> dict[str, Any]:
    """Return the members of a record that users state; without those that are None.

    Raises:
        EntryError: The metadata is not JSON.
        RecordError: The license can't be looked up, or the tags are not a list.
    """
    stated = {} if metadata is None else {"metadata": metadata_text(metadata)}
    return stated | checked_labels(**labels)


def _facts(
    placed: Placed,
    origin: Sequence[ShardInfo] | None,
    content: str | None,
    origin_content: str | None,
) -> dict[str, Any]:
    """Return the members of a record that follow from its shards."""
    facts: dict[str, Any] = {"storage": placed.storage}
    if origin is not None and origin_content is not None:
        facts["derived_from"] = Derivation(content_cid=origin_content)
        facts |= dict.fromkeys(("shards", "manifest", "content_cid", "size"))
        facts["samples"] = sum(info.samples for info in origin)
    if placed.shards is not None:
        facts |= {
            "shards": [
                Shard(cid=one.cid, size=one.size, samples=one.samples) for one in placed.shards
            ],
            "manifest": None,
            "content_cid": content,
            "size": sum(info.size for info in placed.shards),
            "samples": sum(info.samples for info in placed.shards),
        }
    return facts


def identities(record: Record) -> set[str]:
    """Return the content CIDs of a record's dataset: as it is, and before it was cut anew."""
    origin = record.derived_from.content_cid if record.derived_from else None
    return {content for content in (record.content_cid, origin) if content is not None}


def _lasting(current: Record, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that a name keeps when it stands for other data, unless given anew."""
    kept = ("created_at", *(name for name in _WORDS if name not in members))
    return {name: getattr(current, name) for name in kept}


def _same_data(current: Record, wanted: Record) -> bool:
    """Return whether two records stand for the same data: by content, or by schema and URLs."""
    if identities(current) and identities(wanted):
        return not identities(current).isdisjoint(identities(wanted))
    same_schema = current.schema_cid in (None, wanted.schema_cid)
    return same_schema and _urls(current) is not None and _urls(current) == _urls(wanted)


def _urls(record: Record) -> list[str] | None:
    if not isinstance(record.storage, UrlStorage):
        return None
    return list(Names(record.storage.urls, MAX_RECORD_NAMES))
