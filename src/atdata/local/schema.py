"""Published schemas in a local index: their references, their versions, the stored record."""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping
from typing import Any

from atdata.base.display import html_table
from atdata.errors import MalformedReference, RecordError, SchemaError
from atdata.samples.schema import canonical_text, record_cid, record_document
from atdata.samples.versions import version_order
from atdata_records import ValidationError
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

_URI = "atdata://local/sampleSchema/"
_LEGACY_URI = "local://schemas/"
_EARLIER_URI = "atdata://local/schema/"  # of the earlier implementation


class LocalSchema(Mapping[str, Any]):
    """A published schema: the fields of its record, read-only, and where it is.

    Attributes:
        record: The record, as the generated class.
        ref: ``atdata://local/sampleSchema/{name}@{version}``.
        cid: CID of the schema's content (name, version and document).
        name: Name of the sample type.
        version: Its semantic version.
    """

    __slots__ = ("_fields", "cid", "name", "record", "ref", "version")

    def __init__(self, record: SampleSchema) -> None:
        self.record = record
        self.name: str = record.name
        self.version: str = record.version
        self.ref = schema_ref(record.name, record.version)
        self.cid = record_cid(record)
        self._fields: dict[str, Any] = record.to_dict()

    def __getitem__(self, key: str) -> Any:
        return self._fields[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"LocalSchema({self.ref!r}, cid={self.cid!r})"

    def _repr_html_(self) -> str:
        return html_table(
            f"{self.name} {self.version}",
            [
                ("reference", self.ref),
                ("description", self.record.description),
                ("fields", list(record_document(self.record).get("properties", {}))),
            ],
        )

    @property
    def document_text(self) -> str:
        """The JSON Schema document, in canonical text: equal documents have equal text."""
        return canonical_text(record_document(self.record))

    @classmethod
    def from_text(cls, key: str, text: str) -> LocalSchema:
        """Read a schema back from its JSON text.

        Args:
            key: ``{name}@{version}`` under which the text was stored.
            text: The record as JSON.

        Raises:
            RecordError: The text is damaged, or is the record of another schema.
        """
        try:
            schema = cls(SampleSchema.from_json(text))
        except (ValueError, RecursionError) as error:
            raise RecordError(
                f"the stored schema {key!r} is damaged: {error}", uri=_URI + key
            ) from error
        if schema.ref != _URI + key:
            raise RecordError(f"the stored schema {key!r} is that of another one", uri=_URI + key)
        return schema


def record_text(record: SampleSchema) -> str:
    """Return the record as JSON text, after validating it, its name and its version.

    Raises:
        SchemaError: The name, the version or the record can't be used.
    """
    check_name(record.name)
    version_order(record.version)
    try:
        record.validate()
    except ValidationError as error:
        raise SchemaError(f"schema {record.name!r} breaks its lexicon: {error}") from error
    return record.to_json().decode()


def schema_key(name: str, version: str) -> str:
    """Return ``{name}@{version}``."""
    return f"{name}@{version}"


def schema_ref(name: str, version: str) -> str:
    """Return ``atdata://local/sampleSchema/{name}@{version}``."""
    return _URI + schema_key(name, version)


def parse_ref(ref: str) -> tuple[str, str]:
    """Return name and version of a local schema reference.

    The older forms ``local://schemas/{name}@{version}`` and ``atdata://local/schema/…`` are
    accepted, too. A module in front of the name (``{module}.{name}``) is dropped.

    Raises:
        MalformedReference: The text is not a reference of a local schema.
    """
    for start in (_URI, _LEGACY_URI, _EARLIER_URI):
        name, at, version = ref.removeprefix(start).rpartition("@")
        if ref.startswith(start) and at and name and version:
            return name.rpartition(".")[2], version
    raise MalformedReference(
        "this is not a reference of a schema in a local index",
        uri=ref,
        hint=f"Such references look like {schema_ref('ImageSample', '1.0.0')}.",
    )


def check_name(name: str) -> None:
    """Refuse names that a class can't have.

    Raises:
        SchemaError: The name is not an identifier, or is a keyword.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise SchemaError(f"{name!r} can't name a schema", hint="Use a name that a class can have.")
