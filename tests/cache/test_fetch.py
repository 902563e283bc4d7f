"""The way through the cache: real servers, other processes, and what can go wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch.utils.data

from atdata import BlobSource, Dataset, S3Source, URLSource
from atdata.cache.fetch import cache_path, parse_size, user_cache
from atdata.cache.keeping import wait_until_kept
from atdata.errors import DigestMismatch, NetworkError, StorageError
from atdata.shards.expected import ExpectedShard
from atdata.shards.info import ShardInfo
from atdata.sources import VerifiedSource
from atdata.testing.samples import Thing, shard_bytes, things
from atdata_records import cid
from servers.s3 import S3Server
from servers.web import Answer, Web

DATA = [shard_bytes(3, start=3 * number) for number in range(4)]
CIDS = list(map(cid.of_bytes, DATA))
INFOS = [ShardInfo(one, len(data), 3) for one, data in zip(CIDS, DATA, strict=True)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("ATDATA_CACHE", str(folder))
    return folder


@pytest.fixture
def urls(folder: Path, web: Web) -> list[str]:
    return [
        web.serve(f"/{number}.tar", data, headers={"ETag": f'"{number}"'}, ranges=True)
        for number, data in enumerate(DATA)
    ]


def numbers(source: Any) -> list[int]:
    return [thing.number for thing in Dataset[Thing](source).ordered()]


def files(folder: Path) -> set[str]:
    """What is in the cache."""
    wait_until_kept()
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


# -- what is fetched, and how often


def test_expected_shards_are_asked_for_once(folder: Path, urls: list[str], web: Web) -> None:
    for _ in range(2):
        assert numbers(VerifiedSource(URLSource(urls), INFOS)) == list(range(12))
    assert [path for path, _ in web.seen] == [f"/{number}.tar" for number in range(4)]
    assert files(folder) == set(CIDS)


def test_others_are_asked_whether_they_are_still_the_same(
    folder: Path, urls: list[str], web: Web
) -> None:
    for _ in range(2):
        assert numbers(urls) == list(range(12))
    assert web.ranges[4:] == ["bytes=0-0"] * 4
    web.serve("/2.tar", DATA[0], headers={"ETag": '"new"'}, ranges=True)
    assert numbers(urls) == [*range(6), 0, 1, 2, 9, 10, 11]


def test_one_file_for_the_same_bytes_at_two_places(folder: Path, urls: list[str], web: Web) -> None:
    copy = web.serve("/copy.tar", DATA[0], headers={"ETag": '"c"'})
    assert numbers([urls[0], copy]) == [0, 1, 2, 0, 1, 2]
    assert files(folder) == {CIDS[0]}


def test_indistinguishable_states_are_not_kept(folder: Path, web: Web) -> None:
    url = web.serve("/a.tar", DATA[0])
    for _ in range(2):
        assert numbers(url) == [0, 1, 2]
    assert files(folder) == set()
    assert numbers(VerifiedSource(URLSource(url), [ExpectedShard(CIDS[0])])) == [0, 1, 2]
    assert files(folder) == {CIDS[0]}


def test_it_can_be_turned_off(
    urls: list[str], folder: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_CACHE", "off")
    for _ in range(2):
        assert numbers(VerifiedSource(URLSource(urls), INFOS)) == list(range(12))
    assert len(web.seen) == 8
    assert not folder.exists()


def test_its_folder_may_be_deleted_at_any_time(folder: Path, urls: list[str]) -> None:
    for _ in range(2):
        assert numbers(VerifiedSource(URLSource(urls), INFOS)) == list(range(12))
        wait_until_kept()
        shutil.rmtree(folder)


def test_samples_by_number(urls: list[str]) -> None:
    ds = Dataset[Thing](urls)
    assert [ds[0], ds[7], ds[-1]] == [things(12)[index] for index in (0, 7, 11)]


def test_objects_of_a_bucket(folder: Path, s3_server: S3Server, s3_bucket: str) -> None:
    client = s3_server.client()
    for number, data in enumerate(DATA):
        client.put_object(Bucket=s3_bucket, Key=f"{number}.tar", Body=data)
    keys = [f"{number}.tar" for number in range(4)]
    source = S3Source.from_credentials(s3_server.credentials, s3_bucket, keys)
    assert numbers(source) == list(range(12))
    assert files(folder) == set(CIDS)
    client.delete_object(Bucket=s3_bucket, Key="0.tar")
    assert numbers(VerifiedSource(source, INFOS)) == list(range(12))
    with pytest.raises(StorageError, match="NoSuchKey"):
        numbers(source)


def test_blobs(folder: Path, web: Web) -> None:
    path = f"/xrpc/com.atproto.sync.getBlob?did=did%3Aplc%3Aabc&cid={CIDS[0]}"
    web.serve(path, DATA[0])
    for _ in range(2):
        refs = [{"did": "did:plc:abc", "cid": CIDS[0]}]
        assert numbers(BlobSource(refs, web.url(""), untrusted=False)) == [0, 1, 2]
    assert len(web.seen) == 1
    assert files(folder) == {CIDS[0]}


# -- what is not kept


def test_wrong_bytes_are_not_kept(folder: Path, urls: list[str], web: Web) -> None:
    spoilt = DATA[1][:600] + b"\xff" + DATA[1][601:]
    web.serve("/1.tar", spoilt, headers={"ETag": '"1"'}, ranges=True)
    samples = iter(Dataset[Thing](VerifiedSource(URLSource(urls), INFOS)).ordered())
    assert [next(samples).number for _ in range(3)] == [0, 1, 2]
    with pytest.raises(DigestMismatch) as caught:
        next(samples)
    assert caught.value.shard == urls[1]
    assert CIDS[1] not in files(folder)
    assert not list((folder / ".new").iterdir())


def test_a_connection_that_breaks_for_good_leaves_nothing(
    folder: Path, urls: list[str], web: Web, no_waits: None
) -> None:
    web.serve("/0.tar", DATA[0], headers={"ETag": '"0"'}, cut=0, ranges=True)
    with pytest.raises(NetworkError, match="broke"):
        numbers(VerifiedSource(URLSource(urls[:1]), INFOS[:1]))
    assert files(folder) == set()


def test_a_connection_that_breaks_now_and_then_is_no_harm(
    folder: Path, urls: list[str], web: Web, no_waits: None
) -> None:
    whole = web.answers["/0.tar"]
    assert isinstance(whole, Answer)
    broken = [Answer(DATA[0], headers=whole.headers, cut=cut, ranges=True) for cut in (700, 0, 9)]
    web.serve_in_turn("/0.tar", *broken, Answer(status=503), whole)
    assert numbers(VerifiedSource(URLSource(urls), INFOS)) == list(range(12))


def test_a_cache_smaller_than_one_shard(
    folder: Path, urls: list[str], web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_CACHE_SIZE", str(len(DATA[0]) - 1))
    assert numbers(VerifiedSource(URLSource(urls), INFOS)) == list(range(12))
    assert numbers(urls) == list(range(12))
    assert files(folder) == set()
    web.serve("/3.tar", DATA[0], headers={"ETag": '"3"'})
    with pytest.raises(DigestMismatch):
        numbers(VerifiedSource(URLSource(urls), INFOS))


def test_a_cache_that_holds_one_shard_of_four(
    folder: Path, urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_CACHE_SIZE", str(len(DATA[0])))
    for _ in range(3):
        assert numbers(VerifiedSource(URLSource(urls), INFOS)) == list(range(12))
        assert len(files(folder)) == 1


@pytest.fixture
def full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of a megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
    monkeypatch.setenv("ATDATA_CACHE", str(folder / "cache"))
    yield folder / "cache"
    # What is mapped still is let go of later.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk(web: Web, full_disk: Path) -> None:
    data = [shard_bytes(600, start=start) for start in (0, 600)]
    urls = [web.serve(f"/{n}.tar", one, headers={"ETag": '"x"'}) for n, one in enumerate(data)]
    samples = iter(Dataset[Thing](urls).ordered())
    assert [next(samples).number for _ in range(600)] == list(range(600))
    with pytest.raises(StorageError, match="No space left") as caught:
        next(samples)
    assert "atdata cache prune" in (caught.value.hint or "")
    assert files(full_disk) == {cid.of_bytes(data[0])}


# -- other processes

READ = """
import sys
from atdata import Dataset, URLSource
from atdata.shards.expected import ExpectedShard
from atdata.sources.verified import VerifiedSource
from atdata.testing.samples import Thing
url, cid = sys.argv[1:]
print("began", flush=True)
source = VerifiedSource(URLSource(url), [ExpectedShard(cid)])
print([t.number for t in Dataset[Thing](source).ordered()])
"""


def reader(url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", READ, url, CIDS[0]]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_that_want_the_same_shard_fetch_it_once(urls: list[str], web: Web) -> None:
    readers = [reader(urls[0]) for _ in range(4)]
    for one in readers:
        with one:
            assert one.communicate(timeout=60)[0] == "began\n[0, 1, 2]\n"
    assert len(web.seen) == 1


def test_a_process_that_is_killed_while_it_fetches(folder: Path, web: Web) -> None:
    stuck, go_on = threading.Event(), threading.Event()

    class Slow(bytes):
        """Bytes whose second half is sent when the test says so."""

        def __getitem__(self, part: Any) -> bytes:
            stuck.set()
            go_on.wait(30)
            return bytes(self)[part]

    url = web.serve_in_turn("/a.tar", Answer(Slow(DATA[0])), Answer(DATA[0]))
    with reader(url) as victim:
        assert stuck.wait(30)
        victim.send_signal(signal.SIGKILL)
    go_on.set()
    assert not files(folder)
    with reader(url) as other:
        assert other.communicate(timeout=60)[0] == "began\n[0, 1, 2]\n"
    assert CIDS[0] in files(folder)


def test_a_reader_whose_shards_others_drop(
    folder: Path, urls: list[str], web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = user_cache()
    assert cache
    over = threading.Event()

    def drop() -> None:
        while not over.is_set():
            cache.prune(0)

    dropping = threading.Thread(target=drop)
    dropping.start()
    try:
        for _ in range(10):
            assert numbers(VerifiedSource(URLSource(urls), INFOS)) == list(range(12))
    finally:
        over.set()
        dropping.join()


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_of_a_data_loader(urls: list[str], web: Web, context: str) -> None:
    ds = Dataset[Thing](VerifiedSource(URLSource(urls), INFOS))
    loader = torch.utils.data.DataLoader(
        ds.to_torch(), num_workers=2, batch_size=None, multiprocessing_context=context
    )
    assert sorted(thing["number"] for thing in loader) == list(range(12))
    assert len(web.seen) == 4


# -- offline


def test_offline_reads_what_is_there(
    urls: list[str], web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert numbers(urls[:2]) == list(range(6))
    asked = len(web.seen)
    monkeypatch.setenv("ATDATA_OFFLINE", "1")
    assert numbers(urls[:2]) == list(range(6))
    assert numbers(VerifiedSource(URLSource(urls[:2]), INFOS[:2])) == list(range(6))
    for source in (urls, VerifiedSource(URLSource(urls), INFOS)):
        with pytest.raises(NetworkError, match="ATDATA_OFFLINE") as caught:
            numbers(source)
        assert "2.tar" in str(caught.value)
    assert len(web.seen) == asked


# -- while one is read


def test_the_next_ones_are_fetched_meanwhile(urls: list[str], web: Web) -> None:
    samples = iter(Dataset[Thing](VerifiedSource(URLSource(urls), INFOS)).ordered())
    next(samples)
    deadline = time.monotonic() + 10
    while len(web.seen) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [path for path, _ in web.seen] == ["/0.tar", "/1.tar", "/2.tar"]
    samples.close()  # type: ignore[attr-defined]


# -- settings


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20GB", 20 * 10**9),
        ("1.5 TB", 15 * 10**11),
        ("512MiB", 512 * 2**20),
        ("1000", 1000),
        ("7 kb", 7000),
        ("3g", 3 * 10**9),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1", "1XB", "1e9", "GB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(StorageError, match="is not a size"):
        parse_size(text)


def test_a_bad_limit_raises(urls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATDATA_CACHE_SIZE", "lots")
    with pytest.raises(StorageError, match="lots"):
        numbers(urls)


def test_the_folder_follows_the_xdg_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_path() == tmp_path / "atdata" / "shards"
