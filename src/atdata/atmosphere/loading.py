"""From a published record to a dataset that can be read without trusting anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atdata._protocols import DataSource
from atdata.atmosphere.keys import AtUri
from atdata.atmosphere.records import StoredRecord
from atdata.atmosphere.shard_list import shards_of
from atdata.dataset import Dataset
from atdata.errors import RecordError, SchemaConflict, SchemaNotFound
from atdata.samples.schema import from_record, record_cid
from atdata.sources import BlobSource, URLSource, VerifiedSource
from atdata_records.ac.foundation.dataset.record import BlobStorage, Record, UrlStorage
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

if TYPE_CHECKING:
    from atdata.atmosphere.repositories import Repositories


def open_dataset(
    repositories: Repositories, found: StoredRecord, sample_type: type[Any] | None = None
) -> Dataset[Any]:
    """The dataset of a published record.

    The schema must be the one that the record's schema CID tells, and the shard list the one of
    its content CID; each shard is checked against its digest while it is read. Local files and
    private addresses that the record names are refused.

    Args:
        repositories: Reads what else is needed.
        found: The record.
        sample_type: Read the samples as this class; as the published schema says when None.

    Raises:
        RecordError: The record breaks its lexicon, or contradicts itself.
        SchemaNotFound: There is no schema where it says.
        SchemaConflict: The schema there is another one.
        UrlError: It names shards in a way that is refused (``AddressRefused``) or unknown.
        NetworkError: A server could not be reached.
    """
    record = found.read(Record)
    if sample_type is None:
        sample_type = from_record(schema_of(repositories, record))
    return Dataset[sample_type](_source(repositories, record, found.uri))  # type: ignore[valid-type]


def schema_of(repositories: Repositories, record: Record) -> SampleSchema:
    """The schema that a dataset record refers to, checked against its schema CID."""
    stored = repositories.find_record(record.schema_ref)
    if stored is None:
        raise SchemaNotFound("the dataset's schema is not there", uri=record.schema_ref)
    schema = stored.read(SampleSchema)
    if record.schema_cid is not None and record_cid(schema) != record.schema_cid:
        raise SchemaConflict(
            f"the schema's content is {record_cid(schema)}; the dataset was published with "
            f"{record.schema_cid}",
            uri=record.schema_ref,
            hint="The publisher has changed a version that should be immutable. Ask them.",
        )
    return schema


def shard_urls(repositories: Repositories, record: Record, uri: AtUri) -> list[str]:
    """Where the shards of a record can be read, brace notation as published.

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
        hint="A newer version of atdata may know it.",
    )


def _source(repositories: Repositories, record: Record, uri: AtUri) -> DataSource:
    home = repositories.resolve(uri.authority)
    shards = shards_of(record, repositories, home.did)
    if shards is None and isinstance(record.storage, BlobStorage):
        # Another tool's record; the references to the blobs tell digests and sizes too.
        refs = [
            {"did": home.did, "cid": str(blob.ref), "size": blob.size}
            for blob in record.storage.blobs
        ]
        return BlobSource(refs, home.pds)
    # A server that the user chose may be on a private address; an address in a record may not.
    chosen = isinstance(record.storage, BlobStorage) and repositories.is_chosen(home.pds)
    source = URLSource(shard_urls(repositories, record, uri), untrusted=not chosen)
    return source if shards is None else VerifiedSource(source, shards)
