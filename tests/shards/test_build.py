from __future__ import annotations

import dataclasses
import errno
import itertools
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from atdata.base import exchange
from atdata.errors import EntryConflict, ManifestError, SampleError, ShardError, StorageError
from atdata.samples.schema import schema_cid, schema_document
from atdata.shards import inspect_shard
from atdata.shards.build import build_root
from atdata.shards.manifest import Manifest
from atdata.shards.offsets import offset_index
from atdata.shards.target import Label
from atdata.testing.samples import Thing, things


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_build_root_holds_what_its_manifest_says(tmp_path: Path) -> None:
    sample_type, paths = build_root(things(10), tmp_path / "a b", Label(source="a lab"), maxcount=4)
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
        build_root(things(10), tmp_path / name, Label("same"), maxcount=4)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


@pytest.fixture(params=["swap", "two renames"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How one folder takes the place of another: in one step, or where the system can't."""
    if request.param == "two renames":
        monkeypatch.setattr(exchange, "exchange", lambda first, second: False)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_an_earlier_build_is_replaced_whole_where_that_is_asked_for(tmp_path: Path) -> None:
    build_root(things(10), tmp_path / "a", maxcount=2)
    build_root(things(3), tmp_path / "a", overwrite=True)
    assert set(contents(tmp_path / "a")) == {
        "000000.tar", "000000.idx", "schema.json", "dataset.json",
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["a"]


@pytest.mark.usefixtures("way")
def test_the_same_data_can_be_written_again(tmp_path: Path) -> None:
    build_root(things(10), tmp_path / "a", maxcount=4)
    before = contents(tmp_path / "a")
    (tmp_path / "a" / "000001.tar").write_bytes(b"damaged")
    (tmp_path / "a" / "000002.idx").unlink()
    build_root(things(10), tmp_path / "a", maxcount=4)
    assert contents(tmp_path / "a") == before
    build_root(things(10), tmp_path / "a", Label(version="1.0.1"), maxcount=4)
    assert b"1.0.1" in contents(tmp_path / "a")["dataset.json"]


@pytest.mark.parametrize(("count", "maxcount", "taken"), [(9, 4, 10), (12, 4, 13), (40, 2, 3)])
def test_other_data_needs_a_word_and_is_noticed_at_its_first_shard(
    tmp_path: Path, count: int, maxcount: int, taken: int
) -> None:
    build_root(things(10), tmp_path / "a", maxcount=4)
    before = contents(tmp_path / "a")
    seen: list[int] = []

    def samples() -> Iterator[Thing]:
        for thing in things(count):
            seen.append(thing.number)
            yield thing

    with pytest.raises(EntryConflict, match=r"other data.*\n.*overwrite=True"):
        build_root(samples(), tmp_path / "a", maxcount=maxcount)
    assert len(seen) <= taken
    assert contents(tmp_path / "a") == before
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["a"]


def test_a_damaged_manifest_is_other_data(tmp_path: Path) -> None:
    build_root(things(4), tmp_path / "a")
    (tmp_path / "a" / "dataset.json").write_bytes(b"{}")
    with pytest.raises(EntryConflict, match="overwrite=True"):
        build_root(things(4), tmp_path / "a")
    build_root(things(4), tmp_path / "a", overwrite=True)


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    build_root(things(4), tmp_path / "link")
    build_root(things(3), tmp_path / "link", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert "dataset.json" in contents(tmp_path / "real")


def test_of_two_first_writers_at_once_the_second_compares(tmp_path: Path) -> None:
    def late(count: int) -> Iterator[Thing]:
        yield from things(count)
        build_root(things(5), tmp_path / "a")  # another process is faster

    build_root(late(5), tmp_path / "a")
    before = contents(tmp_path / "a")
    (tmp_path / "a" / "dataset.json").unlink()
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(EntryConflict, match="other data"):
        build_root(late(6), tmp_path / "a")
    assert contents(tmp_path / "a") == before


def test_a_second_rename_that_fails_brings_the_earlier_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_root(things(3), tmp_path / "a")
    before = contents(tmp_path / "a")
    monkeypatch.setattr(exchange, "exchange", lambda first, second: False)
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(errno.EIO, "the disk refuses", str(path))
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(StorageError, match="the disk refuses"):
        build_root(things(4), tmp_path / "a", overwrite=True)
    assert contents(tmp_path / "a") == before


_REWRITE = """
import os, pathlib, shutil, signal, sys
from atdata.base import exchange
from atdata.shards.build import build_root
from atdata.testing.samples import things

folder, fatal, way = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if way == "two renames":
    exchange.exchange = lambda first, second: False
calls = 0

def deadly(real):
    def call(*args, **options):
        global calls
        calls += 1
        if calls == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **options)
    return call

pathlib.Path.rename = deadly(pathlib.Path.rename)
shutil.rmtree = deadly(shutil.rmtree)
os.fsync = deadly(os.fsync)
exchange.exchange = deadly(exchange.exchange)
build_root(things(7), folder, overwrite=True)
print("done")
"""


@pytest.mark.parametrize("way", ["swap", "two renames"])
def test_killed_at_any_step_nothing_is_half_and_nothing_is_lost(tmp_path: Path, way: str) -> None:
    """After each kill the earlier dataset or the new one is there, or comes back at the next."""
    folder = tmp_path / "a"
    build_root(things(10), tmp_path / "old", Label("a"), maxcount=4)
    build_root(things(7), tmp_path / "new", Label("a"))
    whole = [contents(tmp_path / "old"), contents(tmp_path / "new")]
    for fatal in itertools.count(1):
        build_root(things(10), folder, maxcount=4, overwrite=True)
        command = [sys.executable, "-c", _REWRITE, str(folder), str(fatal), way]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.stdout == "done\n":
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        if way == "swap" or folder.exists():
            assert contents(folder) in whole
        with pytest.raises(RuntimeError):
            build_root(failing(), tmp_path / "other")
        assert contents(folder) in whole
    assert fatal > 5
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == [
        "a", "new", "old",
    ]  # fmt: skip


_READ = """
import pathlib, sys
import atdata
from atdata.testing.samples import Thing
folder, stop = sys.argv[1:]
passes = 0
while not pathlib.Path(stop).exists():
    names = atdata.load_dataset(folder, Thing, split="train").list_shards()
    numbers = [thing.number for thing in atdata.Dataset[Thing](names)]
    assert sorted(number % 100 for number in numbers) == list(range(12)), numbers
    passes += 1
print(passes)
"""


def test_readers_find_a_dataset_at_every_moment(tmp_path: Path) -> None:
    folder, stop = tmp_path / "a", tmp_path / "stop"
    build_root(things(12), folder, maxcount=3)
    reader = subprocess.Popen(
        [sys.executable, "-c", _READ, str(folder), str(stop)], stdout=subprocess.PIPE, text=True
    )
    try:
        for number in range(150):
            build_root(things(12, start=100 * (number % 2)), folder, maxcount=3, overwrite=True)
    finally:
        stop.touch()
        passes, _ = reader.communicate(timeout=120)
    assert reader.returncode == 0
    assert int(passes) > 0


def test_what_is_no_build_of_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    (tmp_path / "file").write_text("x")
    for name in ("mine", "file"):
        with pytest.raises(EntryConflict, match="something else than a dataset"):
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
        build_root(failing(), tmp_path / "a", maxcount=2, overwrite=True)
    with pytest.raises(SampleError, match="sample 5 is a int, the first is a Thing"):
        build_root(mixed(), tmp_path / "a", maxcount=2, overwrite=True)
    with pytest.raises(SampleError, match="there are no samples"):
        build_root([], tmp_path / "a", overwrite=True)
    with pytest.raises(ShardError):
        build_root(things(3), tmp_path / "a", maxsize=600, overwrite=True)
    assert contents(tmp_path / "a") == before
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["a"]


def test_names_are_checked_before_samples_are_taken(tmp_path: Path) -> None:
    samples = iter(things(1))
    for name, version in (("a/b", "1.0.0"), ("a", "1"), ("nul", "1.0.0"), ("a.", "1.0.0")):
        with pytest.raises(ManifestError):
            build_root(samples, tmp_path / "a", Label(name, version))
    assert next(samples).number == 0
    assert not (tmp_path / "a").exists()


def test_a_place_that_can_not_be_written_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="can't write the dataset"):
        build_root(things(1), tmp_path / "file" / "a")


@pytest.mark.parametrize(("folder", "name"), [("Aux.v1", "Aux-.v1"), ("auxiliary", "auxiliary")])
def test_a_name_that_windows_can_not_hold_is_not_taken_from_the_folder(
    tmp_path: Path, folder: str, name: str
) -> None:
    build_root(things(3), tmp_path / folder)
    assert Manifest.from_json((tmp_path / folder / "dataset.json").read_bytes()).name == name


@pytest.mark.parametrize("name", ["nul", "Com1.v2", "end."])
def test_datasets_of_such_names_that_are_there_are_read(tmp_path: Path, name: str) -> None:
    build_root(things(3), tmp_path / "a")
    manifest = Manifest.from_json((tmp_path / "a" / "dataset.json").read_bytes())
    written = dataclasses.replace(manifest, name=name).to_json()
    assert Manifest.from_json(written).name == name
