"""How fast datasets are verified, beside what it can't be faster than: ``python lifecycle.py``.

Every row is the best of three runs over the same files, in one process unless it says otherwise.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import webdataset as wds
from numpy.typing import NDArray

import atdata
from atdata.engines import engine
from atdata.lifecycle import verify

RUNS = 3


@atdata.packable
class Image(atdata.PackableSample):
    pixels: NDArray[np.uint8]
    label: int


@atdata.packable
class Feature(atdata.PackableSample):
    values: NDArray[np.float32]
    label: int


def best(work: Callable[[], Any]) -> float:
    """Seconds of the fastest run."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def hash_alone(root: Path) -> None:
    for shard in sorted(root.glob("*.tar")):
        with shard.open("rb") as file:
            hashlib.file_digest(file, "sha256")


def plain_loop(root: Path) -> int:
    """What users write: webdataset, msgpack, np.load."""
    count = 0
    urls = [str(shard) for shard in sorted(root.glob("*.tar"))]
    for item in wds.WebDataset(urls, shardshuffle=False, empty_check=False):
        sample = msgpack.unpackb(item["msgpack"])
        np.load(io.BytesIO(sample["values"]), allow_pickle=False)
        count += 1
    return count


def main() -> None:
    warnings.simplefilter("ignore", ResourceWarning)
    one, two = engine("local", processes=1), engine("local", processes=2)
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder, "large"), Path(folder, "small")
        pixels = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
        atdata.write_shards((Image(pixels, n) for n in range(3_000)), large, maxcount=500)
        values = np.arange(128, dtype=np.float32)
        atdata.write_shards((Feature(values, n) for n in range(40_000)), small, maxcount=10_000)
        size = sum(shard.stat().st_size for shard in large.glob("*.tar")) / 1e6

        floor = best(lambda: hash_alone(large))
        ours = best(lambda: verify(large, engine=one))
        both = best(lambda: verify(large, engine=two))
        print(f"large samples, {size:.0f} MB")
        print(f"  hashlib.sha256 alone        {size / floor:8.0f} MB/s")
        print(f"  verify, 1 process           {size / ours:8.0f} MB/s  {floor / ours:.2f} x")
        print(f"  verify, 2 processes         {size / both:8.0f} MB/s  {ours / both:.2f} x of one")

        loop = best(lambda: plain_loop(small))
        deep = best(lambda: verify(small, deep=True, engine=one))
        pair = best(lambda: verify(small, deep=True, engine=two))
        print("small samples, 40,000")
        print(f"  webdataset+msgpack+np.load  {40_000 / loop:8.0f} /s")
        print(f"  verify --deep, 1 process    {40_000 / deep:8.0f} /s  {loop / deep:.1f} x")
        print(f"  verify --deep, 2 processes  {40_000 / pair:8.0f} /s  {deep / pair:.2f} x of one")


if __name__ == "__main__":
    main()
