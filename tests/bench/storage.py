"""Reading from S3 through the cache: cold against boto3's own transfer, warm against local files.

    python tests/bench/storage.py [megabytes]      1000 by default

A real S3 server on this machine serves the shards; both ways run in turn, in one process, each
into an empty folder of one disk. Samples are images of 224 by 224 by 3 bytes.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

import atdata
from atdata.cache.keeping import wait_until_kept
from atdata.local import S3DataStore
from atdata.shards.info import WrittenShards
from atdata.sources import URLSource, VerifiedSource
from servers.s3 import S3Server, s3_server

ROUNDS = 5
SHARD = 64 * 10**6


@atdata.packable
class Picture(atdata.PackableSample):
    """An image.

    Attributes:
        pixels: Shape (224, 224, 3).
        label: What it shows.
    """

    pixels: NDArray[np.uint8]
    label: int


def pictures(megabytes: int) -> Iterator[Picture]:
    random = np.random.default_rng(1)
    for label in range(megabytes * 10**6 // (224 * 224 * 3)):
        yield Picture(random.integers(0, 256, (224, 224, 3), np.uint8), label)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def read(urls: WrittenShards) -> int:
    """Every sample, verified."""
    ds = atdata.Dataset[Picture](VerifiedSource(URLSource(urls), urls.shards))
    return sum(1 for _ in ds.ordered())


def first_batch(urls: WrittenShards) -> None:
    ds = atdata.Dataset[Picture](VerifiedSource(URLSource(urls), urls.shards))
    next(iter(ds.ordered(batch_size=32)))


def transfer(server: S3Server, bucket: str, urls: Sequence[str], folder: Path) -> None:
    """What boto3 does by itself: no digest is checked, nothing is read."""
    client: Any = server.client()
    for number, url in enumerate(urls):
        key = url.removeprefix(f"s3://{bucket}/")
        client.download_file(bucket, key, str(folder / f"{number}.tar"))


def transfer_synced(server: S3Server, bucket: str, urls: Sequence[str], folder: Path) -> None:
    """The same, and brought to the disk, which the cache has to do too."""
    transfer(server, bucket, urls, folder)
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def emptied(folder: Path) -> Path:
    wait_until_kept()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    os.sync()
    return folder


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as name, s3_server() as server:
        folder = Path(name)
        os.environ["ATDATA_CACHE"] = str(folder / "cache")
        local = atdata.write_shards(pictures(megabytes), folder / "local", maxsize=SHARD)
        bucket = server.new_bucket()
        urls = S3DataStore(server.credentials, bucket=bucket).copy_shards(local.source, prefix="b")
        size = sum(shard.size for shard in urls.shards)
        print(f"{size / 1e6:,.0f} MB in {len(urls)} shards, median of {ROUNDS} rounds")
        compare(server, bucket, urls, list(local.list_shards()), folder, size)


def compare(
    server: S3Server, bucket: str, urls: WrittenShards, paths: list[str], folder: Path, size: int
) -> None:
    times: dict[str, list[float]] = {}

    def take(name: str, work: Callable[[], object]) -> None:
        times.setdefault(name, []).append(seconds(work))

    here = WrittenShards(tuple(paths), urls.shards)
    for _ in range(ROUNDS):
        other = emptied(folder / "boto3")
        take("boto3 download_file", lambda: transfer(server, bucket, urls, other))  # noqa: B023
        other = emptied(folder / "boto3")
        take("boto3, synced", lambda: transfer_synced(server, bucket, urls, other))  # noqa: B023
        emptied(folder / "boto3")
        emptied(folder / "cache")
        take("cold, through the cache", lambda: read(urls))
        for _ in range(3):
            take("warm, through the cache", lambda: read(urls))
            take("local files", lambda: sum(1 for _ in atdata.Dataset[Picture](paths).ordered()))
        emptied(folder / "cache")
        take("first batch, cold", lambda: first_batch(urls))
        take("first batch, warm", lambda: first_batch(urls[:1]))
    print(f"(verified local files are hashed once: {seconds(lambda: read(here)):.2f} s)")
    middle = {name: statistics.median(found) for name, found in times.items()}
    for name, found in middle.items():
        speed = "" if name.startswith("first") else f"{size / found / 1e6:8,.0f} MB/s"
        print(f"{name:26}{found:8.3f} s {speed}")
    cold = middle["boto3 download_file"] / middle["cold, through the cache"]
    warm = middle["local files"] / middle["warm, through the cache"]
    synced = middle["boto3, synced"] / middle["cold, through the cache"]
    print(f"cold read {cold:.2f} x boto3 (0.9 wanted), {synced:.2f} x boto3 synced")
    print(f"warm read {warm:.2f} x local files (0.95 wanted)")


if __name__ == "__main__":
    main()
