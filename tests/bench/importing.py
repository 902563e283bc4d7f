"""Importing, beside writing the same samples that are ready in memory.

    nox -s bench -- importing

Numbers are samples/s, the best of three passes that take turns, in one process; the last column is
with all cores. The floor is ``write_shards`` alone: what is not reading.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

import atdata
from atdata.engines.local import LocalEngine

ROUNDS = 3


def digits(count: int) -> pa.Table:
    pixels = pa.array(np.random.default_rng(0).integers(0, 256, count * 784, np.uint8))
    image = pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(pixels, 28), 28)
    return pa.table({"image": image, "label": pa.array(np.arange(count) % 10)})


def words(count: int) -> pa.Table:
    random = Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz      "
    text = ["".join(random.choices(letters, k=300)) for _ in range(count)]
    numbers = np.random.default_rng(0).random((count, 2))
    return pa.table({"text": text, "x": numbers[:, 0], "y": numbers[:, 1]})


def pictures(count: int) -> pa.Table:
    noise = np.random.default_rng(0).bytes(20_000)
    cells = [{"bytes": b"\x89PNG\r\n\x1a\n%9d" % n + noise, "path": None} for n in range(count)]
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.table({"image": pa.array(cells, struct), "label": pa.array(np.arange(count))})


def write_parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, row_group_size=10_000)


WORKLOADS: dict[str, tuple[Callable[[int], pa.Table], int, str, Callable[[Any, Path], Any]]] = {
    "Parquet, arrays of 28 x 28": (digits, 60_000, "a.parquet", write_parquet),
    "Parquet, text and numbers": (words, 60_000, "a.parquet", write_parquet),
    "Parquet, images of 20 KB": (pictures, 6_000, "a.parquet", write_parquet),
    "CSV, text and numbers": (words, 60_000, "a.csv", arrow_csv.write_csv),
}


def rate(count: int, work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def measure(source: Path, count: int) -> dict[str, float]:
    best: dict[str, float] = {}
    output = source.with_name("out")

    def take(name: str, engine: LocalEngine) -> None:
        found = rate(
            count, lambda: atdata.import_dataset(source, output, engine=engine, overwrite=True)
        )
        best[name] = max(found, best.get(name, 0))

    take("import", LocalEngine(1))
    samples = list(atdata.load_dataset(output, split="train").ordered())
    for _ in range(ROUNDS):
        floor = rate(count, lambda: atdata.write_shards(samples, output, overwrite=True))
        best["write_shards"] = max(floor, best.get("write_shards", 0))
        take("import", LocalEngine(1))
        take("import, all cores", LocalEngine())
    return best


def main() -> None:
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    print(f"{'':28}{'write_shards':>14}{'import':>10}{'':>6}{'all cores':>12}")
    for name, (make, count, file, write) in WORKLOADS.items():
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / file
            count = max(1, int(count * share))
            write(make(count), source)
            best = measure(source, count)
            ratio = best["import"] / best["write_shards"]
            print(
                f"{name:28}{best['write_shards']:>14,.0f}{best['import']:>10,.0f}"
                f"{ratio:>6.2f}{best['import, all cores']:>12,.0f}"
            )


if __name__ == "__main__":
    main()
