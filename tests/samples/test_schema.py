from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

import atdata
from atdata.errors import RecordError, SchemaError
from atdata.samples.schema import (
    from_record,
    record_cid,
    record_document,
    schema_cid,
    schema_document,
    schema_to_type,
    to_record,
)
from atdata_records.ac.foundation.dataset.sample_schema import JsonSchemaFormat, SampleSchema

NOW = "2026-01-31T12:00:00Z"


@atdata.packable
class Sample:
    """What was measured."""

    features: NDArray[np.float32]
    label: int = 0


def record(**changes: object) -> SampleSchema:
    fields = to_record(Sample, "1.0.0", created_at=NOW).to_dict() | changes
    return SampleSchema.from_dict(fields)


def test_a_type_survives_its_record() -> None:
    decoded = from_record(SampleSchema.from_cbor(record().to_cbor()))
    assert decoded.__name__ == "Sample"
    assert schema_document(decoded) == schema_document(Sample)
    sample = Sample(np.ones(3, "f4"), 1)
    assert decoded.from_bytes(sample.packed).packed == sample.packed  # type: ignore[attr-defined]


def test_records_carry_what_they_are_given() -> None:
    made = to_record(Sample, "1.0.0", created_at=NOW, license="MIT", tags=["a"])
    assert (made.name, made.version, made.created_at) == ("Sample", "1.0.0", NOW)
    assert (made.description, made.license, made.tags) == ("What was measured.", "MIT", ["a"])
    assert to_record(Sample, "1.0.0", created_at=NOW, description="x").description == "x"


def test_a_docstring_that_is_too_long_stays_in_the_document() -> None:
    long = atdata.packable(
        type("Long", (), {"__doc__": "x" * 4_000, "__annotations__": {"a": int}})
    )
    made = to_record(long, "1.0.0", created_at=NOW)
    assert made.description is None
    assert record_document(made)["description"] == "x" * 4_000


def test_identity_is_that_of_name_version_and_document() -> None:
    document = schema_document(Sample)
    cid = schema_cid("Sample", "1.0.0", document)
    assert cid.startswith("bafyrei")
    assert record_cid(record(createdAt="2027-01-01T00:00:00Z", tags=["x"])) == cid
    spaced = {"$type": "ac.foundation.dataset.sampleSchema#jsonSchemaFormat"}
    spaced["text"] = json.dumps(dict(reversed(document.items())), indent=2)
    assert record_cid(record(schema=spaced)) == cid
    assert schema_cid("Other", "1.0.0", document) != cid
    assert schema_cid("Sample", "1.0.1", document) != cid
    assert schema_cid("Sample", "1.0.0", {**document, "title": "x"}) != cid


def test_schemas_are_taken_in_every_form() -> None:
    decoded = from_record(record())
    assert schema_to_type(record()) is decoded
    assert schema_to_type(record().to_dict()) is decoded
    by_title = schema_to_type(schema_document(Sample))
    assert schema_document(by_title) == schema_document(decoded)


@pytest.mark.parametrize("version", ["1.0.0", "0.0.1", "10.20.30-rc.1+build.5"])
def test_semantic_versions_are_taken(version: str) -> None:
    assert to_record(Sample, version, created_at=NOW).version == version


@pytest.mark.parametrize(
    "version",
    [
        "",
        "1",
        "1.0",
        "v1.0.0",
        "01.0.0",
        "1.0.0\n",
        "1.0.0/../x",
        '1.0.0"""',
        "{{1}}",
        "\u0661.0.0",
    ],
)
def test_other_versions_are_refused(version: str) -> None:
    with pytest.raises(SchemaError, match="version"):
        to_record(Sample, version, created_at=NOW)


def test_what_the_lexicon_refuses_is_refused() -> None:
    with pytest.raises(RecordError):
        to_record(Sample, "1.0.0", created_at="yesterday")
    with pytest.raises(RecordError):
        schema_to_type({"schemaType": "x"})


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(SchemaError, match="format"):
        from_record(record(schemaType="com.example.other"))
    with pytest.raises(SchemaError, match="format"):
        from_record(record(schema={"$type": "com.example.other", "text": "{}"}))


@pytest.mark.parametrize("text", ["{}", "[]", "x" * 10, '{"a":1,"a":2}'])
def test_unsound_documents_are_refused(text: str) -> None:
    made = record()
    broken = SampleSchema(
        name=made.name,
        version=made.version,
        schema_type=made.schema_type,
        schema=JsonSchemaFormat(text=text),
        created_at=NOW,
    )
    with pytest.raises(SchemaError):
        from_record(broken)


@pytest.mark.parametrize("name", ['"""', "{{x}}", "a\nb", "__import__('os')", "__class__", "../x"])
def test_hostile_names_of_records_are_refused(name: str) -> None:
    with pytest.raises(SchemaError, match="name"):
        from_record(record(name=name))
