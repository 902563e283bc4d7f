"""Schemas: a sample type as a JSON Schema document and as a ``sampleSchema`` record.

A document is JSON Schema, draft 2020-12. It describes the map of a packed sample. What JSON
Schema has no keyword for is described by atdata's own keywords, which other validators ignore:

==========================================  ====================================================
keywords                                    kind of value
==========================================  ====================================================
``type: string / integer / number / …``     ``str``, ``int``, ``float``, ``bool``
``x-atdata-type: "bytes"``                  ``bytes``
``x-atdata-type: "image"`` / ``"audio"`` /  ``Image``, ``Audio``, ``Video``: the bytes of a file …
``"video"``
``contentMediaType: "image/png"``           … of this media type
``x-atdata-type: "array"``                  NumPy array in ``.npy`` form, any dtype and shape …
``x-atdata-dtype: "float32"``               … of this dtype (``"floating"`` for a family)
``x-atdata-dtype: "bfloat16"``              … of this dtype, its bits stored as ``uint16``
``x-atdata-shape: [null, 28]``              … of this shape; null is an axis of any length
``x-atdata-type: "datetime"`` / ``"date"``  text of ISO 8601
``type: array`` with ``items``              list; with ``x-atdata-type: "tuple"`` a tuple
``type: array`` with ``prefixItems``        tuple of fixed length
``type: object`` with                       dict with text keys
``additionalProperties``
``enum``                                    ``Literal``
``$ref``                                    class below ``$defs``, or ``#`` for the root: a
                                            sample type, or an ``Enum`` with
                                            ``x-atdata-members`` (names for the values) and
                                            ``x-atdata-base`` (``IntEnum``, ``StrEnum``, …)
``anyOf: [T, {type: null}]``                ``T | None``
none                                        any plain data
==========================================  ====================================================

A property may have ``x-atdata-member: "txt"``: the extension of the member that holds the field in
shards of one member a field, see :mod:`atdata.samples.members`. Without it, the extension is the
name of the property, in lower case. An extension does not fix a media type: a field ``jpg`` of
``Image`` has no ``contentMediaType``, and takes images of every format.
``Annotated[Image, MediaType("image/jpeg")]`` fixes one.

A class is an object with ``title`` (its name), ``description`` (docstring), ``properties`` with
``description`` and ``default``, ``required``, ``x-atdata-order`` (the order of the fields: keys
are sorted in the text) and ``x-atdata-keyword-only``. ``additionalProperties: false`` refuses
unknown fields, ``true`` keeps them. A field whose default JSON can't represent (an array, a
custom factory) is required.

The identity of a schema is the CID of its name, version and document, in canonical text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from atdata.base.labels import checked_license, checked_tags
from atdata.errors import RecordError, SchemaError
from atdata.samples.canonical import canonical_text, parse_document
from atdata.samples.from_schema import type_from_document
from atdata.samples.packable import PackableSample
from atdata.samples.to_schema import schema_document
from atdata.samples.versions import version_order
from atdata_records import ValidationError, cid, dag_cbor
from atdata_records.ac.foundation.dataset.defs import JSON_SCHEMA
from atdata_records.ac.foundation.dataset.sample_schema import JsonSchemaFormat, SampleSchema

__all__ = [
    "canonical_text",
    "from_record",
    "record_cid",
    "record_document",
    "schema_cid",
    "schema_document",
    "schema_to_type",
    "to_record",
    "type_from_document",
]

_MAX_DESCRIPTION = 3_000  # graphemes; no text has more of them than characters


def schema_cid(name: str, version: str, document: Mapping[str, Any]) -> str:
    """Return the identity of a schema, which does not depend on where and when it was published.

    Returns:
        CIDv1 in base32 (dag-cbor, sha2-256) of ``{name, version, schema}``, where schema is the
        canonical text of the document.

    Raises:
        SchemaError: The document is not a JSON object.
    """
    content = {"name": name, "version": version, "schema": canonical_text(document)}
    return cid.of_cbor(dag_cbor.encode(content))


def to_record(
    sample_type: type,
    version: str,
    *,
    created_at: str,
    description: str | None = None,
    license: str | None = None,  # noqa: A002 - the lexicon's word
    tags: Sequence[str] | None = None,
) -> SampleSchema:
    """Return the record of one version of a sample type, validated.

    Args:
        sample_type: A packable class.
        version: Semantic version, such as ``1.0.0``.
        created_at: Datetime as text, such as ``2026-01-31T12:00:00Z``.
        description: Free text; the docstring of the class if None and short enough.
        license: SPDX expression or URL; see :func:`atdata.base.labels.checked_license`.
        tags: Search terms.

    Raises:
        SchemaError: The class has no schema, or the version is not a semantic version.
        RecordError: The lexicon refuses the record, or the license can't be looked up.
    """
    version_order(version)
    document = schema_document(sample_type)
    if description is None:
        text = document.get("description", "")
        description = text if 0 < len(text) <= _MAX_DESCRIPTION else None
    record = SampleSchema(
        name=sample_type.__name__,
        version=version,
        schema_type=JSON_SCHEMA,
        schema=JsonSchemaFormat(text=canonical_text(document)),
        description=description,
        license=None if license is None else checked_license(license),
        tags=None if tags is None else checked_tags(tags),
        created_at=created_at,
    )
    try:
        record.validate()
    except ValidationError as error:
        raise RecordError(f"the schema record is refused: {error}") from error
    return record


def record_document(record: SampleSchema) -> dict[str, Any]:
    """Return the JSON Schema document in a record.

    Raises:
        SchemaError: The record is in another format, or the text is not a JSON object.
    """
    if not isinstance(record.schema, JsonSchemaFormat) or record.schema_type != JSON_SCHEMA:
        raise SchemaError(
            f"schema format {record.schema_type!r:.80} is unknown",
            hint="Try a newer version of atdata: this one reads JSON Schema only.",
        )
    return parse_document(record.schema.text)


def from_record(record: SampleSchema) -> type[PackableSample]:
    """Return the sample type that a record describes; nothing is compiled or evaluated as text.

    Raises:
        SchemaError: It does not describe one.
    """
    return type_from_document(record_document(record), name=record.name)


def record_cid(record: SampleSchema) -> str:
    """Return the identity of the schema in a record, by :func:`schema_cid`.

    Raises:
        SchemaError: As :func:`record_document`.
    """
    return schema_cid(record.name, record.version, record_document(record))


def schema_to_type(schema: SampleSchema | Mapping[str, Any]) -> type[PackableSample]:
    """Return the sample type of a schema, given in any form.

    Args:
        schema: A record, a record as a dict (what ``index.get_schema`` gives), or a document.

    Raises:
        SchemaError: It does not describe a sample type.
        RecordError: A record that its lexicon refuses.
    """
    if isinstance(schema, SampleSchema):
        return from_record(schema)
    if "schemaType" not in schema:
        return type_from_document(schema)
    try:
        return from_record(SampleSchema.from_dict(dict(schema)))
    except ValidationError as error:
        raise RecordError(f"the schema record is refused: {error}") from error
