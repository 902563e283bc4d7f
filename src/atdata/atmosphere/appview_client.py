"""Questions to an AppView: what is published, and where shards can be read quickly.

An AppView is a convenience, not an authority: what it sends is checked against the CIDs of the
record, and whatever it does not know is asked of the repositories themselves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from atdata._labels import checked_tags
from atdata.atmosphere.keys import AtUri, record_key
from atdata.atmosphere.records import StoredRecord
from atdata.atmosphere.xrpc import Reader
from atdata.dataset import Dataset
from atdata.errors import (
    EntryNotFound,
    NetworkError,
    RecordError,
    SchemaConflict,
    SchemaNotFound,
    UrlError,
    XrpcError,
)
from atdata.samples.schema import from_record, record_cid
from atdata.shards.manifest import ShardInfo, content_cid
from atdata.sources import URLSource, VerifiedSource
from atdata.sources.verified import Promise
from atdata_records import ValidationError
from atdata_records.ac.foundation.dataset.get_dataset import GetDatasetOutput
from atdata_records.ac.foundation.dataset.get_schema import GetSchemaOutput
from atdata_records.ac.foundation.dataset.record import BlobStorage, Record
from atdata_records.ac.foundation.dataset.resolve_shards import ResolveShardsOutput
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema
from atdata_records.ac.foundation.dataset.search_datasets import SearchDatasetsOutput
from atdata_records.ac.foundation.dataset.views import Dataset as DatasetView

_PAGE = 100


class AppViewClient:
    """Asks one AppView.

    Args:
        url: Its base URL; ``ATDATA_APPVIEW_URL`` when None.

    Raises:
        UrlError: Neither is given.
    """

    def __init__(self, url: str | None = None) -> None:
        url = url or os.environ.get("ATDATA_APPVIEW_URL")
        if not url:
            raise UrlError(
                "no AppView is named", hint="Set ATDATA_APPVIEW_URL to the base URL of one."
            )
        self.url = url.rstrip("/")
        self._reader = Reader(untrusted=False)

    def search(
        self,
        words: str = "",
        *,
        tags: Sequence[str] = (),
        license: str | None = None,  # noqa: A002  (the lexicon's word)
        schema: str | None = None,
        author: str | None = None,
        limit: int | None = None,
    ) -> Iterator[DatasetView]:
        """Published datasets, the best match first; the newest first without words.

        Args:
            words: Each must begin a word of the name, the tags or the description.
            tags: Tags that a dataset must all have.
            license: License that it must have.
            schema: Its schema: AT URI of the record, or CID of the content.
            author: Handle or DID of the account that published it.
            limit: How many, at most; all when None.

        Raises:
            RecordError: The tags are not a list.
            NetworkError: The AppView can't be reached, or refused.
        """
        said = {"q": words, "license": license, "schema": schema, "author": author}
        params = [(name, value) for name, value in said.items() if value]
        params += [("tags", tag) for tag in checked_tags(tags)]
        left, cursor = limit, None
        while left is None or left > 0:
            page = [("limit", str(min(left or _PAGE, _PAGE)))]
            page += [("cursor", cursor)] if cursor else []
            answer = self._ask("searchDatasets", SearchDatasetsOutput, params + page)
            yield from answer.datasets[:left]
            left = None if left is None else left - len(answer.datasets)
            if (cursor := answer.cursor) is None:
                return

    def find(self, ref: str) -> StoredRecord:
        """The record of a published dataset.

        Args:
            ref: ``@{handle or did}/{name}``, or an AT URI.

        Raises:
            EntryNotFound: The AppView does not know it.
            NetworkError: It can't be reached, or refused.
        """
        uri = ref
        if ref.startswith("@"):
            actor, _, name = ref[1:].partition("/")
            uri = str(AtUri(actor, Record.NSID, record_key(name)))
        answer = self._known("getDataset", GetDatasetOutput, uri, EntryNotFound)
        view = answer.dataset
        return StoredRecord(AtUri.parse(view.uri), view.cid, dict(answer.record))

    def to_dataset(self, ref: str, sample_type: type[Any] | None = None) -> Dataset[Any]:
        """A published dataset, its shards read through the AppView and checked on arrival.

        Args:
            ref: As for ``find``.
            sample_type: Read the samples as this class; as the published schema says when None.

        Raises:
            EntryNotFound, SchemaNotFound: The AppView does not know it, or not its schema.
            RecordError, SchemaConflict: What it sends is not what the record's CIDs tell.
            NetworkError: It can't be reached, or can't read the list of shards.
        """
        found = self.find(ref)
        record = found.read(Record)
        if sample_type is None:
            sample_type = from_record(self._schema(record))
        answer = self._known("resolveShards", ResolveShardsOutput, str(found.uri), EntryNotFound)
        urls = [shard.url for shard in answer.shards]
        source = VerifiedSource(URLSource(urls), _promised(record, answer, str(found.uri)))
        return Dataset[sample_type](source)  # type: ignore[valid-type]

    def _schema(self, record: Record) -> SampleSchema:
        uri = record.schema_ref
        answer = self._known("getSchema", GetSchemaOutput, uri, SchemaNotFound)
        stored = StoredRecord(AtUri.parse(uri), answer.schema.cid, dict(answer.record))
        schema = stored.read(SampleSchema)
        if record.schema_cid is not None and record_cid(schema) != record.schema_cid:
            raise SchemaConflict("the schema has other content than the dataset tells", uri=uri)
        return schema

    def _known(
        self, method: str, kind: Any, uri: str, missing: type[EntryNotFound | SchemaNotFound]
    ) -> Any:
        try:
            return self._ask(method, kind, [("uri", uri)])
        except XrpcError as error:
            if error.code == "NotFound":
                raise missing("the AppView knows no such record", uri=uri) from error
            raise

    def _ask(self, method: str, kind: Any, params: Sequence[tuple[str, str]]) -> Any:
        url = f"{self.url}/xrpc/ac.foundation.dataset.{method}"
        answer: Mapping[str, Any] = self._reader.get_json(f"{url}?{urlencode(params)}")
        try:
            return kind.from_dict(answer)
        except ValidationError as error:
            raise NetworkError(
                f"the AppView's answer breaks its lexicon: {error}", uri=url
            ) from error


def _promised(
    record: Record, answer: ResolveShardsOutput, uri: str
) -> Sequence[ShardInfo | Promise]:
    """What each shard must be, by the record; by the AppView only where a CID vouches for it."""
    if record.shards is not None:
        return [ShardInfo(shard.cid, shard.size, shard.samples) for shard in record.shards]
    if isinstance(record.storage, BlobStorage):
        return [Promise(str(blob.ref), blob.size) for blob in record.storage.blobs]
    told = [
        ShardInfo(shard.cid, shard.size, shard.samples)
        for shard in answer.shards
        if shard.cid is not None and shard.size is not None and shard.samples is not None
    ]
    if record.schema_cid is None or record.content_cid is None or len(told) != len(answer.shards):
        raise NetworkError("the AppView can't vouch for the shards", uri=uri)
    if content_cid(record.schema_cid, told) != record.content_cid:
        raise RecordError("the AppView's list of shards is not the record's", uri=uri)
    return told
