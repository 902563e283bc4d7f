from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from atdata.errors import ShardError
from atdata.shards.canonical import canonical_json
from atdata.shards.counts import sample_count
from atdata.testing.samples import things
from atdata.writing import write_shards


@pytest.fixture
def built(tmp_path: Path) -> list[Path]:
    """Three shards of four, four and two samples, with all that is beside them."""
    dataset = write_shards(things(10), tmp_path / "built", maxcount=4)
    return [Path(name) for name in dataset.list_shards()]


def counts(paths: list[Path]) -> list[int | None]:
    return [sample_count(path, path.name) for path in paths]


def test_counts_come_from_the_index_or_the_manifest(built: list[Path]) -> None:
    assert counts(built) == [4, 4, 2]
    for path in built:
        path.with_suffix(".idx").unlink()
    assert counts(built) == [4, 4, 2]
    built[0].with_name("dataset.json").unlink()
    assert counts(built) == [None, None, None]


def test_a_bare_manifest_counts_its_own_shards_only(built: list[Path], tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(built[0].with_name("dataset.json"), bare)
    shutil.copy(built[0], bare)
    shutil.copy(built[0], bare / "other.tar")
    assert counts([bare / built[0].name, bare / "other.tar", bare / built[1].name]) == [
        4,
        None,
        None,
    ]


def test_a_manifest_of_other_bytes_is_an_error(built: list[Path]) -> None:
    built[0].with_suffix(".idx").unlink()
    built[0].write_bytes(built[0].read_bytes()[:-512])
    with pytest.raises(ShardError, match="manifest next to the shard lists it") as caught:
        sample_count(built[0], "s3://bucket/0.tar")
    assert caught.value.shard == "s3://bucket/0.tar"


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b'{"name":"of another tool"}', b"\xff", json.dumps({"shards": []}).encode()],
)
def test_a_file_of_that_name_that_is_no_manifest_says_nothing(
    built: list[Path], data: bytes
) -> None:
    built[0].with_suffix(".idx").unlink()
    built[0].with_name("dataset.json").write_bytes(data)
    assert sample_count(built[0], "a") is None


def test_a_manifest_that_was_written_anew_is_read_anew(built: list[Path]) -> None:
    for path in built:
        path.with_suffix(".idx").unlink()
    assert counts(built) == [4, 4, 2]
    manifest = built[0].with_name("dataset.json")
    document = json.loads(manifest.read_bytes())
    manifest.write_bytes(canonical_json(document | {"format_version": 2}))
    assert counts(built) == [None, None, None]
