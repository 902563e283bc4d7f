from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import IO

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from atdata.cache.shard_cache import Known, ShardCache
from atdata.errors import StorageError
from atdata_records import cid


def put(cache: ShardCache, data: bytes) -> str:
    name = cid.of_bytes(data)
    with cache.new_file() as file:
        file.write(data)
        file.close()
        cache.keep(Path(file.name), name)
    return name


def opened(cache: ShardCache, name: str) -> IO[bytes]:
    file = cache.open(name)
    assert file
    return file


@pytest.fixture
def cache(tmp_path: Path) -> ShardCache:
    return ShardCache(tmp_path / "cache", 1000)


def test_what_is_kept_is_found(cache: ShardCache) -> None:
    name = put(cache, b"content")
    path = cache.find(name)
    assert path is not None
    assert path.read_bytes() == b"content"
    assert cache.find(cid.of_bytes(b"other")) is None
    with opened(ShardCache(cache.folder, 1000), name) as file:
        assert file.read() == b"content"


def test_it_is_for_this_user_alone(cache: ShardCache) -> None:
    put(cache, b"content")
    assert cache.folder.stat().st_mode & 0o777 == 0o700


def test_a_file_that_was_cut_is_dropped(cache: ShardCache) -> None:
    name = put(cache, b"content")
    assert cache.find(name, size=7)
    (cache.folder / name).write_bytes(b"cont")
    assert cache.find(name, size=7) is None
    assert not (cache.folder / name).exists()


class Model(RuleBasedStateMachine):
    """The folder against a dictionary in order of use; two caches on it, as two processes have."""

    LIMIT = 100

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        self.caches = [ShardCache(path, self.LIMIT), ShardCache(path, self.LIMIT)]
        self.model: OrderedDict[str, int] = OrderedDict()

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(size=st.integers(0, LIMIT), which=st.integers(0, 1))
    def keep(self, size: int, which: int) -> None:
        name = put(self.caches[which], b"x" * size)
        self.model[name] = size
        self.model.move_to_end(name)
        while sum(self.model.values()) > self.LIMIT:
            self.model.popitem(last=False)

    @rule(size=st.integers(0, LIMIT), which=st.integers(0, 1))
    def use(self, size: int, which: int) -> None:
        name = cid.of_bytes(b"x" * size)
        found = self.caches[which].find(name)
        assert (found is not None) == (name in self.model)
        if found:
            self.model.move_to_end(name)

    @rule(limit=st.integers(0, LIMIT), which=st.integers(0, 1))
    def prune(self, limit: int, which: int) -> None:
        dropped = []
        while sum(self.model.values()) > limit:
            dropped.append(self.model.popitem(last=False)[0])
        assert [shard.cid for shard in self.caches[which].prune(limit)] == dropped

    @invariant()
    def the_same_is_there(self) -> None:
        assert {shard.cid: shard.size for shard in self.caches[0].shards()} == self.model
        assert self.caches[1].size == sum(self.model.values()) <= self.LIMIT


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)


def test_what_was_just_kept_is_not_what_goes(cache: ShardCache) -> None:
    name = put(cache, b"x" * 1500)
    assert cache.find(name)
    other = put(cache, b"y" * 10)
    assert [shard.cid for shard in cache.shards()] == [other]


def test_a_file_from_the_future_ages_like_the_others(cache: ShardCache) -> None:
    early = put(cache, b"a" * 400)
    os.utime(cache.folder / early, (time.time() + 10**6,) * 2)
    assert cache.shards()[0].used <= time.time()
    for letter in b"bc":
        put(cache, bytes([letter]) * 400)
    assert cache.find(early) is None


def test_what_is_dropped_stays_readable_for_its_readers(cache: ShardCache) -> None:
    name = put(cache, b"content")
    with opened(cache, name) as file:
        cache.prune(0)
        assert cache.find(name) is None
        assert file.read() == b"content"


def test_leftovers_of_the_dead_are_swept_and_not_those_of_the_living(cache: ShardCache) -> None:
    code = (
        "import os, sys, pathlib; from atdata.cache.shard_cache import ShardCache\n"
        "with ShardCache(pathlib.Path(sys.argv[1]), 1000).new_file() as file:\n"
        "    print(file.name, flush=True); os._exit(1)"
    )
    with cache.new_file() as alive:
        died = subprocess.run(
            [sys.executable, "-c", code, str(cache.folder)], capture_output=True, text=True
        )
        dead = Path(died.stdout.strip())
        assert dead.exists()
        ShardCache(cache.folder, 1000)
        assert not dead.exists()
        assert Path(alive.name).exists()
    assert not Path(alive.name).exists()
    assert not list((cache.folder / ".new").iterdir())


def test_one_at_a_time_fills_a_shard(cache: ShardCache) -> None:
    entered: list[int] = []

    def enter() -> None:
        with cache.filling("a"):
            entered.append(1)

    with cache.filling("a"):
        other = threading.Thread(target=enter)
        other.start()
        other.join(0.2)
        assert entered == []
    other.join(5)
    assert entered == [1]


def test_the_lock_of_a_process_that_was_killed_is_open(cache: ShardCache) -> None:
    code = (
        "import sys, time, pathlib; from atdata.cache.shard_cache import ShardCache\n"
        "cache = ShardCache(pathlib.Path(sys.argv[1]), 1000)\n"
        "with cache.filling('a'): print('in', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(cache.folder)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"in\n"
        holder.kill()
    with cache.filling("a"):
        assert cache.size == 0


def test_names(cache: ShardCache) -> None:
    known = Known("https://example.org/a.tar", '"tag"', put(cache, b"content"), 7)
    assert cache.known("name") is None
    cache.remember("name", known)
    assert ShardCache(cache.folder, 1000).known("name") == known
    assert cache.urls() == {known.cid: known.url}
    cache.prune(0)
    assert cache.known("name") is None


def test_a_damaged_name_is_no_name(cache: ShardCache) -> None:
    cache.remember("name", Known("u", "t", "c", 1))
    (path,) = (cache.folder / ".names").iterdir()
    for damage in (b"", b"{", b"[]", b'{"url": 1}'):
        path.write_bytes(damage)
        assert cache.known("name") is None
    assert cache.urls() == {}


def test_a_folder_that_can_not_be_used_raises(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="ATDATA_CACHE"):
        ShardCache(tmp_path / "file" / "cache", 1000)
