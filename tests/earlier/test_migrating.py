"""The earlier implementation's data becomes build roots and entries of a local index."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import redis
from click.testing import CliRunner
from numpy.typing import NDArray

import atdata
from atdata import Dataset
from atdata.cli import main
from atdata.errors import SampleError, StorageError
from atdata.lifecycle import verify
from atdata.local import LocalIndex
from atdata.migrating import migrate
from atdata.samples.arrays import MAGIC
from atdata.samples.inference import infer_type

from . import Reading, assert_equal, shards
from .kinds import arrays, readings

NAMES = ["best", "best-1.0.0", "best-2.0.0", "kinds", "readings", "stored-labels"]


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(path=tmp_path / "new.db")


def assert_moved(index: LocalIndex) -> None:
    assert [entry.name for entry in index.list_datasets()] == NAMES
    (kinds,) = index.open_dataset("kinds")
    assert_equal(vars(kinds), arrays())
    for found, expected in zip(index.open_dataset("readings"), readings(), strict=True):
        assert_equal(vars(found), expected)
    assert [sample.label for sample in index.open_dataset("stored-labels")] == [0, 1, 2]
    for name, same in (("best", "kinds"), ("best-1.0.0", "readings"), ("best-2.0.0", "kinds")):
        assert index.get_dataset(name).content_cid == index.get_dataset(same).content_cid
    assert index.get_dataset("readings").metadata == {"site": "B", "runs": [1, 2]}
    assert index.get_dataset("kinds").metadata is None


def change(path: Path, statement: str, *values: Any) -> None:
    with sqlite3.connect(path) as database:
        database.execute(statement, values)
    database.close()


def test_an_index_is_moved_with_equal_samples(
    folder: Path, tmp_path: Path, index: LocalIndex
) -> None:
    before = (folder / "index.db").read_bytes()
    done = migrate(str(folder / "index.db"), tmp_path / "out", index)
    assert done.problems == {}
    assert sorted(one.name for one in done.datasets) == NAMES
    assert [one.samples for one in done.datasets if one.earlier == "readings"] == [5]
    assert_moved(index)
    assert (folder / "index.db").read_bytes() == before
    assert done.left in ([], ["lens label_of@1.0.0"])  # 0.3 kept none


def test_what_is_written_verifies_deep_and_holds_npy(
    folder: Path, tmp_path: Path, index: LocalIndex
) -> None:
    migrate(str(folder / "index.db"), tmp_path / "out", index)
    for name in ("kinds", "readings", "stored-labels"):
        verify(tmp_path / "out" / name, deep=True).raise_for_findings()
    (sample,) = Dataset[atdata.DictSample](str(tmp_path / "out" / "kinds"))
    raw = msgpack.unpackb(sample.packed)
    assert all(value.startswith(MAGIC) for value in raw.values())


def test_schemas_keep_name_version_and_description(
    folder: Path, tmp_path: Path, index: LocalIndex
) -> None:
    done = migrate(str(folder / "index.db"), tmp_path / "out", index)
    start = "atdata://local/sampleSchema/"
    assert done.schemas == [
        f"{start}{one}" for one in ("Kinds@1.0.0", "Reading@1.2.0", "Label@1.0.0")
    ]
    schema = index.get_schema("atdata://local/schema/Reading@1.2.0")  # as it was written before
    assert schema["description"] == "One reading of a sensor."
    assert "description" not in index.get_schema(done.schemas[0])


def test_running_it_again_writes_nothing_again(
    folder: Path, tmp_path: Path, index: LocalIndex
) -> None:
    source, output = str(folder / "index.db"), tmp_path / "out"
    first = migrate(source, output, index)
    before = {path: path.stat().st_ino for path in output.rglob("*")}
    assert migrate(source, output, index) == first
    assert {path: path.stat().st_ino for path in output.rglob("*")} == before


def test_a_dataset_that_was_not_finished_is_written(
    folder: Path, tmp_path: Path, index: LocalIndex
) -> None:
    source, output = str(folder / "index.db"), tmp_path / "out"
    migrate(source, output, index)
    shutil.rmtree(output / "readings")
    assert migrate(source, output, index).problems == {}
    assert_moved(index)


def test_a_job_that_is_killed_is_finished_by_the_next(
    folder: Path, tmp_path: Path, index: LocalIndex
) -> None:
    output, source = tmp_path / "out", folder / "index.db"
    command = [sys.executable, "-m", "atdata", "migrate", str(source), "--output", str(output)]
    process = subprocess.Popen([*command, "--index", str(tmp_path / "new.db")])
    while process.poll() is None and not output.exists():
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert migrate(str(source), output, index).problems == {}
    assert_moved(index)
    assert sorted(path.name for path in output.iterdir()) == ["kinds", "readings", "stored-labels"]


def test_a_shard_that_has_changed_is_a_problem_and_the_others_are_moved(
    folder: Path, tmp_path: Path, index: LocalIndex
) -> None:
    (shard,) = shards(folder, "readings")
    data = bytearray(Path(shard).read_bytes())
    data[data.index(b"reading 1")] ^= 1
    Path(shard).write_bytes(data)
    done = migrate(str(folder / "index.db"), tmp_path / "out", index)
    assert list(done.problems) == ["dataset readings", "label best-1.0.0"]
    assert "sha256" in done.problems["dataset readings"]
    assert not (tmp_path / "out" / "readings").exists()
    assert {one.name for one in done.datasets} >= {"kinds", "stored-labels"}


def test_a_field_that_the_schema_does_not_have_is_a_problem(
    folder: Path, tmp_path: Path, index: LocalIndex
) -> None:
    path = folder / "index.db"
    (text,) = (
        sqlite3.connect(path)
        .execute("SELECT schema_json FROM schemas WHERE name = 'Reading'")
        .fetchone()
    )
    record = json.loads(text)
    del record["fields"][-1]
    change(path, "UPDATE schemas SET schema_json = ? WHERE name = 'Reading'", json.dumps(record))
    done = migrate(str(path), tmp_path / "out", index)
    assert "'tags'" in done.problems["dataset readings"]


@pytest.mark.parametrize(
    ("statement", "value", "what"),
    [
        ("UPDATE schemas SET schema_json = ? WHERE name = 'Label'", "{", "schema Label@1.0.0"),
        ("UPDATE schemas SET schema_json = ? WHERE name = 'Label'", "[]", "schema Label@1.0.0"),
        (
            "UPDATE dataset_entries SET metadata = ? WHERE name = 'kinds'",
            msgpack.packb({"checksums": [1]}),
            "dataset kinds",
        ),
        (
            "UPDATE dataset_entries SET data_urls = ? WHERE name = 'kinds'",
            msgpack.packb([5]),
            "dataset kinds",
        ),
        (
            "UPDATE schemas SET schema_json = ? WHERE name = 'Label'",
            '{"fields": [{"name": "x", "fieldType": {"$type": "local#ref"}}]}',
            "schema Label@1.0.0",
        ),
        ("UPDATE dataset_entries SET data_urls = ? WHERE name = 'kinds'", b"\xc1", "dataset kinds"),
        ("UPDATE dataset_entries SET data_urls = ? WHERE name = 'kinds'", b"\x05", "dataset kinds"),
        ("UPDATE dataset_entries SET data_urls = ? WHERE name = 'kinds'", 5, "dataset kinds"),
        ("UPDATE dataset_entries SET metadata = ? WHERE name = 'kinds'", b"\x05", "dataset kinds"),
        (
            "UPDATE dataset_entries SET metadata = ? WHERE name = 'kinds'",
            msgpack.packb({"raw": b"\0"}),
            "dataset kinds",
        ),
        ("UPDATE dataset_entries SET schema_ref = ? WHERE name = 'kinds'", "x", "dataset kinds"),
        ("UPDATE labels SET cid = ? WHERE version = '2.0.0'", "gone", "label best"),
    ],
)
def test_damaged_rows_are_problems_of_their_own(
    folder: Path, tmp_path: Path, index: LocalIndex, statement: str, value: Any, what: str
) -> None:
    change(folder / "index.db", statement, value)
    done = migrate(str(folder / "index.db"), tmp_path / "out", index)
    assert what in done.problems
    assert "readings" in {one.name for one in done.datasets}


def test_entries_of_one_name_are_all_kept(folder: Path, tmp_path: Path, index: LocalIndex) -> None:
    change(folder / "index.db", "UPDATE dataset_entries SET name = 'readings'")
    done = migrate(str(folder / "index.db"), tmp_path / "out", index)
    assert done.problems == {}
    names = {one.name for one in done.datasets}
    assert "readings" in names
    assert len([name for name in names if name.startswith("readings-")]) == 2
    found = [sample.label for sample in index.open_dataset("readings")]
    assert found == [0, 1, 2, 3, 4]  # the one that its label stands for


def test_other_files_are_not_indexes(tmp_path: Path, index: LocalIndex) -> None:
    path = tmp_path / "other.db"
    change(path, "CREATE TABLE other (a)")
    with pytest.raises(StorageError, match="not an index of the earlier"):
        migrate(str(path), tmp_path / "out", index)


def test_shards_without_an_index_are_moved(folder: Path, tmp_path: Path, index: LocalIndex) -> None:
    source = str(folder / "data" / "readings")
    done = migrate(source, tmp_path / "out", index)
    assert (done.problems, [one.name for one in done.datasets]) == ({}, ["readings"])
    for found, expected in zip(index.open_dataset("readings"), readings(), strict=True):
        assert_equal(vars(found), expected)
    again = migrate(shards(folder, "readings"), tmp_path / "out", index, name="readings")
    assert again.problems == {}


def test_shards_are_moved_under_a_schema_that_is_given(
    folder: Path, tmp_path: Path, index: LocalIndex
) -> None:
    ref = index.publish_schema(Reading)
    done = migrate(shards(folder, "readings"), tmp_path / "out", index, name="r", schema_ref=ref)
    assert done.problems == {}
    assert index.get_dataset("r").schema_ref == ref
    assert [sample.tags for sample in index.open_dataset("r", Reading)] == [
        one["tags"] for one in readings()
    ]


def test_schemas_of_shards_are_called_as_their_datasets(
    folder: Path, tmp_path: Path, index: LocalIndex
) -> None:
    for source, name in (("readings", "my-readings 2"), ("kinds", "none"), ("kinds", "2nd")):
        migrate(shards(folder, source), tmp_path / "out", index, name=name)
    names = [schema.name for schema in index.list_schemas()]
    assert names == ["MyReadings2", "Sample2nd", "SampleNone"]


@pytest.fixture
def on_redis(folder: Path, redis_client: redis.Redis, redis_url: str) -> str:
    """The index on a Redis server, under the keys of the earlier implementation."""
    database = sqlite3.connect(folder / "index.db")
    for cid, name, ref, urls, about in database.execute(
        "SELECT cid, name, schema_ref, data_urls, metadata FROM dataset_entries"
    ):
        values = {"cid": cid, "name": name, "schema_ref": ref, "data_urls": urls, "metadata": about}
        redis_client.hset(f"LocalDatasetEntry:{cid}", mapping=values)
    for name, version, text in database.execute("SELECT name, version, schema_json FROM schemas"):
        redis_client.set(f"LocalSchema:{name}@{version}", text)
    for name, cid, version in database.execute("SELECT name, cid, version FROM labels"):
        values = {"name": name, "cid": cid, "version": version}
        redis_client.hset(f"Label:{name}@{version}", mapping=values)
    database.close()
    return redis_url


def test_an_index_on_redis_is_moved(on_redis: str, tmp_path: Path, index: LocalIndex) -> None:
    assert migrate(on_redis, tmp_path / "out", index).problems == {}
    assert_moved(index)


def test_the_command_reports_what_it_did(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    arguments = ["migrate", str(folder / "index.db"), "--output", str(tmp_path / "out")]
    arguments += ["--index", str(path)]
    result = CliRunner().invoke(main, [*arguments, "--json"])
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert (report["exit"], report["problems"]) == (0, {})
    assert sorted(one["name"] for one in report["datasets"]) == NAMES
    with LocalIndex(path=path) as index:
        assert_moved(index)
    Path(shards(folder, "kinds")[0]).unlink()
    shutil.rmtree(tmp_path / "out" / "kinds")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 3
    assert "problem: dataset kinds:" in result.stderr
    assert "readings" in result.stdout


def test_types_are_inferred_from_all_samples() -> None:
    array = np.arange(2)
    samples = [
        atdata.DictSample(a=1, b=1.5, c=array, d="x", e=True, f=[1], g=1, h=b"x"),
        atdata.DictSample(a=2, b=None, c=array, d="y", e=None, f=None, g=1.0, h=b"y", i="new"),
        atdata.DictSample(a=3, b=2.5, c=array, e=False, f=[2], g="1", h=b"z", i="old"),
    ]
    made = infer_type(samples, "Made")
    assert {name: str(kind) for name, kind in made.__annotations__.items()} == {
        "a": "<class 'int'>",
        "b": "float | None",
        "c": str(NDArray[Any]),
        "d": "str | None",
        "e": "bool | None",
        "f": "typing.Any",
        "g": "typing.Any",
        "h": "<class 'bytes'>",
        "i": "str | None",
    }
    with pytest.raises(SampleError, match="no samples"):
        infer_type([], "Made")


def test_a_report_is_plain_data(folder: Path, tmp_path: Path, index: LocalIndex) -> None:
    done = migrate(str(folder / "index.db"), tmp_path / "out", index)
    assert json.loads(json.dumps(asdict(done))) == asdict(done)
