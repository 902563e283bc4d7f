"""The cache keeps to its limit, its names and its digests, whatever servers and others do."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from atdata.cache.download import Cancelled
from atdata.cache.fetch import cached_path
from atdata.cache.shard_cache import ShardCache
from atdata.errors import NetworkError
from atdata.shards.info import ShardInfo
from atdata.storage.http import Web
from atdata.storage.objects import StoredObject
from atdata_records import cid

from .server import HostileServer, Reply

LIMIT = 10_000_000
PIECE = bytes(1 << 16)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, of ten megabytes."""
    monkeypatch.setenv("ATDATA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ATDATA_CACHE_SIZE", str(LIMIT))
    return tmp_path / "cache"


def put(cache: ShardCache, data: bytes) -> str:
    name = cid.of_bytes(data)
    with cache.new_file() as file:
        file.write(data)
        file.close()
        cache.keep(Path(file.name), name)
    return name


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_body_without_an_end_is_not_cached(hostile: HostileServer, folder: Path) -> None:
    most = 0

    def body() -> Iterator[bytes]:
        nonlocal most
        while True:
            yield PIECE
            most = max(most, bytes_in(folder))

    hostile.serve({"/a.tar": Reply(body, headers={"etag": '"1"'})})
    assert cached_path(StoredObject(Web(), hostile.url("/a.tar"))) is None
    assert LIMIT // 2 < most < LIMIT + (4 << 20)
    assert not list((folder / ".new").iterdir())


def test_room_is_made_before_a_shard_is_whole(hostile: HostileServer, folder: Path) -> None:
    cache = ShardCache(folder, LIMIT)
    early = [put(cache, bytes([number]) * 3_000_000) for number in range(3)]
    shard = os.urandom(9_500_000)
    most = 0

    def body() -> Iterator[bytes]:
        nonlocal most
        for at in range(0, len(shard), 1 << 16):
            yield shard[at : at + (1 << 16)]
            if at > 9_000_000:
                most = max(most, bytes_in(folder))

    hostile.serve({"/a.tar": Reply(body, headers={"content-length": str(len(shard))})})
    info = ShardInfo(cid.of_bytes(shard), len(shard), 1)
    path = cached_path(StoredObject(Web(), hostile.url("/a.tar")), expected=info)
    assert path is not None
    assert path.read_bytes() == shard
    assert most < LIMIT + (4 << 20)
    assert not any(cache.find(name) for name in early)


def test_a_shard_that_was_changed_in_place_is_fetched_again(
    hostile: HostileServer, folder: Path
) -> None:
    shard = b"content " * 1000
    hostile.serve({"/a.tar": Reply(shard)})
    info = ShardInfo(cid.of_bytes(shard), len(shard), 1)
    url = hostile.url("/a.tar")
    for _ in range(2):
        path = cached_path(StoredObject(Web(), url), expected=info)
        assert path is not None
        assert path.read_bytes() == shard
    assert len(hostile.seen) == 1
    # The same size, and the time put back.
    state = path.stat()
    path.write_bytes(shard.replace(b"content", b"CONTENT"))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    path = cached_path(StoredObject(Web(), url), expected=info)
    assert path is not None
    assert path.read_bytes() == shard
    assert len(hostile.seen) == 2


def test_a_shard_that_was_moved_or_touched_is_hashed_and_kept(
    hostile: HostileServer, folder: Path
) -> None:
    shard = b"content " * 1000
    name = put(ShardCache(folder, LIMIT), shard)
    (folder / name).rename(folder / "elsewhere")
    (folder / "elsewhere").rename(folder / name)
    os.utime(folder / name)
    info = ShardInfo(name, len(shard), 1)
    assert cached_path(StoredObject(Web(), hostile.url("/a.tar")), expected=info) == folder / name
    assert hostile.seen == []


def test_a_shard_that_never_comes_holds_no_other_place_of_the_same_bytes(
    hostile: HostileServer,
) -> None:
    shard = b"content"
    info = ShardInfo(cid.of_bytes(shard), len(shard), 1)
    begun = threading.Event()

    def never() -> Iterator[bytes]:
        begun.set()
        hostile.stopping.wait()
        yield b""

    drip = Reply(never, headers={"content-length": "7"})
    hostile.serve({"/drip.tar": drip, "/a.tar": Reply(shard)})
    given_up = threading.Event()

    def wait() -> None:
        with pytest.raises((Cancelled, NetworkError)):
            cached_path(
                StoredObject(Web(), hostile.url("/drip.tar")),
                expected=info,
                is_cancelled=given_up.is_set,
            )

    held = threading.Thread(target=wait)
    held.start()
    try:
        assert begun.wait(10)
        found = cached_path(StoredObject(Web(), hostile.url("/a.tar")), expected=info)
        assert found is not None
        assert found.read_bytes() == shard
    finally:
        given_up.set()
        hostile.stopping.set()
        held.join()


def test_each_shard_has_a_lock_of_its_own(folder: Path) -> None:
    cache = ShardCache(folder, LIMIT)
    entered = 0
    with cache.filling("0"):
        for number in range(1, 1000):
            with cache.filling(str(number)):
                entered += 1
    assert entered == 999
    assert not list((folder / ".locks").iterdir())


def test_signatures_do_not_make_two_files_one(
    hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile.answer = lambda method, path, headers: Reply(
        b"of " + path.encode(), headers={"etag": '"same"'}
    )
    one, other = "/s?file=a&sig=x", "/s?file=b&sig="
    for path in (one, other):
        found = cached_path(StoredObject(Web(), hostile.url(path)))
        assert found is not None
        assert found.read_bytes() == b"of " + path.encode()
    # Another signature of the same file is the same file.
    monkeypatch.setenv("ATDATA_OFFLINE", "1")
    found = cached_path(StoredObject(Web(), hostile.url("/s?file=a&sig=y")))
    assert found is not None
    assert found.read_bytes() == b"of /s?file=a&sig=x"
