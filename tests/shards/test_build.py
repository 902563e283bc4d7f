from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from atdata.errors import EntryConflict, ManifestError, SampleError, ShardError, StorageError
from atdata.samples.schema import schema_cid, schema_document
from atdata.shards import inspect_shard
from atdata.shards.build import build_root
from atdata.shards.dataset_manifest import Manifest
from atdata.shards.offsets import offset_index
from atdata.testing.samples import Thing, things


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_build_root_holds_what_its_manifest_says(tmp_path: Path) -> None:
    sample_type, paths = build_root(things(10), tmp_path / "a b", maxcount=4, source="a lab")
    assert sample_type is Thing
    assert [path.name for path in paths] == ["000000.tar", "000001.tar", "000002.tar"]
    folder = tmp_path / "a b"
    manifest = Manifest.from_json((folder / "dataset.json").read_bytes())
    assert (manifest.name, manifest.version, manifest.source) == ("a-b", "1.0.0", "a lab")
    assert manifest.paths == tuple(path.name for path in paths)
    assert manifest.shards == tuple(map(inspect_shard, paths))
    document = json.loads((folder / "schema.json").read_bytes())
    assert document == schema_document(Thing)
    assert manifest.schema_cid == schema_cid("Thing", "1.0.0", document)
    for path in paths:
        assert path.with_suffix(".idx").read_bytes() == offset_index(path)
    assert len(contents(folder)) == 3 + 3 + 2


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        build_root(things(10), tmp_path / name, name="same", maxcount=4)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def test_an_earlier_build_is_replaced_whole(tmp_path: Path) -> None:
    build_root(things(10), tmp_path / "a", maxcount=2)
    build_root(things(3), tmp_path / "a")
    assert set(contents(tmp_path / "a")) == {
        "000000.tar", "000000.idx", "schema.json", "dataset.json",
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["a"]


def test_what_is_no_build_of_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    (tmp_path / "file").write_text("x")
    for name in ("mine", "file"):
        with pytest.raises(EntryConflict, match="no dataset of ours"):
            build_root(things(3), tmp_path / name)
    assert contents(tmp_path / "mine") == {"thesis.txt": b"years"}
    (tmp_path / "empty").mkdir()
    build_root(things(3), tmp_path / "empty")
    assert (tmp_path / "empty" / "dataset.json").is_file()


def failing() -> Iterator[Thing]:
    yield from things(5)
    raise RuntimeError("the producer stops")


def mixed() -> Iterator[object]:
    yield from things(5)
    yield 3


def test_a_build_that_fails_leaves_the_earlier_one(tmp_path: Path) -> None:
    build_root(things(3), tmp_path / "a")
    before = contents(tmp_path / "a")
    with pytest.raises(RuntimeError):
        build_root(failing(), tmp_path / "a", maxcount=2)
    with pytest.raises(SampleError, match="sample 5 is a int, the first is a Thing"):
        build_root(mixed(), tmp_path / "a", maxcount=2)
    with pytest.raises(SampleError, match="there are no samples"):
        build_root([], tmp_path / "a")
    with pytest.raises(ShardError):
        build_root(things(3), tmp_path / "a", maxsize=600)
    assert contents(tmp_path / "a") == before
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["a"]


def test_names_are_checked_before_samples_are_taken(tmp_path: Path) -> None:
    samples = iter(things(1))
    for name, version in (("a/b", "1.0.0"), ("a", "1")):
        with pytest.raises(ManifestError):
            build_root(samples, tmp_path / "a", name=name, version=version)
    assert next(samples).number == 0
    assert not (tmp_path / "a").exists()


def test_a_place_that_can_not_be_written_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="can't write the dataset"):
        build_root(things(1), tmp_path / "file" / "a")
