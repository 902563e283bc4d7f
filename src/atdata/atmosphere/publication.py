"""Publication of one dataset: the content of its record, and whether it may be written.

A name stands for one content. Publishing the same content again changes nothing, or updates URLs,
description and so on. Other content is a conflict, unless ``replace`` is set.
A dataset whose shards had to be cut anew stays the same: its record names the original content.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from atdata.atmosphere.keys import AtUri, dataset_uri
from atdata.atmosphere.placing import Placed
from atdata.atmosphere.records import StoredRecord, now
from atdata.atmosphere.settling import settle
from atdata.atmosphere.shard_list import MANIFEST_TYPE, bounded, listed, manifest, shards_of
from atdata.atmosphere.uploads import forget_uploads
from atdata.base.labels import checked_license, checked_tags
from atdata.base.metadata import metadata_text
from atdata.base.names import check_dataset_name
from atdata.errors import EntryConflict, RecordError, StorageError, XrpcError
from atdata.shards.info import ShardInfo, content_cid
from atdata.sources.braces import MAX_RECORD_NAMES, Names
from atdata.stores.advice import Advice, advise
from atdata_records import ValidationError
from atdata_records.ac.foundation.dataset.record import (
    BlobStorage,
    Derivation,
    Record,
    UrlStorage,
)

if TYPE_CHECKING:
    from atdata.atmosphere.client import AtmosphereClient


# What users state about a name; metadata belongs to the data.
_WORDS = ("description", "tags", "license")


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What users state about a dataset. None keeps what a published record already has."""

    description: str | None = None
    tags: Sequence[str] | None = None
    license: str | None = None
    metadata: Mapping[str, Any] | None = None

    def members(self) -> dict[str, Any]:
        """Return the members of a record that are given.

        Raises:
            EntryError: The metadata is not JSON.
            RecordError: The license can't be looked up, or the tags are not a list.
        """
        said = {
            "description": self.description,
            "tags": None if self.tags is None else checked_tags(self.tags),
            "license": None if self.license is None else checked_license(self.license),
            "metadata": None if self.metadata is None else metadata_text(self.metadata),
        }
        return {name: value for name, value in said.items() if value is not None}


def _nothing() -> None:
    pass


