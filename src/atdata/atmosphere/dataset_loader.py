"""Loading datasets from any repository, without trusting its servers."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from atdata._protocols import DataSource
from atdata.atmosphere.foreign import Published, published_datasets, read_dataset
from atdata.atmosphere.foreign_labels import find_labelled
from atdata.atmosphere.foreign_schemas import read_schema
from atdata.atmosphere.kept import keep_record
from atdata.atmosphere.keys import AtUri, dataset_uri
from atdata.atmosphere.records import StoredRecord
from atdata.atmosphere.shard_list import shards_of
from atdata.base.listing import Listing
from atdata.dataset import Dataset
from atdata.errors import (
    EntryError,
    EntryNotFound,
    RecordError,
    SchemaConflict,
    SchemaNotFound,
)
from atdata.samples.schema import from_record, record_cid
from atdata.shards.expected import ExpectedShard
from atdata.shards.info import ShardInfo
from atdata.sources import BlobSource, URLSource, VerifiedSource
from atdata_records.ac.foundation.dataset.record import BlobStorage, Record, UrlStorage
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

if TYPE_CHECKING:
    from atdata.atmosphere.repositories import Repositories


class DatasetLoader:
    """Reads datasets from any repository; no login is needed.

    Methods that take a URI raise ``EntryNotFound`` when there is no such record,
    ``RecordError`` when it breaks its lexicon, and ``NetworkError`` when a server can't be
    reached.
    """

    def __init__(self, client: Repositories) -> None:
        self._client = client

    def find(self, ref: str | AtUri) -> StoredRecord:
        """Return the record that a reference stands for.

        Args:
            ref: An AT URI; ``@{handle or did}/{name}``; or a name in your repository. Other
                tools write records under other keys: what atdata has not published is looked up
                among the labels of the earlier implementation (``name`` or ``name@version``),
                then among the names of all datasets.
        """
        if isinstance(ref, AtUri) or ref.startswith("at://"):
            found = self._client.find_record(ref)
        else:
            repo, _, name = ref[1:].partition("/") if ref.startswith("@") else ("", "", ref)
            did = self._client.resolve(repo or None).did
            uri = dataset_uri(did, name)
            found = self._client.find_record(uri) or self._by_others(did, name)
            if found is not None and found.uri != uri:
                keep_record(uri, found)
        if found is None:
            raise EntryNotFound(
                "no such dataset is published",
                uri=str(ref),
                hint="List what there is: AtmosphereIndex(client).list_datasets(repo).",
            )
        return found

    def _by_others(self, did: str, name: str) -> StoredRecord | None:
        labelled = find_labelled(self._client, did, name)
        if labelled is not None and (pointed := self._client.find_record(labelled)):
            return pointed
        listed = published_datasets(self._client, did)
        found = next((one for one in listed if one.record.name == name), None)
        return self._client.find_record(found.uri) if found else None

    def get(self, uri: str | AtUri) -> dict[str, Any]:
        """Return the value of the record, in JSON shape."""
        return self.read(uri).to_dict()

    def read(self, uri: str | AtUri) -> Record:
        """Return the record as its generated class."""
        return read_dataset(self.find(uri)).record

    def list_all(
        self, repo: str | None = None, limit: int | None = None
    ) -> Listing[dict[str, Any]]:
        """Return a view of the values of a repository's datasets, as ``SchemaLoader.list_all``."""
        published = partial(published_datasets, self._client, repo, limit)
        return Listing(lambda: (one.record.to_dict() for one in published()), itemgetter("name"))

    def get_storage_type(self, uri: str | AtUri) -> str:
        """Return ``"external"`` for shards at URLs, ``"blobs"`` for blobs of the repository."""
        storage = self.read(uri).storage
        if isinstance(storage, UrlStorage):
            return "external"
        if isinstance(storage, BlobStorage):
            return "blobs"
        raise RecordError("stored in a way that is not known here", uri=str(uri), path="$.storage")

    def get_urls(self, uri: str | AtUri) -> list[str]:
        """Return URLs of the shards as published; ``EntryError`` when they are blobs."""
        storage = self.read(uri).storage
        if not isinstance(storage, UrlStorage):
            raise EntryError("the shards are not at URLs", uri=str(uri), hint="Use get_blob_urls.")
        return list(storage.urls)

    def get_blobs(self, uri: str | AtUri) -> list[dict[str, Any]]:
        """Return references to the blobs; ``EntryError`` when the shards are at URLs."""
        storage = self.read(uri).storage
        if not isinstance(storage, BlobStorage):
            raise EntryError("the shards are not blobs", uri=str(uri), hint="Use get_urls.")
        return [blob.to_dict() for blob in storage.blobs]

    def get_blob_urls(self, uri: str | AtUri) -> list[str]:
        """Return URLs to read the blobs at; ``EntryError`` when the shards are not blobs."""
        found = read_dataset(self.find(uri))
        if not isinstance(found.record.storage, BlobStorage):
            raise EntryError("the shards are not blobs", uri=str(uri), hint="Use get_urls.")
        return shard_urls(self._client, found.record, found.uri)

    def get_shards(self, uri: str | AtUri) -> tuple[ShardInfo, ...] | None:
        """Return the shard infos of the record or of its manifest; None when it has neither."""
        found = read_dataset(self.find(uri))
        return shards_of(found.record, self._client, found.uri.authority)

    def get_metadata(self, uri: str | AtUri) -> dict[str, Any] | None:
        """Return the metadata, or None."""
        return metadata_of(self.read(uri))

    def to_dataset(self, uri: str | AtUri, sample_type: type[Any] | None = None) -> Dataset[Any]:
        """Return the dataset; every shard is checked against its digest while it is read.

        Args:
            uri: The record.
            sample_type: Class to read the samples as; made from the published schema when None.

        Raises:
            RecordError: The record contradicts itself.
            SchemaNotFound, SchemaConflict: Its schema is missing, or a different one.
            UrlError: It names shards in a way that is refused (``AddressRefused``) or unknown.
        """
        return open_dataset(self._client, self.find(uri), sample_type)

    def load_dataset(self, uri: str | AtUri) -> Dataset[Any]:
        """Return ``to_dataset(uri)`` (the name that the design documents use)."""
        return self.to_dataset(uri)


