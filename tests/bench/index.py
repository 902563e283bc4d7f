"""How fast the local index is: SQLite and Redis side by side, at several sizes.

Run it on its own: ``python tests/bench/index.py [SIZE ...]``. It measures the public methods of
``LocalIndex``, validation included, and asserts nothing: times depend on the machine.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import atdata
from atdata.local import LocalIndex
from atdata.local.redis import redis_client
from servers.valkey import valkey_server

SIZES = (1_000, 10_000, 100_000)
LOOKUPS = 2_000
COLUMNS = ("entries", "database", "insert/s", "name p50", "name p95", "cid p50", "cid p95",
           "list/s", "list peak")  # fmt: skip


@atdata.packable
class Sample:
    """Any sample type."""

    number: int


def main(sizes: list[int]) -> None:
    print("  ".join(f"{column:>10}" for column in COLUMNS))
    with valkey_server() as url, tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            with LocalIndex(path=Path(folder) / f"{size}.db") as index:
                show(size, "SQLite", measure(index, size))
            with redis_client(url) as client, LocalIndex(redis=client, check_places=False) as index:
                client.flushall()
                show(size, "Redis", measure(index, size))


def measure(index: LocalIndex, size: int) -> list[str]:
    """Fill an index and measure it."""
    ref = index.publish_schema(Sample)
    names = [f"dataset-{number:06d}" for number in range(size)]
    random.Random(0).shuffle(names)
    start = time.perf_counter()
    for name in names:
        ds = atdata.Dataset[Sample](f"s3://bucket/{name}/{{000000..000099}}.tar")
        index.insert_dataset(ds, name=name, schema_ref=ref, metadata={"rate": 0.5, "lab": name})
    inserted = size / (time.perf_counter() - start)
    chosen = random.Random(1).choices(names, k=LOOKUPS)
    cids = [index.get_dataset(name).cid for name in chosen]
    start = time.perf_counter()
    assert sum(1 for _ in index.datasets) == size
    listed = size / (time.perf_counter() - start)
    times = [*percentiles(index.get_dataset, chosen), *percentiles(index.get_entry, cids)]
    shown = [f"{1000 * one:.3f} ms" for one in times]
    return [f"{inserted:,.0f}", *shown, f"{listed:,.0f}", f"{peak(index) / 2**20:.1f} MiB"]


def percentiles(find: Callable[[str], Any], keys: list[str]) -> tuple[float, float]:
    """Median and 95th percentile of a look-up, in seconds."""
    times = []
    for key in keys:
        start = time.perf_counter()
        find(key)
        times.append(time.perf_counter() - start)
    cuts = statistics.quantiles(times, n=20)
    return cuts[9], cuts[18]


def peak(index: LocalIndex) -> int:
    """Bytes that Python holds at most while all entries are listed."""
    tracemalloc.start()
    for _ in index.datasets:
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def show(size: int, database: str, values: list[str]) -> None:
    print("  ".join(f"{value:>10}" for value in (f"{size:,}", database, *values)), flush=True)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(SIZES))
