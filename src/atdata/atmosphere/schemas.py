"""Sample schemas in repositories: one record a version, under a key that follows from it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from atdata.atmosphere.foreign_schemas import published_schemas, read_schema
from atdata.atmosphere.keys import AtUri, schema_uri
from atdata.atmosphere.records import StoredRecord
from atdata.atmosphere.repositories import readable
from atdata.base.arguments import check_class
from atdata.base.clock import now
from atdata.base.listing import Listing
from atdata.base.metadata import metadata_text
from atdata.errors import SchemaConflict, SchemaNotFound, XrpcError
from atdata.samples import DictSample
from atdata.samples.evolution import following_version
from atdata.samples.schema import (
    canonical_text,
    record_cid,
    record_document,
    schema_document,
    to_record,
)
from atdata.samples.versions import difference, newest_first
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

if TYPE_CHECKING:
    from atdata.atmosphere.client import AtmosphereClient
    from atdata.atmosphere.repositories import Repositories


class SchemaPublisher:
    """Publishes the schemas of sample types in the client's repository."""

    def __init__(self, client: AtmosphereClient) -> None:
        self._client = client

    def publish(
        self,
        sample_type: type[Any],
        *,
        name: str | None = None,
        version: str | None = None,
        rkey: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        **details: Any,
    ) -> AtUri:
        """Publish the schema of a sample type. Publishing it again changes nothing.

        Args:
            sample_type: The packable class.
            name: Name of the schema; that of the class when None.
            version: Semantic version. When None: the version that has this same schema already,
                or otherwise the one that follows the latest by the rules of
                :mod:`atdata.samples.evolution` (1.0.0 for a new name).
            rkey: The record's key, for a version that is not published yet; follows from name
                and version when None.
            metadata: A JSON object; the member ``metadata`` of the record.
            details: ``description``, what a sample is (the class's docstring when left out);
                ``license``, an SPDX identifier or a URL; ``tags``, words to find it by.

        Raises:
            SchemaConflict: This version is published with other content; or none is given, and
                another class of this name is published.
            SchemaError: The class has no schema that can be published.
            RecordError: The lexicon refuses a name, description, …
            AuthError, NetworkError: As ``AtmosphereClient.put_record``.
        """
        check_class(sample_type)
        record = to_record(sample_type, version or "1.0.0", created_at=now(), **details)
        if name is not None:
            record = dataclasses.replace(record, name=name)
        if metadata is not None:
            extra = {**record.extra, "metadata": json.loads(metadata_text(metadata))}
            record = dataclasses.replace(record, extra=extra)
        if version is None:
            published, following = self._published(record)
            if published is not None:
                return published
            record = dataclasses.replace(record, version=following)
        return self.publish_record(record, rkey=rkey)

    def publish_record(self, record: SampleSchema, *, rkey: str | None = None) -> AtUri:
        """Publish a schema that is a record already; arguments and errors as ``publish``."""
        uri = schema_uri(self._client.did, record.name, record.version)
        if rkey is not None:
            uri = AtUri(uri.authority, uri.collection, rkey)
        found = self._client.find_record(uri)
        if found is None:
            try:
                return self._client.put_record(
                    uri.collection, uri.rkey, record.to_dict(), swap_record=None
                )
            except XrpcError as error:
                # Another process may have published it in the meantime.
                found = self._client.find_record(uri) if error.code == "InvalidSwap" else None
                if found is None:
                    raise
        check_same(found, record)
        return uri

    def _published(self, record: SampleSchema) -> tuple[AtUri | None, str]:
        """Return where this document is published, if it is, and the next version."""
        # Most schemas never change: one request finds the first version again.
        first = self._client.find_record(schema_uri(self._client.did, record.name, record.version))
        if first is not None and _text(first.read(SampleSchema)) == _text(record):
            return first.uri, record.version
        versions: dict[str, SampleSchema] = {}
        for found, published in readable(self._client, (SampleSchema.NSID,), None, _with_place):
            if published.name != record.name:
                continue
            if _text(published) == _text(record):
                return found.uri, published.version
            versions[published.version] = published
        if not versions:
            return None, record.version
        latest = newest_first(versions)[0]
        return None, following_version(
            latest, record_document(versions[latest]), record_document(record)
        )


class SchemaLoader:
    """Reads schemas from any repository."""

    def __init__(self, client: Repositories) -> None:
        self._client = client

    def get(self, uri: str | AtUri) -> dict[str, Any]:
        """Return the value of a schema record, in JSON shape.

        Raises:
            SchemaNotFound: There is no such record.
            RecordError: It breaks its lexicon.
            UrlError, NetworkError: As ``AtmosphereClient.find_record``.
        """
        return self.read(uri).to_dict()

    def read(self, uri: str | AtUri) -> SampleSchema:
        """Return a schema record as its generated class; errors as ``get``."""
        found = self._client.find_record(uri)
        if found is None:
            raise SchemaNotFound("no such schema is published", uri=str(uri))
        return read_schema(found)

    def list_all(
        self, repo: str | None = None, limit: int | None = None
    ) -> Listing[dict[str, Any]]:
        """Return a view of the values of a repository's schemas, whichever tool published them.

        A record that can't be read is left out, with a warning that names what it breaks.

        Args:
            repo: Handle or DID; the logged-in account when None.
            limit: How many, at most.
        """
        published = partial(published_schemas, self._client, repo, limit)
        return Listing(lambda: (one.to_dict() for one in published()), itemgetter("name"))


def check_describes(schema: SampleSchema, sample_type: type[Any], uri: str) -> None:
    """Refuse a schema that describes other samples than a class does.

    Raises:
        SchemaConflict: The documents differ; the message shows where.
    """
    if sample_type is DictSample:
        return  # takes any fields
    offered = canonical_text(schema_document(sample_type))
    if _text(schema) != offered:
        raise SchemaConflict(
            f"the schema does not describe {sample_type.__name__}:\n"
            + difference(_text(schema), offered),
            uri=uri,
        )


def _with_place(found: StoredRecord) -> tuple[StoredRecord, SampleSchema]:
    return found, found.read(SampleSchema)


def _text(schema: SampleSchema) -> str:
    return canonical_text(record_document(schema))


def check_same(found: StoredRecord, offered: SampleSchema) -> None:
    """Refuse a published schema whose content is not the offered one.

    Raises:
        SchemaConflict: It differs; the message shows where.
        RecordError: What is published breaks its lexicon.
    """
    published = found.read(SampleSchema)
    if record_cid(published) == record_cid(offered):
        return
    raise SchemaConflict(
        f"schema {offered.name} {offered.version} is published with other content:\n"
        + difference(_text(published), _text(offered)),
        uri=str(found.uri),
        hint="Publish the change as a new version: published ones are immutable.",
    )