def metadata_of(record: Record) -> dict[str, Any] | None:
    """Return the metadata of a record.

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


def open_dataset(
    repositories: Repositories, found: StoredRecord, sample_type: type[Any] | None = None
) -> Dataset[Any]:
    """Return the dataset of a published record.

    The schema must match the record's schema CID, and the shard list its
    content CID; each shard is checked against its digest while it is read. Local files and
    private addresses that the record names are refused.

    Args:
        repositories: Reads what else is needed.
        found: The record.
        sample_type: Class to read the samples as; made from the published schema when None.

    Raises:
        RecordError: The record breaks its lexicon, or contradicts itself.
        SchemaNotFound: There is no schema at the record's reference.
        SchemaConflict: The schema there is a different one.
        UrlError: It names shards in a way that is refused (``AddressRefused``) or unknown.
        NetworkError: A server could not be reached.
    """
    published = read_dataset(found)
    if sample_type is None:
        sample_type = from_record(schema_of(repositories, published.record))
    return Dataset[sample_type](source_of(repositories, published))  # type: ignore[valid-type]


def schema_of(repositories: Repositories, record: Record) -> SampleSchema:
    """Return the schema that a dataset record refers to, checked against its schema CID."""
    stored = repositories.find_record(record.schema_ref)
    if stored is None:
        raise SchemaNotFound("the dataset's schema is not there", uri=record.schema_ref)
    schema = read_schema(stored)
    if record.schema_cid is not None and record_cid(schema) != record.schema_cid:
        raise SchemaConflict(
            f"the schema's content is {record_cid(schema)}; the dataset was published with "
            f"{record.schema_cid}",
            uri=record.schema_ref,
            hint="Ask the publisher, who has changed a version that should be immutable.",
        )
    return schema


def shard_urls(repositories: Repositories, record: Record, uri: AtUri) -> list[str]:
    """Return URLs to read a record's shards at, brace notation as published.

    Raises:
        RecordError: The record names them in a form that is not known here.
    """
    storage = record.storage
    if isinstance(storage, UrlStorage):
        return list(storage.urls)
    if isinstance(storage, BlobStorage):
        return [repositories.get_blob_url(uri.authority, str(blob.ref)) for blob in storage.blobs]
    raise RecordError(
        "the dataset is stored in a way that is not known here",
        uri=str(uri),
        path="$.storage",
        hint="Try a newer version of atdata.",
    )


def expected_of(
    repositories: Repositories, published: Published
) -> Sequence[ShardInfo | ExpectedShard] | None:
    """Return the digest of each shard, with its size and count where known; None without digests.

    Raises:
        RecordError: The record contradicts itself.
        NetworkError: A server could not be reached.
    """
    record = published.record
    did = repositories.resolve(published.uri.authority).did
    expected = shards_of(record, repositories, did) or published.expected
    if expected is None and isinstance(record.storage, BlobStorage):
        # Another tool's record; the references to the blobs contain digests and sizes too.
        return [ExpectedShard(str(blob.ref), blob.size) for blob in record.storage.blobs]
    if expected is None:
        _warn_unverified(published)
    return expected


def _warn_unverified(published: Published) -> None:
    if published.unverified is not None:
        reason = f"checksums of the kind {published.unverified!r:.40} can't be checked"
        warnings.warn(f"the shards are unverified: {reason} ({published.uri})", stacklevel=4)


def source_of(repositories: Repositories, published: Published) -> DataSource:
    """Return the shards of a dataset, each checked against its digest while it is read.

    Raises:
        RecordError: The record contradicts itself.
        UrlError: It names shards in a way that is refused (``AddressRefused``) or unknown.
        NetworkError: A server could not be reached.
    """
    record = published.record
    home = repositories.resolve(published.uri.authority)
    shards = shards_of(record, repositories, home.did) or published.expected
    # A server that the user chose may be on a private address; an address in a record may not.
    chosen = isinstance(record.storage, BlobStorage) and repositories.is_chosen(home.pds)
    if shards is None and isinstance(record.storage, BlobStorage):
        # Another tool's record; the references to the blobs contain digests and sizes too.
        refs = [
            {"did": home.did, "cid": str(blob.ref), "size": blob.size}
            for blob in record.storage.blobs
        ]
        return BlobSource(refs, home.pds, untrusted=not chosen)
    if shards is None:
        _warn_unverified(published)
    urls = shard_urls(repositories, record, published.uri)
    source = URLSource(urls, untrusted=not chosen)
    return source if shards is None else VerifiedSource(source, shards)
