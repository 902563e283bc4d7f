"""Schemas in repositories: immutable versions, found in one request."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

import atdata
from atdata.atmosphere import AtmosphereClient, AtUri, SchemaLoader, SchemaPublisher
from atdata.atmosphere.keys import schema_uri
from atdata.atmosphere.records import StoredRecord
from atdata.atmosphere.schemas import check_same
from atdata.errors import RecordError, SchemaConflict, SchemaNotFound
from atdata.samples.schema import from_record, record_cid, schema_cid, schema_document, to_record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema
from readings import Reading, readings
from servers.atproto_pds import Pds

pytestmark = pytest.mark.xdist_group("pds")


def other_reading() -> type:
    @atdata.packable
    class Reading:
        """Another class of the same name."""

        temperature: float

    return Reading


@pytest.fixture
def publisher(client: AtmosphereClient) -> SchemaPublisher:
    return SchemaPublisher(client)


def test_what_is_published_is_read_by_others(
    client: AtmosphereClient, publisher: SchemaPublisher
) -> None:
    uri = publisher.publish(Reading, version="1.2.0", license="MIT", tags=["sensor"])
    assert str(uri) == f"at://{client.did}/ac.foundation.dataset.sampleSchema/Reading:1.2.0"
    value = SchemaLoader(AtmosphereClient()).get(uri)
    assert (value["name"], value["version"], value["license"]) == ("Reading", "1.2.0", "MIT")
    assert value["tags"] == ["sensor"]
    record = SampleSchema.from_dict(value)
    assert record_cid(record) == schema_cid("Reading", "1.2.0", schema_document(Reading))
    decoded = from_record(record)
    assert decoded.from_bytes(readings(1)[0].packed).packed == readings(1)[0].packed


def test_publishing_again_changes_nothing(
    client: AtmosphereClient, publisher: SchemaPublisher
) -> None:
    uri = publisher.publish(Reading, version="1.0.0")
    before = client.find_record(uri)
    assert publisher.publish(Reading, version="1.0.0") == uri
    assert client.find_record(uri) == before


def test_a_version_is_immutable(client: AtmosphereClient, publisher: SchemaPublisher) -> None:
    uri = publisher.publish(Reading, version="1.0.0")
    before = client.find_record(uri)
    with pytest.raises(SchemaConflict, match=r'[+].*"temperature"') as caught:
        publisher.publish(other_reading(), version="1.0.0")
    assert caught.value.uri == str(uri)
    assert client.find_record(uri) == before


def test_versions_that_are_not_given(publisher: SchemaPublisher) -> None:
    assert publisher.publish(Reading).rkey == "Reading:1.0.0"
    with pytest.raises(SchemaConflict, match="other fields"):
        publisher.publish(other_reading())
    for values, version in ((NDArray[np.float32], "1.1.0"), (NDArray[np.float64], "2.0.0")):
        fields = [("values", values), ("label", int)]
        extra = [("note", str | None, None), ("more", int, 0)]
        changed = dataclasses.make_dataclass("Reading", [*fields, *extra])
        assert publisher.publish(atdata.packable(changed)).rkey == f"Reading:{version}"
    assert publisher.publish(other_reading(), version="3.0.0").rkey == "Reading:3.0.0"
    assert publisher.publish(Reading).rkey == "Reading:1.0.0"
    assert publisher.publish(Reading, version="2.0.0-rc.1+b").rkey == "Reading:2.0.0-rc.1~2Bb"


def test_a_schema_that_is_not_there(client: AtmosphereClient) -> None:
    loader = SchemaLoader(client)
    with pytest.raises(SchemaNotFound):
        loader.get(f"at://{client.did}/ac.foundation.dataset.sampleSchema/Nothing:1.0.0")
    assert loader.list_all() == []


def find(client: AtmosphereClient, version: str) -> StoredRecord | None:
    uri = schema_uri(client.did, "Reading", version)
    return client.find_schema(uri, "Reading", version)


def test_a_schema_under_a_key_of_another_tool(
    client: AtmosphereClient, publisher: SchemaPublisher
) -> None:
    record = to_record(Reading, "1.0.0", created_at="2026-01-01T00:00:00Z")
    uri = client.create_record(SampleSchema.NSID, record.to_dict())
    found = find(client, "1.0.0")
    assert found is not None
    assert found.uri == uri
    check_same(found, record)
    assert publisher.publish(Reading) == uri
    with pytest.raises(SchemaConflict):
        check_same(found, to_record(other_reading(), "1.0.0", created_at="2026-01-01T00:00:00Z"))
    assert find(client, "1.0.1") is None


def test_a_look_at_other_keys_is_bounded(
    client: AtmosphereClient, publisher: SchemaPublisher, pds: Pds
) -> None:
    """Keys of other tools begin with a digit: they come before those of any number of ours."""
    record = to_record(Reading, "1.0.0", created_at="2026-01-01T00:00:00Z")
    for number in range(103):
        publisher.publish_record(dataclasses.replace(record, name=f"A{number}"))
    theirs = client.create_record(SampleSchema.NSID, record.to_dict())
    with pds.requests() as made:
        found = find(client, "1.0.0")
    assert found is not None
    assert found.uri == theirs
    assert made == ["getRecord", "listRecords"]


def test_a_schema_that_has_not_changed_is_found_at_once(
    publisher: SchemaPublisher, pds: Pds
) -> None:
    uri = publisher.publish(Reading)
    with pds.requests() as made:
        assert publisher.publish(Reading) == uri
    assert made == ["getRecord"]


def test_records_that_break_the_lexicon(
    client: AtmosphereClient, publisher: SchemaPublisher
) -> None:
    publisher.publish(Reading)
    # The client would refuse to write it; another tool would not.
    client._call(
        "putRecord",
        {
            "repo": client.did,
            "collection": SampleSchema.NSID,
            "rkey": "bad",
            "record": {"$type": SampleSchema.NSID, "name": 5},
        },
    )
    with pytest.warns(UserWarning, match=r"left out of the listing.*\$\.name"):
        assert [value["name"] for value in SchemaLoader(client).list_all()] == ["Reading"]
    with pytest.raises(RecordError, match=r"\$\.name.*\$\.version"):
        SchemaLoader(client).get(f"at://{client.did}/{SampleSchema.NSID}/bad")
    # A bad one in the way of a look-up is not the one that is looked for.
    assert find(client, "9.0.0") is None


def test_a_schema_under_a_name_and_key_of_ones_own(
    client: AtmosphereClient, publisher: SchemaPublisher
) -> None:
    uri = publisher.publish(Reading, name="Voltage", metadata={"unit": "V"}, rkey="3jzfcijpj2z2a")
    assert uri == AtUri(client.did, SampleSchema.NSID, "3jzfcijpj2z2a")
    value = SchemaLoader(client).get(uri)
    assert (value["name"], value["version"]) == ("Voltage", "1.0.0")
    assert value["metadata"] == {"unit": "V"}
    assert publisher.publish(Reading, name="Voltage") == uri
    assert publisher.publish(Reading).rkey == "Reading:1.0.0"
    with pytest.raises(RecordError, match="not a license"):
        publisher.publish(Reading, license="my own!")
