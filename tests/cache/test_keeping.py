"""Readers get verified bytes before they are on the disk; the cache names them afterwards."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from atdata import Dataset, URLSource
from atdata.cache import fetch
from atdata.cache.keeping import wait_until_kept
from atdata.cache.shard_cache import ShardCache
from atdata.shards.info import ShardInfo
from atdata.sources import VerifiedSource
from atdata.testing.samples import Thing, shard_bytes
from atdata_records import cid
from servers.web import Web

DATA = [shard_bytes(3, start=3 * number) for number in range(5)]
INFOS = [ShardInfo(cid.of_bytes(data), len(data), 3) for data in DATA]
CIDS = [info.cid for info in INFOS]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ATDATA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def urls(web: Web) -> list[str]:
    return [
        web.serve(f"/{number}.tar", data, headers={"ETag": f'"{number}"'})
        for number, data in enumerate(DATA)
    ]


class SlowDisk:
    """Flushes a file when the test allows it, and then as told."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.goes_on = threading.Event()
        self.error: OSError | None = None

    def sync(self, path: Path) -> None:
        self.asked.append(cid.of_bytes(path.read_bytes()))
        assert self.goes_on.wait(60)
        if self.error:
            raise self.error


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDisk]:
    disk = SlowDisk()
    monkeypatch.setattr(fetch, "sync_file", disk.sync)
    yield disk
    disk.goes_on.set()
    wait_until_kept()


def numbers(urls: list[str]) -> list[int]:
    source = VerifiedSource(URLSource(urls), INFOS[: len(urls)])
    return [thing.number for thing in Dataset[Thing](source).ordered()]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_a_shard_is_read_while_the_disk_is_slow_and_named_afterwards(
    disk: SlowDisk, urls: list[str], folder: Path
) -> None:
    assert numbers(urls[:2]) == list(range(6))
    assert names(folder) == set()
    disk.goes_on.set()
    wait_until_kept()
    assert disk.asked == CIDS[:2]
    assert names(folder) == set(CIDS[:2])
    assert not list((folder / ".new").iterdir())


def test_shards_without_a_digest_are_found_by_url_only_once_they_are_kept(
    disk: SlowDisk, urls: list[str], folder: Path
) -> None:
    assert [thing.number for thing in Dataset[Thing](urls[0]).ordered()] == [0, 1, 2]
    assert not list((folder / ".names").iterdir())
    disk.goes_on.set()
    wait_until_kept()
    assert names(folder) == {CIDS[0]}
    assert list((folder / ".names").iterdir())


def test_a_second_reader_waits_for_the_name_and_asks_no_server(
    disk: SlowDisk, urls: list[str], web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert numbers(urls[:1]) == [0, 1, 2]
    monkeypatch.setenv("ATDATA_OFFLINE", "1")
    found: list[list[int]] = []
    second = threading.Thread(target=lambda: found.append(numbers(urls[:1])))
    second.start()
    second.join(0.2)
    assert found == []
    disk.goes_on.set()
    second.join(60)
    assert found == [[0, 1, 2]]
    assert len(web.seen) == 1


def test_readers_are_at_most_two_shards_ahead_of_the_disk(
    disk: SlowDisk, urls: list[str], web: Web
) -> None:
    found: list[int] = []
    reader = threading.Thread(target=lambda: found.extend(numbers(urls)))
    reader.start()
    reader.join(0.5)
    assert reader.is_alive()
    assert len(web.seen) == 3
    disk.goes_on.set()
    reader.join(60)
    assert found == list(range(15))
    wait_until_kept()
    assert disk.asked == CIDS


def test_a_path_that_is_asked_for_is_on_the_disk(
    disk: SlowDisk, urls: list[str], folder: Path
) -> None:
    disk.goes_on.set()
    assert URLSource(urls).fetch(urls[0], expected=INFOS[0]) == folder / CIDS[0]
    assert disk.asked == CIDS[:1]


def test_a_disk_that_refuses_is_a_warning_and_nothing_is_kept(
    disk: SlowDisk, urls: list[str], folder: Path
) -> None:
    disk.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert numbers(urls[:1]) == [0, 1, 2]
        disk.goes_on.set()
        wait_until_kept()
    assert "can't keep it: No space left on device" in "".join(str(one.message) for one in caught)
    assert names(folder) == set()
    assert not list((folder / ".new").iterdir())


def test_the_folder_may_be_deleted_meanwhile(disk: SlowDisk, urls: list[str], folder: Path) -> None:
    disk.error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    assert numbers(urls[:1]) == [0, 1, 2]
    shutil.rmtree(folder)
    disk.goes_on.set()
    wait_until_kept()
    assert not folder.exists()


def test_a_fork_waits_so_that_a_child_holds_no_locks(
    disk: SlowDisk, urls: list[str], folder: Path
) -> None:
    assert numbers(urls[:1]) == [0, 1, 2]
    allow = threading.Timer(0.1, disk.goes_on.set)
    allow.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the timer is a thread, too
        child = os.fork()
        if child == 0:
            os._exit(0)
    assert disk.goes_on.is_set()
    assert names(folder) == {CIDS[0]}
    assert os.waitpid(child, 0)[1] == 0
    allow.join()


# -- the end of the process

READ = """
import pathlib, sys, threading, time
from atdata import Dataset, URLSource
from atdata.cache import fetch
from atdata.shards.expected import ExpectedShard
from atdata.sources.verified import VerifiedSource
from atdata.testing.samples import Thing
url, cid, seconds = sys.argv[1:]
syncing = threading.Event()
def sync(path):
    syncing.set()
    time.sleep(float(seconds))
fetch.sync_file = sync
source = VerifiedSource(URLSource(url), [ExpectedShard(cid)])
numbers = [t.number for t in Dataset[Thing](source).ordered()]
syncing.wait()
print(numbers, flush=True)
"""


def reading(url: str, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", READ, url, CIDS[0], str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_program_ends_after_its_shards_are_kept(urls: list[str], folder: Path) -> None:
    with reading(urls[0], 0.3) as program:
        assert program.communicate(timeout=60)[0] == "[0, 1, 2]\n"
    assert program.returncode == 0
    assert names(folder) == {CIDS[0]}
    assert not list((folder / ".new").iterdir())


def test_a_kill_before_the_flush_leaves_no_name_and_the_next_run_nothing_at_all(
    urls: list[str], folder: Path
) -> None:
    with reading(urls[0], 600) as program:
        assert program.stdout
        assert program.stdout.readline() == "[0, 1, 2]\n"
        program.kill()
    assert names(folder) == set()
    assert list((folder / ".new").iterdir())
    ShardCache(folder, 10**9)
    assert not list((folder / ".new").iterdir())
    assert numbers(urls[:1]) == [0, 1, 2]
    wait_until_kept()
    assert names(folder) == {CIDS[0]}
