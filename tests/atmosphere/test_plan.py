"""What a publication would write, for people and for programs."""

from __future__ import annotations

import json

from atdata.atmosphere import AtUri
from atdata.atmosphere.placing import Placed, place_urls
from atdata.atmosphere.plan import Plan
from atdata.atmosphere.uploads import reference
from atdata.samples.schema import to_record
from atdata_records.ac.foundation.dataset.record import BlobStorage, Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema
from readings import Reading

from .conftest import infos

URI = AtUri("did:plc:abc", Record.NSID, "x")
SCHEMA = to_record(Reading, "1.0.0", created_at="2026-01-01T00:00:00Z")
SCHEMA_URI = AtUri("did:plc:abc", SampleSchema.NSID, "Reading:1.0.0")


def record(placed: Placed, size: int | None) -> Record:
    return Record(
        name="x",
        schema_ref=str(SCHEMA_URI),
        storage=placed.storage,
        size=size,
        created_at="2026-01-01T00:00:00Z",
    )


def made(
    current: Record | None, wanted: Record, placed: Placed, schema: SampleSchema | None = None
) -> Plan:
    return Plan(
        uri=URI,
        current=current,
        record=wanted,
        placed=placed,
        schema_uri=SCHEMA_URI,
        schema=schema,
    )


def test_blobs_that_would_be_cut() -> None:
    shards = tuple(infos(2))
    blobs = [reference(info.cid, info.size) for info in shards]
    urls = tuple(f"https://pds/{info.cid}" for info in shards)
    storage = BlobStorage.from_dict({"blobs": blobs})
    placed = Placed(storage, shards, cut_from=tuple(infos(1)), copied=urls)
    plan = made(None, record(placed, 2 * 10**8), placed, SCHEMA)
    data = plan.to_dict()
    assert (data["uri"], data["action"], data["storage"]) == (
        str(URI),
        "create",
        "blobs",
    )
    assert data["copies"] == [
        {"url": url, "cid": info.cid, "size": info.size}
        for url, info in zip(urls, shards, strict=True)
    ]
    assert json.loads(json.dumps(data)) == data
    text = str(plan)
    assert f"copy, unless it is there: {urls[1]} (10,001 bytes)\n" in text
    assert "are cut anew" in text
    assert "200.0 MB: above 100 MB, prefer URLs" in text


def test_urls_that_stay_where_they_are() -> None:
    placed = place_urls(["s3://bucket/{0..1}.tar"], infos(2))
    published = record(placed, None)
    plan = made(published, published, placed)
    data = plan.to_dict()
    assert (data["action"], data["storage"]) == ("nothing", "urls")
    assert (data["copies"], data["cut"], data["advice"], data["schema"]) == (
        [],
        False,
        None,
        None,
    )
    assert "copy" not in str(plan)
    changed = made(published, record(placed, 5), placed)
    assert changed.action == "update"


def test_a_copy_of_which_nothing_is_known() -> None:
    urls = ("https://example.com/a.tar?X-Amz-Signature=secret",)
    placed = Placed(place_urls(["https://example.com/a.tar"]).storage, None, copied=urls)
    plan = made(None, record(placed, None), placed)
    (copy,) = plan.to_dict()["copies"]
    assert (copy["cid"], copy["size"]) == (None, None)
    assert "secret" not in str(plan) + str(plan.to_dict())
