"""One dataset on its way into a record: what the record will say, and whether it may.

A name stands for one content. The same content again changes nothing, or brings URLs,
description and so on up to date. Other content is a conflict, unless it is to be replaced.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atdata._metadata import metadata_text
from atdata.atmosphere.keys import AtUri, dataset_uri
from atdata.atmosphere.placing import Placed
from atdata.atmosphere.records import StoredRecord, now, settle
from atdata.atmosphere.shard_list import MANIFEST_TYPE, bounded, listed, manifest
from atdata.errors import EntryConflict, RecordError
from atdata.shards.manifest import ShardInfo, content_cid
from atdata.sources.braces import expand
from atdata_records import ValidationError
from atdata_records.ac.foundation.dataset.record import BlobStorage, Record, UrlStorage

if TYPE_CHECKING:
    from atdata.atmosphere.client import AtmosphereClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What people say of a dataset. None leaves what a published record says already."""

    description: str | None = None
    tags: Sequence[str] | None = None
    license: str | None = None
    metadata: Mapping[str, Any] | None = None

    def members(self) -> dict[str, Any]:
        """The members of a record that are said.

        Raises:
            EntryError: The metadata is not JSON.
        """
        said = {
            "description": self.description,
            "tags": None if self.tags is None else list(self.tags),
            "license": self.license,
            "metadata": None if self.metadata is None else metadata_text(self.metadata),
        }
        return {name: value for name, value in said.items() if value is not None}


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A dataset to be published.

    Attributes:
        name: Its name in the repository.
        schema: AT URI of its schema.
        schema_cid: CID of the schema's content.
        place: Puts the shards where the record can refer to them. Called once, and only when
            nothing speaks against the publication.
        shards: What is known of the shards before they are placed; None when nothing is.
        may_stay: Whether shards that are blobs of the repository already need not be placed.
        before_write: Called before the record is written: publishes the schema, for one.
        details: What people say of it.
        replace: Whether the name may stand for other content from now on.
    """

    name: str
    schema: str
    schema_cid: str
    place: Callable[[], Placed]
    shards: tuple[ShardInfo, ...] | None = None
    may_stay: bool = False
    before_write: Callable[[], object] = _nothing
    details: Details = Details()
    replace: bool = False

    def publish(self, client: AtmosphereClient) -> AtUri:
        """Write the record, unless the published one says the same.

        Raises:
            EntryConflict: The name stands for other content.
            EntryError: The dataset can't be described by a record.
            RecordError: The lexicon refuses a description, tag, …
            AuthError, NetworkError: As ``AtmosphereClient.put_record``.
        """
        uri = dataset_uri(client.did, self.name)
        self._check_words(uri)
        placed: Placed | None = None

        def decide(found: StoredRecord | None) -> Record | None:
            nonlocal placed
            current = self._current(found)
            placed = placed or self._placed(current)
            wanted = self._wanted(current, placed, uri)
            if wanted == current:
                return None
            self.before_write()
            if wanted.manifest is not None:
                client.upload_blob(manifest(placed.shards or ()), MANIFEST_TYPE)
            return wanted

        return settle(client, uri, decide)

    def _check_words(self, uri: AtUri) -> None:
        """Refuse what a lexicon refuses before the first shard is placed."""
        somewhere = Placed(UrlStorage(urls=["https://example.com/"]), self.shards)
        self._wanted(None, somewhere, uri)

    def _current(self, found: StoredRecord | None) -> Record | None:
        """What is published; refused early when it is known to be something else."""
        if found is None:
            return None
        try:
            current = found.read(Record)
        except RecordError:
            if self.replace:
                return None
            raise
        published = current.content_cid
        if self.shards and published not in (None, self._content(self.shards)):
            self._refuse_unless_replaced(found.uri)
        return current

    def _placed(self, current: Record | None) -> Placed:
        if self.may_stay and self.shards is not None and current is not None:
            same = current.content_cid == self._content(self.shards)
            if same and isinstance(current.storage, BlobStorage):
                return Placed(current.storage, self.shards)
        return self.place()

    def _wanted(self, current: Record | None, placed: Placed, uri: AtUri) -> Record:
        said = self._facts(placed) | self.details.members()
        wanted = Record(**said, created_at=now())
        if current is not None and _same_data(current, wanted):
            # What nobody said or looked at this time stays: the rest of the published record.
            wanted = dataclasses.replace(current, **said)
        elif current is not None:
            self._refuse_unless_replaced(uri)
            wanted = dataclasses.replace(wanted, created_at=current.created_at)
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
        if placed.shards is not None:
            facts |= {
                "shards": listed(placed.shards),
                "manifest": None,
                "content_cid": self._content(placed.shards),
                "size": sum(info.size for info in placed.shards),
                "samples": sum(info.samples for info in placed.shards),
            }
        return facts

    def _refuse_unless_replaced(self, uri: AtUri) -> None:
        if not self.replace:
            raise EntryConflict(
                f"the name {self.name!r} stands for other data already",
                uri=str(uri),
                hint="Choose another name, or pass replace=True.",
            )

    def _content(self, shards: Sequence[ShardInfo]) -> str:
        return content_cid(self.schema_cid, shards)


def _same_data(current: Record, wanted: Record) -> bool:
    """Whether two records stand for the same data: by content, or else by schema and URLs."""
    if current.content_cid is not None and wanted.content_cid is not None:
        return current.content_cid == wanted.content_cid
    same_schema = current.schema_cid in (None, wanted.schema_cid)
    return same_schema and _urls(current) is not None and _urls(current) == _urls(wanted)


def _urls(record: Record) -> list[str] | None:
    if not isinstance(record.storage, UrlStorage):
        return None
    return [name for url in record.storage.urls for name in expand(url)]