class Placing(Protocol):
    """Puts the shards where the record can refer to them."""

    def __call__(self, *, dry_run: bool = False) -> Placed:
        """Do it; with ``dry_run``, only return where they would be."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A record that is to be written, or has been written.

    Attributes:
        uri: Its address.
        current: The record that was there; None when none was, or one that is not a dataset.
        record: The record that is to be there.
        placed: Where its shards are.
    """

    uri: AtUri
    current: Record | None
    record: Record
    placed: Placed

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.record != self.current

    @property
    def storage(self) -> str:
        """``"blobs"`` or ``"urls"``."""
        return "blobs" if isinstance(self.record.storage, BlobStorage) else "urls"

    @property
    def advice(self) -> Advice | None:
        """Whether blobs or URLs are the place for a dataset of this size, if that is known."""
        return None if self.record.size is None else advise(self.record.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A dataset to be published.

    Attributes:
        name: Its name in the repository; :mod:`atdata.base.names` has the rule.
        schema: AT URI of its schema.
        schema_cid: CID of the schema's content.
        place: Puts the shards where the record can refer to them, once no check has refused
            the publication.
        shards: What is known of the shards before they are placed; None when nothing is known.
        may_stay: Whether shards that are blobs of the repository already need not be placed.
        before_write: Called before the record is written, for example to publish the schema.
        details: What users state about it.
        replace: Whether the name may stand for other content from now on.
        created_at: When it is published. A draft has the same time as the record.
    """

    name: str
    schema: str
    schema_cid: str
    place: Placing
    shards: tuple[ShardInfo, ...] | None = None
    may_stay: bool = False
    before_write: Callable[[], object] = _nothing
    details: Details = Details()
    replace: bool = False
    created_at: str = field(default_factory=now)

    def __post_init__(self) -> None:
        check_dataset_name(self.name)

    def publish(self, client: AtmosphereClient) -> Draft:
        """Write the record, unless the published one is the same.

        Returns:
            The published record, as a draft.

        Raises:
            EntryConflict: The name stands for other content.
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

    def draft(self, client: AtmosphereClient) -> Draft:
        """Return what ``publish`` would write. Write nothing; errors as ``publish``.

        Raises:
            StorageError: Where the shards would be is not known beforehand.
        """
        uri = dataset_uri(client.did, self.name)
        self._check_words(uri)
        current = self._current(client.find_record(uri))
        placed = self._staying(client, current) or self.place(dry_run=True)
        return Draft(uri, current, self._wanted(current, placed, uri), placed)

    def _publish(self, client: AtmosphereClient) -> Draft:
        uri = dataset_uri(client.did, self.name)
        self._check_words(uri)
        placed: Placed | None = None
        draft: Draft | None = None

        def decide(found: StoredRecord | None) -> Record | None:
            nonlocal placed, draft
            current = self._current(found)
            placed = placed or self._placed(client, current, uri)
            draft = Draft(uri, current, self._wanted(current, placed, uri), placed)
            if not draft.changes:
                return None
            self.before_write()
            if draft.record.manifest is not None:
                client.upload_blob(manifest(placed.shards or ()), MANIFEST_TYPE)
            return draft.record

        settle(client, uri, decide)
        assert draft is not None  # noqa: S101 - settle has decided at least once
        return draft

    def _check_words(self, uri: AtUri) -> None:
        """Refuse what a lexicon refuses, before the first shard is placed."""
        somewhere = Placed(UrlStorage(urls=["https://example.com/"]), self.shards)
        self._wanted(None, somewhere, uri)

    def _current(self, found: StoredRecord | None) -> Record | None:
        """Return what is published; refuse early when it is known to be a different dataset."""
        if found is None:
            return None
        try:
            current = found.read(Record)
        except RecordError:
            if self.replace:
                return None
            raise
        published = identities(current)
        if self.shards and published and self._content(self.shards) not in published:
            self._refuse_unless_replaced(found.uri)
        return current

    def _placed(self, client: AtmosphereClient, current: Record | None, uri: AtUri) -> Placed:
        staying = self._staying(client, current)
        if staying is not None:
            return staying
        if current is not None and not self.replace and self.shards is None:
            # A dataset must not be copied before a taken name is reported. What can't be
            # checked without writing is found out by writing.
            with contextlib.suppress(StorageError):
                self._wanted(current, self.place(dry_run=True), uri)
        return self.place()

    def _staying(self, client: AtmosphereClient, current: Record | None) -> Placed | None:
        """Return the shards where they are published already, if they may stay there."""
        if not self.may_stay or self.shards is None or current is None:
            return None
        content = self._content(self.shards)
        if content not in identities(current) or not isinstance(current.storage, BlobStorage):
            return None
        if current.content_cid == content:
            return Placed(current.storage, self.shards)
        return Placed(current.storage, shards_of(current, client, client.did), self.shards)

    def _wanted(self, current: Record | None, placed: Placed, uri: AtUri) -> Record:
        said = self._facts(placed) | self.details.members()
        wanted = Record(**said, created_at=self.created_at)
        if current is not None and _same_data(current, wanted):
            if wanted.content_cid not in (None, current.content_cid):
                said.setdefault("derived_from", None)
            # Members that were not given or computed this time stay as published.
            wanted = dataclasses.replace(current, **said)
        elif current is not None:
            self._refuse_unless_replaced(uri)
            wanted = dataclasses.replace(wanted, **_lasting(current, said))
        if placed.shards is not None:
            wanted = bounded(wanted, placed.shards)
        try:
            wanted.validate()
        except ValidationError as error:
            message = f"dataset {self.name!r} can't be published: {error}"
            raise RecordError(message, uri=str(uri)) from error
        return wanted

    def _facts(self, placed: Placed) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "name": self.name,
            "schema_ref": self.schema,
            "schema_cid": self.schema_cid,
            "storage": placed.storage,
        }
        shards, origin = placed.shards, placed.cut_from or self.shards
        if origin is not None and origin != shards:
            facts["derived_from"] = Derivation(content_cid=self._content(origin))
            facts |= dict.fromkeys(("shards", "manifest", "content_cid", "size"))
            facts["samples"] = sum(info.samples for info in origin)
        if shards is not None:
            facts |= {
                "shards": listed(shards),
                "manifest": None,
                "content_cid": self._content(shards),
                "size": sum(info.size for info in shards),
                "samples": sum(info.samples for info in shards),
            }
        return facts

    def _refuse_unless_replaced(self, uri: AtUri) -> None:
        if not self.replace:
            raise EntryConflict(
                f"the name {self.name!r} stands for other data already",
                uri=str(uri),
                hint="Choose another name, or pass replace=True (on the command line: --replace).",
            )

    def _content(self, shards: Sequence[ShardInfo]) -> str:
        return content_cid(self.schema_cid, shards)


def identities(record: Record) -> set[str]:
    """Return the content CIDs of a record's dataset: as it is, and before it was cut anew."""
    origin = record.derived_from.content_cid if record.derived_from else None
    return {content for content in (record.content_cid, origin) if content is not None}


def _lasting(current: Record, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that a name keeps when it stands for other data, unless given anew."""
    kept = ("created_at", *(name for name in _WORDS if name not in said))
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
