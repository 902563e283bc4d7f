from __future__ import annotations

import pytest

from atdata.errors import MalformedReference, RecordError, SchemaError, SchemaNotFound
from atdata.local.schema import LocalSchema, check_name, parse_ref, record_text, schema_ref
from atdata.samples.schema import record_cid, to_record

from .samples import Reading

CREATED = "2026-01-31T12:00:00Z"


def test_references_of_both_forms() -> None:
    assert parse_ref(schema_ref("A", "1.0.0-rc.1+x")) == ("A", "1.0.0-rc.1+x")
    assert parse_ref("local://schemas/A@1.0.0") == ("A", "1.0.0")
    assert parse_ref("local://schemas/package.module.A@1.0.0") == ("A", "1.0.0")


@pytest.mark.parametrize(
    "ref", ["", "A@1.0.0", "atdata://local/sampleSchema/A", "local://schemas/@1", "at://did/x/A@1"]
)
def test_other_text_is_not_a_reference(ref: str) -> None:
    with pytest.raises(MalformedReference) as caught:
        parse_ref(ref)
    assert isinstance(caught.value, SchemaNotFound)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "name", ["", "a b", "../A", "A@1", "class", "1A", "A\n", "__import__('os')"]
)
def test_names_that_no_class_can_have(name: str) -> None:
    with pytest.raises(SchemaError):
        check_name(name)


def test_a_record_comes_back_as_it_was() -> None:
    record = to_record(Reading, "1.2.3", created_at=CREATED, tags=["t"])
    schema = LocalSchema.from_text("Reading@1.2.3", record_text(record))
    assert schema.record == record
    assert schema.cid == record_cid(record)
    assert dict(schema) == record.to_dict()
    assert "Reading@1.2.3" in repr(schema)


def test_a_record_under_a_key_that_is_not_its_own() -> None:
    text = record_text(to_record(Reading, "1.2.3", created_at=CREATED))
    with pytest.raises(RecordError, match=r"Reading@1\.0\.0"):
        LocalSchema.from_text("Reading@1.0.0", text)
