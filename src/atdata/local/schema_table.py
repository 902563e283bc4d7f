"""The schemas of a local index: publishing and finding them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from atdata.base.clock import now
from atdata.errors import SchemaConflict, SchemaNotFound
from atdata.local.backend import Backend, SchemaRow
from atdata.local.schema import (
    LocalSchema,
    parse_ref,
    record_text,
    schema_key,
    schema_ref,
)
from atdata.samples import DictSample
from atdata.samples.evolution import following_version
from atdata.samples.schema import canonical_text, record_document, schema_document, to_record
from atdata.samples.versions import difference, newest_first
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

_PAGE = 100


class SchemaTable:
    """Schemas by name and version, in a backend. A version that is published never changes."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def get(self, ref: str) -> LocalSchema:
        """Return the schema of a reference; ``SchemaNotFound`` if there is none."""
        name, version = parse_ref(ref)
        found = self.find(name, version)
        if found is None:
            raise SchemaNotFound("no such schema in the index", uri=ref, hint=self._hint(name))
        return found

    def find(self, name: str, version: str) -> LocalSchema | None:
        """Return the schema of this name and version, or None."""
        row = self._backend.schema(schema_key(name, version))
        return None if row is None else LocalSchema.from_text(row.key, row.text)

    def __iter__(self) -> Iterator[LocalSchema]:
        after = ""
        while page := self._backend.schemas(after, _PAGE):
            for row in page:
                yield LocalSchema.from_text(row.key, row.text)
            after = page[-1].key

    def publish(self, sample_type: type[Any], version: str | None, **fields: Any) -> LocalSchema:
        """Publish a sample type under a version, or under the one that follows from its change.

        Without a change, its latest version is that of the index already.
        """
        if version is not None:
            return self.add(to_record(sample_type, version, created_at=now(), **fields))
        while True:
            newest = newest_first(self._backend.versions(sample_type.__name__))
            latest = self.find(sample_type.__name__, newest[0]) if newest else None
            record = to_record(
                sample_type, self._following(sample_type, newest), created_at=now(), **fields
            )
            if latest is not None and _is_same(latest.record, record, fields):
                return latest
            if self._write(record):
                return LocalSchema(record)

    def add(self, record: SampleSchema) -> LocalSchema:
        """Write a record; return its schema, or the one already published with the same content.

        Raises:
            SchemaConflict: Its name and version are published with other content.
        """
        if self._write(record):
            return LocalSchema(record)
        offered = LocalSchema(record)
        published = self.get(offered.ref)
        if published.cid != offered.cid:
            raise _conflict(published, offered.document_text)
        return published

    def matching(self, ref: str, sample_type: type[Any], *, dry_run: bool = False) -> LocalSchema:
        """Return the schema of a reference, which must describe this sample type.

        If there is none, and the reference names the class, it is published, except in a dry run.

        Raises:
            SchemaNotFound: There is no such schema, and the reference does not name the class.
            SchemaConflict: It describes other samples. (``DictSample`` matches any schema.)
        """
        name, version = parse_ref(ref)
        published = self.find(name, version)
        if published is None and name == sample_type.__name__:
            record = to_record(sample_type, version, created_at=now())
            return LocalSchema(record) if dry_run else self.add(record)
        published = published or self.get(ref)
        if not issubclass(sample_type, DictSample):
            offered = canonical_text(schema_document(sample_type))
            if offered != published.document_text:
                raise _conflict(published, offered)
        return published

    def agree(self, one: str, other: str) -> bool:
        """Return whether two references are of one schema, or of versions with one document."""
        if one == other:
            return True
        try:
            first, second = self.get(one), self.get(other)
        except SchemaNotFound:
            return False
        return (first.name, first.document_text) == (second.name, second.document_text)

    def ensure(self, sample_type: type[Any]) -> LocalSchema:
        """Return the latest published schema that has exactly this sample type's document.

        If there is none, the type is published under the version that follows from its change.

        Raises:
            SchemaConflict: The name is published for another class.
        """
        while True:
            # A version that another process publishes meanwhile takes the next number, so the
            # write below fails and the versions are listed again.
            published, following = self.look_up(sample_type)
            if published is not None:
                return published
            record = to_record(sample_type, following, created_at=now())
            if self._write(record):
                return LocalSchema(record)

    def look_up(self, sample_type: type[Any]) -> tuple[LocalSchema | None, str]:
        """Return the schema that ``ensure`` finds, or None; and its version, or the next one."""
        name, document = sample_type.__name__, canonical_text(schema_document(sample_type))
        newest = newest_first(self._backend.versions(name))
        for version in newest:
            published = self.find(name, version)
            if published and published.document_text == document:
                return published, version
        return None, self._following(sample_type, newest)

    def _following(self, sample_type: type[Any], newest: list[str]) -> str:
        latest = self.find(sample_type.__name__, newest[0]) if newest else None
        if latest is None:
            return "1.0.0"
        document = schema_document(sample_type)
        return following_version(latest.version, record_document(latest.record), document)

    def _write(self, record: SampleSchema) -> bool:
        key = schema_key(record.name, record.version)
        return self._backend.add_schema(SchemaRow(key, record_text(record)))

    def _hint(self, name: str) -> str:
        versions = newest_first(self._backend.versions(name))
        if versions:
            return f"Published are: {', '.join(schema_ref(name, v) for v in versions[:5])}."
        return "Publish it first: index.publish_schema(SampleType)."


def _is_same(published: SampleSchema, offered: SampleSchema, fields: Mapping[str, Any]) -> bool:
    """Return whether two records have one document, and agree in these other fields."""
    documents = {canonical_text(record_document(record)) for record in (published, offered)}
    given = [name for name, value in fields.items() if value is not None]
    return len(documents) == 1 and all(
        getattr(published, name) == getattr(offered, name) for name in given
    )


def _conflict(published: LocalSchema, offered: str) -> SchemaConflict:
    return SchemaConflict(
        f"{published.name} {published.version} is published with other content:\n"
        + difference(published.document_text, offered),
        uri=published.ref,
        hint="A published version never changes: publish this one as a new version.",
    )
