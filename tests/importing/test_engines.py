"""Every engine writes the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

import atdata
from atdata.engines import engine
from atdata.errors import SampleError

pytestmark = pytest.mark.xdist_group("ray")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A Ray cluster on this machine, with two cores."""
    if not ray.is_initialized():
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


def write_table(path: Path, rows: int) -> None:
    cells: Any = [{"x": number, "names": [str(number)]} for number in range(rows)]
    waves = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(rows * 4, dtype=np.float32)), 4)
    pq.write_table(pa.table({"cell": cells, "wave": waves}), path, row_group_size=100)


def test_ray_and_local_processes_write_the_same_bytes(cluster: None, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_table(tmp_path / "in" / "train.parquet", 1_000)
    write_table(tmp_path / "in" / "test.parquet", 250)
    for name, engines in {
        "one": engine("local", processes=1),
        "two": engine("local", processes=2),
        "ray": engine("ray"),
    }.items():
        found = atdata.import_dataset(
            tmp_path / "in", tmp_path / name, name="a", maxcount=150, engine=engines
        )
        assert len(found.splits["train"]) == 1_000
    assert contents(tmp_path / "one") == contents(tmp_path / "two") == contents(tmp_path / "ray")


def test_a_value_that_is_refused_on_ray_is_named(cluster: None, tmp_path: Path) -> None:
    times = pa.array([1_000] * 50 + [1_001], pa.timestamp("ns"))
    pq.write_table(pa.table({"at": times}), tmp_path / "a.parquet", row_group_size=10)
    with pytest.raises(SampleError, match="row 50, column 'at'"):
        atdata.import_dataset(tmp_path / "a.parquet", tmp_path / "out", engine=engine("ray"))
    assert not list(tmp_path.glob(".atdata-import-*"))
