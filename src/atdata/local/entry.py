"""One dataset in a local index."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from atdata.base.clock import now
from atdata.base.display import first_few, html_table
from atdata.base.labels import checked_labels
from atdata.base.metadata import metadata_text
from atdata.errors import EntryError, RecordError
from atdata.shards.info import ShardInfo, content_cid
from atdata.storage.urls import redacted
from atdata_records import ValidationError, cid, dag_cbor
from atdata_records.ac.foundation.dataset.defs import Shard
from atdata_records.ac.foundation.dataset.local_entry import LocalEntry

_URI = "atdata://local/dataset/"


@dataclass(frozen=True, repr=False)
class LocalDatasetEntry:
    """One dataset in a local index: its name, its schema, and where its shards are.

    Args:
        name: Name of the dataset, unique in its index.
        schema_ref: ``atdata://local/sampleSchema/{Class}@{version}``, or the AT URI of a
            published schema.
        data_urls: Paths and URLs of the shards, in order; brace notation as written.
        metadata: Free metadata: a JSON object.
        schema_cid: CID of the schema's content, when the schema is known here.
        shards: What is known of each shard (digest, size in bytes, number of samples), in the
            order of ``data_urls`` with brace notation expanded; None when nothing is.
        description: What the dataset holds, for readers.
        tags: Words to find it by.
        license: An SPDX expression, or the URL of a license.
        created_at: When the dataset was inserted, as an RFC 3339 datetime; now by default.

    Nothing is checked before the entry is written (``to_record``): users also make entries to
    promote them, and promotion has checks of its own.
    """

    name: str
    schema_ref: str
    data_urls: list[str]
    metadata: dict[str, Any] | None = None
    schema_cid: str | None = field(default=None, kw_only=True)
    shards: tuple[ShardInfo, ...] | None = field(default=None, kw_only=True)
    description: str | None = field(default=None, kw_only=True)
    tags: list[str] | None = field(default=None, kw_only=True)
    license: str | None = field(default=None, kw_only=True)
    created_at: str = field(default_factory=lambda: now("microseconds"), kw_only=True)

    @property
    def content_cid(self) -> str | None:
        """Identity of the data: the CID of schema and shard digests, where both are known.

        It is the same in a published record and in a pack of the same data.
        """
        if self.schema_cid is None or self.shards is None:
            return None
        return content_cid(self.schema_cid, self.shards)

    @property
    def cid(self) -> str:
        """The content CID; if that is not known, the CID of the schema reference and URLs."""
        known = self.content_cid
        if known is not None:
            return known
        named = {"schema_ref": self.schema_ref, "data_urls": list(self.data_urls)}
        return cid.of_cbor(dag_cbor.encode(named))

    @property
    def uri(self) -> str:
        """``atdata://local/dataset/{name}``."""
        return _URI + quote(self.name, safe="")

    @property
    def wds_url(self) -> str:
        """The first of the data URLs, or "" (a name that earlier code uses)."""
        return self.data_urls[0] if self.data_urls else ""

    @property
    def sample_kind(self) -> str:
        """The schema reference (a name that earlier code uses)."""
        return self.schema_ref

    def __repr__(self) -> str:
        urls = first_few([redacted(url) for url in self.data_urls])
        return f"LocalDatasetEntry({self.name!r}, {self.schema_ref!r}, {urls!r})"

    def _repr_html_(self) -> str:
        return html_table(
            self.name,
            [
                ("schema", self.schema_ref),
                ("description", self.description),
                ("tags", self.tags),
                ("license", self.license),
                ("content", self.content_cid),
                ("metadata", self.metadata),
                ("data", [redacted(url) for url in self.data_urls]),
            ],
        )

    def to_record(self) -> LocalEntry:
        """Return the entry as a validated record of ``ac.foundation.dataset.localEntry``.

        Raises:
            EntryError: The name or metadata can't be used, there are no URLs, or the entry
                breaks the lexicon in another way; the message lists every issue.
        """
        check_name(self.name)
        record = LocalEntry(
            name=self.name,
            schema_ref=self.schema_ref,
            schema_cid=self.schema_cid,
            urls=list(self.data_urls),
            shards=_shard_records(self.shards),
            content_cid=self.content_cid,
            metadata=None if self.metadata is None else metadata_text(self.metadata),
            description=self.description,
            tags=self.tags,
            license=self.license,
            created_at=self.created_at,
        )
        try:
            record.validate()
        except ValidationError as error:
            raise EntryError(f"dataset {self.name!r} can't be an entry: {error}") from error
        return record

    @classmethod
    def from_record(cls, record: LocalEntry) -> LocalDatasetEntry:
        """Return the entry that a record describes.

        Raises:
            EntryError: Its metadata is not a JSON object, or its content CID is not the one that
                its schema and shards have.
        """
        entry = cls(
            name=record.name,
            schema_ref=record.schema_ref,
            data_urls=list(record.urls),
            metadata=None if record.metadata is None else _metadata(record.metadata),
            schema_cid=record.schema_cid,
            shards=_shard_infos(record.shards),
            description=record.description,
            tags=record.tags,
            license=record.license,
            created_at=record.created_at,
        )
        if record.content_cid != entry.content_cid:
            raise EntryError("the content CID is not the one of the schema and the shards")
        return entry

    def to_text(self) -> str:
        """Return the record as JSON text, which may be longer than a published record can be."""
        return json.dumps(self.to_record().to_dict(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_text(cls, name: str, text: str) -> LocalDatasetEntry:
        """Read an entry back from its JSON text.

        Args:
            name: The name under which the text was stored.
            text: As ``to_text`` returned it.

        Raises:
            RecordError: The text is damaged, or is the entry of another name.
        """
        try:
            entry = cls.from_record(LocalEntry.from_dict(json.loads(text)))
        except (ValueError, RecursionError) as error:
            raise RecordError(
                f"the stored entry of dataset {name!r} is damaged: {error}",
                uri=_URI + quote(name, safe=""),
                hint="Insert the dataset again with replace=True.",
            ) from error
        if entry.name != name:
            raise RecordError(f"the stored entry of dataset {name!r} is that of {entry.name!r}")
        return entry


def checked_details(metadata: Mapping[str, Any] | None, **labels: Any) -> dict[str, Any]:
    """Return what users state about a dataset, as arguments of an entry.

    Raises:
        EntryError: The metadata is not a JSON object.
        RecordError: The tags or the license can't be used.
    """
    if metadata is not None:
        metadata_text(metadata)
    stated = {} if metadata is None else {"metadata": dict(metadata)}
    return stated | checked_labels(**labels)


def name_of(ref: str) -> str:
    """Return the dataset name in a reference: a plain name, or an entry's URI."""
    return unquote(ref.removeprefix(_URI)) if ref.startswith(_URI) else ref


def check_name(name: str) -> None:
    """Refuse names that can't be a relative path, which no entry of earlier versions has either.

    New entries have the names of :mod:`atdata.base.names`.

    Raises:
        EntryError: The name is empty, is not printable, starts or ends with whitespace, or has
            a backslash or a segment that is empty, ``.`` or ``..``.
    """
    if not isinstance(name, str) or not name.isprintable() or name != name.strip():
        raise EntryError(f"{name!r} can't name a dataset: it must be printable text")
    if "\\" in name or not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise EntryError(
            f"{name!r} can't name a dataset",
            hint="Use a plain name, such as 'mnist' or 'team/mnist'.",
        )


def _metadata(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, Mapping):
        raise EntryError("the metadata is not a JSON object")
    return dict(value)


def _shard_records(shards: Sequence[ShardInfo] | None) -> list[Shard] | None:
    if shards is None:
        return None
    return [Shard(cid=shard.cid, size=shard.size, samples=shard.samples) for shard in shards]


def _shard_infos(shards: Sequence[Shard] | None) -> tuple[ShardInfo, ...] | None:
    if shards is None:
        return None
    return tuple(ShardInfo(shard.cid, shard.size, shard.samples) for shard in shards)
