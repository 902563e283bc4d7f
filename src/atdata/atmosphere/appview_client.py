"""Questions to an AppView: what is published, and where shards can be read quickly.

An AppView is a convenience, not an authority: records, schemas and the digests of shards come
from the repositories themselves, and what it sends is data from the network like any other. Only
the server itself may be on a private address, because the user named it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from atdata.atmosphere.client import AtmosphereClient
from atdata.atmosphere.dataset_loader import DatasetLoader, expected_of, schema_of
from atdata.atmosphere.foreign import read_dataset
from atdata.atmosphere.records import StoredRecord
from atdata.atmosphere.repositories import Repositories
from atdata.atmosphere.xrpc import Reader
from atdata.base.labels import checked_tags
from atdata.dataset import Dataset
from atdata.errors import DigestMismatch, NetworkError, UrlError
from atdata.samples.schema import from_record
from atdata.shards.expected import ExpectedShard
from atdata.shards.info import ShardInfo
from atdata.sources import URLSource, VerifiedSource
from atdata.storage.reach import allow_server
from atdata_records import ValidationError
from atdata_records.ac.foundation.dataset.resolve_shards import ResolveShardsOutput
from atdata_records.ac.foundation.dataset.search_datasets import SearchDatasetsOutput
from atdata_records.ac.foundation.dataset.views import Dataset as DatasetView

_PAGE = 100


class AppViewClient:
    """Asks one AppView.

    Args:
        url: Its base URL; ``ATDATA_APPVIEW_URL`` when None.
        repositories: Reads records; the servers that handles and DIDs lead to when None.

    Raises:
        UrlError: Neither is given.
    """

    def __init__(self, url: str | None = None, repositories: Repositories | None = None) -> None:
        url = url or os.environ.get("ATDATA_APPVIEW_URL")
        if not url:
            raise UrlError(
                "no AppView is named", hint="Set ATDATA_APPVIEW_URL to the base URL of one."
            )
        self.url = url.rstrip("/")
        allow_server(self.url)
        self._reader = Reader(untrusted=True)
        self._repositories = repositories or AtmosphereClient()

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
        """Yield published datasets, the best match first; the newest first without words.

        Args:
            words: Each must begin a word of the name, the tags or the description.
            tags: Tags that a dataset must all have.
            license: The license that it must have.
            schema: Its schema: AT URI of the record, or CID of the content.
            author: Handle or DID of the account that published it.
            limit: How many to yield, at most; all when None.

        Raises:
            RecordError: The tags are not a list.
            NetworkError: The AppView can't be reached, or refused.
        """
        given = {"q": words, "license": license, "schema": schema, "author": author}
        params = [(name, value) for name, value in given.items() if value]
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
        """Return the record of a published dataset, as its repository has it.

        Args:
            ref: ``@{handle or did}/{name}``, or an AT URI.

        Raises:
            EntryNotFound: The repository has no such record.
            NetworkError: It can't be reached, or refused.
        """
        return DatasetLoader(self._repositories).find(ref)

    def to_dataset(self, ref: str, sample_type: type[Any] | None = None) -> Dataset[Any]:
        """Return a published dataset, its shards read through the AppView and checked on arrival.

        The record, its schema and the digests come from the repository; the AppView gives only the
        URLs of the shards.

        Args:
            ref: As for ``find``.
            sample_type: Class to read the samples as; made from the published schema when None.

        Raises:
            EntryNotFound, SchemaNotFound: The repository has no such record, or lacks its schema.
            RecordError, SchemaConflict: The record contradicts itself.
            NetworkError: A server can't be reached, the AppView names no shards that can be
                read or names other shards, or the record has no digests to check it against.
        """
        published = read_dataset(self.find(ref))
        if sample_type is None:
            sample_type = from_record(schema_of(self._repositories, published.record))
        expected = expected_of(self._repositories, published)
        if expected is None:
            raise NetworkError(
                "the record has no digests that the AppView could be held to",
                uri=str(published.uri),
            )
        source = self._source(str(published.uri), expected)
        return Dataset[sample_type](source)  # type: ignore[valid-type]

    def _source(self, uri: str, expected: Sequence[ShardInfo | ExpectedShard]) -> VerifiedSource:
        answer = self._ask("resolveShards", ResolveShardsOutput, [("uri", uri)])
        try:
            urls = [shard.url for shard in answer.shards]
            return VerifiedSource(URLSource(urls, untrusted=True), expected)
        except (UrlError, DigestMismatch) as error:
            raise NetworkError(
                f"the AppView names shards that are not the record's: {error.message}", uri=uri
            ) from error

    def _ask(self, method: str, kind: Any, params: Sequence[tuple[str, str]]) -> Any:
        url = f"{self.url}/xrpc/ac.foundation.dataset.{method}"
        answer: Mapping[str, Any] = self._reader.get_json(f"{url}?{urlencode(params)}")
        try:
            return kind.from_dict(answer)
        except ValidationError as error:
            raise NetworkError(
                f"the AppView's answer breaks its lexicon: {error}", uri=url
            ) from error
