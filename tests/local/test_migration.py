"""The Redis layout of earlier versions, on a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import redis

import atdata
from atdata.errors import StorageError
from atdata.local import LocalIndex, migrate

from .samples import Reading, readings

PRIMITIVE = "local#primitive"


def put_schema(client: redis.Redis, key: str, fields: list[dict[str, Any]]) -> None:
    name, _, version = key.partition("@")
    record = {"name": name, "version": version, "fields": fields, "$ref": f"local://schemas/{key}"}
    client.set(f"LocalSchema:{key}", json.dumps(record))


def put_entry(client: redis.Redis, key: str, **values: Any) -> None:
    client.hset(f"LocalDatasetEntry:{key}", mapping=values)


def field(name: str, kind: dict[str, Any], optional: bool = False) -> dict[str, Any]:
    return {"name": name, "fieldType": kind, "optional": optional}


@pytest.fixture
def old(redis_client: redis.Redis) -> redis.Redis:
    """A server with one schema and one dataset in the earlier layout."""
    put_schema(
        redis_client,
        "Reading@1.0.0",
        [
            field("values", {"$type": "local#ndarray", "dtype": "int8"}),
            field("sensor", {"$type": PRIMITIVE, "primitive": "str"}),
            field("note", {"$type": PRIMITIVE, "primitive": "str"}, optional=True),
        ],
    )
    put_entry(
        redis_client,
        "bafyone",
        name="readings",
        schema_ref="local://schemas/Reading@1.0.0",
        data_urls=msgpack.packb(["s3://b/0.tar", "s3://b/1.tar"]),
        metadata=msgpack.packb({"lab": 302, "rate": 0.5}),
        cid="bafyone",
    )
    return redis_client


def test_schemas_and_entries_are_copied(old: redis.Redis) -> None:
    report = migrate(old)
    ref = "atdata://local/sampleSchema/Reading@1.0.0"
    assert (report.schemas, report.entries, report.problems) == ([ref], ["readings"], {})
    index = LocalIndex(redis=old)
    entry = index.get_dataset("readings")
    assert entry.schema_ref == ref
    assert entry.data_urls == ["s3://b/0.tar", "s3://b/1.tar"]
    assert entry.metadata == {"lab": 302, "rate": 0.5}
    assert entry.schema_cid == index.get_schema(ref).cid


def test_data_of_the_earlier_versions_can_be_read(
    old: redis.Redis, make_shards: Callable[..., list[Path]]
) -> None:
    (path,) = make_shards(readings(2))
    migrate(old)
    sample_type = LocalIndex(redis=old).decode_schema("local://schemas/Reading@1.0.0")
    found = list(atdata.Dataset[sample_type](str(path)).ordered())  # type: ignore[valid-type]
    assert [sample.sensor for sample in found] == ["s0", "s1"]
    np.testing.assert_array_equal(found[1].values, readings(2)[1].values)
    assert found[0].note is None


def test_it_may_be_run_again_and_into_another_index(old: redis.Redis, tmp_path: Path) -> None:
    with LocalIndex(path=tmp_path / "index.db") as index:
        first = migrate(old, index)
        entry = index.get_dataset("readings")
        assert migrate(old, index) == first
        assert index.list_datasets() == [entry]
        assert len(index.list_schemas()) == 1
    assert old.hget("LocalDatasetEntry:bafyone", "name") == b"readings"


def test_the_oldest_entries(old: redis.Redis) -> None:
    put_entry(
        old,
        "0000-uuid",
        name="old",
        sample_kind="local://schemas/m.Reading@1.0.0",
        wds_url="/x.tar",
    )
    put_schema(old, "module.Other@1.0.0", [field("a", {"$type": PRIMITIVE, "primitive": "int"})])
    assert migrate(old).problems == {}
    index = LocalIndex(redis=old)
    assert index.get_dataset("old").data_urls == ["/x.tar"]
    assert index.decode_schema("local://schemas/module.Other@1.0.0")(a=1).a == 1


def test_every_kind_of_field(old: redis.Redis) -> None:
    kinds = {name: {"$type": PRIMITIVE, "primitive": name} for name in ("str", "int", "float")}
    items = {"$type": "ac.foundation.dataset.schemaType#array", "items": kinds["float"]}
    put_schema(
        old,
        "All@2.0.0",
        [
            field("maybe", kinds["int"], optional=True),
            field("text", kinds["str"]),
            field("truth", {"$type": PRIMITIVE, "primitive": "bool"}),
            field("raw", {"$type": PRIMITIVE, "primitive": "bytes"}),
            field("scores", items),
        ],
    )
    assert migrate(old).problems == {}
    sample_type = LocalIndex(redis=old).decode_schema("local://schemas/All@2.0.0")
    sample = sample_type(text="t", truth=True, raw=b"r", scores=[0.5])
    assert sample_type.from_bytes(sample.packed) == sample
    assert sample.maybe is None


def test_what_can_not_be_read_is_reported_and_the_rest_is_migrated(old: redis.Redis) -> None:
    put_schema(old, "Bad@1.0.0", [field("x", {"$type": "local#ref", "ref": "other"})])
    put_schema(old, "Evil@1.0.0", [field("x: __import__('os')", {"$type": PRIMITIVE,
                                                                 "primitive": "int"})])  # fmt: skip
    put_schema(old, "Nameless@version", [])
    old.set("LocalSchema:NoJson@1.0.0", b"\xff{")
    old.set("LocalDatasetEntry:wrong-type", "text")
    put_entry(old, "two", name="x", schema_ref="local://schemas/Gone@1.0.0", data_urls=b"\xc1")
    put_entry(old, "three", name="../x", schema_ref="local://schemas/Reading@1.0.0",
              data_urls=msgpack.packb(["/x.tar"]))  # fmt: skip
    put_entry(old, "four", schema_ref="local://schemas/Reading@1.0.0")
    put_entry(old, "other", name="readings", schema_ref="local://schemas/Reading@1.0.0",
              data_urls=msgpack.packb(["s3://b/other.tar"]))  # fmt: skip
    report = migrate(old)
    assert report.entries == ["readings"]
    assert report.schemas == ["atdata://local/sampleSchema/Reading@1.0.0"]
    assert set(report.problems) == {
        "LocalSchema:Bad@1.0.0",
        "LocalSchema:Evil@1.0.0",
        "LocalSchema:Nameless@version",
        "LocalSchema:NoJson@1.0.0",
        "LocalDatasetEntry:wrong-type",
        "LocalDatasetEntry:two",
        "LocalDatasetEntry:three",
        "LocalDatasetEntry:four",
        "LocalDatasetEntry:other",
    }
    assert "other data" in report.problems["LocalDatasetEntry:other"]


def test_a_client_that_decodes_is_refused(redis_url: str) -> None:
    with (
        redis.Redis.from_url(redis_url, decode_responses=True) as client,
        pytest.raises(ValueError, match="decode_responses"),
    ):
        migrate(client)


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(StorageError):
        migrate("redis://127.0.0.1:1/0")


def test_the_migrated_type_and_a_new_one_can_live_together(old: redis.Redis) -> None:
    migrate(old)
    index = LocalIndex(redis=old, check_places=False)
    entry = index.insert_dataset(atdata.Dataset[Reading]("s3://b/new.tar"), name="new")
    assert entry.schema_ref.endswith("Reading@2.0.0")
