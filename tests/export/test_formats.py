from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pyarrow
import pyarrow.parquet
import pytest
from numpy.typing import NDArray

import atdata
from atdata import DictSample
from atdata.errors import SampleError, StorageError


@atdata.packable
class Row:
    image: NDArray[np.uint8]
    signal: NDArray[np.float32]
    ragged: NDArray
    odd: NDArray
    gap: NDArray | None
    number: int
    text: str | None
    day: date
    tags: list[str]


def row(n: int) -> Row:
    return Row(
        np.full((2, 3), n, np.uint8),
        np.arange(n % 4, dtype=np.float32),
        np.full((1 + n % 2, 2), n, ">i2"),
        np.full(2, n, np.complex64),
        np.ones((2, 2)) if n % 2 else None,
        n,
        None if n % 3 else f"<{n}>",
        date(2026, 1, 1 + n % 28),
        [str(n)],
    )


@pytest.fixture
def ds(tmp_path: Path) -> atdata.Dataset[Row]:
    return atdata.write_shards(map(row, range(10)), tmp_path / "rows", maxcount=4)


def test_columns_keep_values_shapes_and_dtypes(ds: atdata.Dataset[Row]) -> None:
    table = ds.to_arrow()
    assert table.num_rows == 10
    images = table.column("image").combine_chunks().to_numpy_ndarray()
    assert (images.shape, images.dtype) == ((10, 2, 3), np.uint8)
    for n, found in enumerate(table.drop_columns(["image"]).to_pylist()):
        wanted = row(n)
        assert found["signal"] == wanted.signal.tolist()
        assert found["ragged"] == {
            "data": wanted.ragged.ravel().tolist(),
            "shape": list(wanted.ragged.shape),
        }
        assert found["odd"].startswith(b"\x93NUMPY")
        assert (found["gap"] is None) == (wanted.gap is None)
        assert (found["number"], found["text"]) == (n, wanted.text)
        assert (found["day"], found["tags"]) == (wanted.day, wanted.tags)
    assert table.schema.field("ragged").metadata[b"atdata.dtype"] == b">i2"


def test_a_dict_has_a_list_of_values_for_each_field(ds: atdata.Dataset[Row]) -> None:
    samples = list(ds)
    columns = ds.to_dict()
    assert list(columns) == ds.column_names
    for name, values in columns.items():
        assert all(
            one is other or np.array_equal(one, other)
            for one, other in zip(values, [getattr(s, name) for s in samples], strict=True)
        )
    assert {len(values) for values in ds.to_dict(limit=3).values()} == {3}


def test_samples_without_a_type_may_lack_fields(tmp_path: Path) -> None:
    samples = [DictSample(a=1), DictSample(b=2), DictSample(a=3, b=4)]
    ds = atdata.write_samples(samples, tmp_path / "a.tar")
    assert ds.to_dict() == {"a": [1, None, 3], "b": [None, 2, 4]}
    assert ds.to_dict(limit=0) == {}


def test_pandas_has_arrays_and_polars_has_array_columns(ds: atdata.Dataset[Row]) -> None:
    frame = ds.to_pandas()
    assert frame["image"][3].tolist() == row(3).image.tolist()
    assert frame["signal"][3].tolist() == row(3).signal.tolist()
    other = ds.to_polars()
    assert other.schema["image"] == polars.Array(polars.UInt8, (2, 3))
    assert other["image"].to_numpy()[3].tolist() == row(3).image.tolist()


@pytest.mark.parametrize(
    ("maxcount", "rows"), [(None, [10]), (3, [3, 3, 3, 1]), (5, [5, 5]), (10, [10]), (11, [10])]
)
def test_parquet_files_are_cut(
    ds: atdata.Dataset[Row], tmp_path: Path, maxcount: int | None, rows: list[int]
) -> None:
    paths = ds.to_parquet(tmp_path / "out.parquet", maxcount=maxcount)
    assert [pyarrow.parquet.read_metadata(path).num_rows for path in paths] == rows
    names = [f"out-{n:06d}.parquet" if maxcount else "out.parquet" for n in range(len(rows))]
    assert sorted(path.name for path in tmp_path.glob("*.parquet")) == names
    table = pyarrow.concat_tables(map(pyarrow.parquet.read_table, paths))
    assert table.column("number").to_pylist() == list(range(10))


def test_a_file_may_be_larger_than_a_batch(tmp_path: Path) -> None:
    samples = (atdata.DictSample(n=n) for n in range(5000))
    typed: Any = (Number(sample.n) for sample in samples)
    ds = atdata.write_shards(typed, tmp_path / "many")
    paths = ds.to_parquet(tmp_path / "many.parquet", maxcount=2500)
    assert [pyarrow.parquet.read_metadata(path).num_rows for path in paths] == [2500, 2500]


@atdata.packable
class Number:
    n: int


@atdata.packable
class Signal:
    values: NDArray[np.float32]
    n: int


def test_a_map_makes_the_rows(ds: atdata.Dataset[Row], tmp_path: Path) -> None:
    (path,) = ds.to_parquet(tmp_path / "o.parquet", sample_map=lambda one: {"n": one.number})
    assert pyarrow.parquet.read_table(path).to_pydict() == {"n": list(range(10))}


def test_a_column_that_changes_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    @atdata.packable
    class Any3:
        a: NDArray

    shapes = [(2, 2)] * 1024 + [(3, 3)]
    ds = atdata.write_shards((Any3(np.zeros(shape)) for shape in shapes), tmp_path / "x")
    with pytest.raises(SampleError, match="column 'a'"):
        ds.to_parquet(tmp_path / "o.parquet")
    with pytest.raises(StorageError, match="can't be written"):
        ds.to_parquet(tmp_path / "missing" / "o.parquet")
    assert not list(tmp_path.glob("*parquet*"))


# Without pyarrow, and with little memory

_WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None
import atdata
from atdata.errors import MissingExtra
try:
    getattr(atdata.Dataset(sys.argv[2]), sys.argv[3])(*sys.argv[4:])
except MissingExtra as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("package", "method", "extra"),
    [
        ("pyarrow", "to_parquet", "arrow"),
        ("pyarrow", "to_arrow", "arrow"),
        ("pyarrow", "to_pandas", "arrow"),
        ("pandas", "to_pandas", "pandas"),
        ("polars", "to_polars", "polars"),
    ],
)
def test_what_is_missing_is_named(
    ds: atdata.Dataset[Row], tmp_path: Path, package: str, method: str, extra: str
) -> None:
    arguments = [str(tmp_path / "out.parquet")] if method == "to_parquet" else []
    answer = run(_WITHOUT, package, ds.list_shards()[0], method, *arguments)
    assert f"the package {package!r}" in answer
    assert f"pip install 'atdata-sdk[{extra}]'" in answer


_MEMORY = """
import sys, tracemalloc
import pyarrow, pyarrow.parquet
import atdata
tracemalloc.start()
atdata.Dataset(sys.argv[1]).to_parquet(sys.argv[2], maxcount=int(sys.argv[3]) or None)
print(tracemalloc.get_traced_memory()[1], pyarrow.default_memory_pool().max_memory())
"""


@pytest.mark.parametrize("maxcount", [0, 3000])
def test_memory_does_not_grow_with_the_dataset(tmp_path: Path, maxcount: int) -> None:
    peaks = []
    for number, count in enumerate((3000, 30_000)):
        signals = (Signal(np.full(200, n, np.float32), n) for n in range(count))
        shard = atdata.write_shards(signals, tmp_path / f"{count}", maxcount=count).shard_list[0]
        out = tmp_path / f"{number}.parquet"
        peaks.append([int(n) for n in run(_MEMORY, shard, str(out), str(maxcount)).split()])
    for small, large in zip(*peaks, strict=True):
        assert large < 1.1 * small + 200_000


def run(code: str, *arguments: str) -> str:
    """What a new process prints."""
    answer = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return answer.stdout


def test_what_a_killed_export_left_is_removed_by_the_next(
    ds: atdata.Dataset[Row], tmp_path: Path
) -> None:
    left = tmp_path / ".atdata-export-0"
    left.mkdir()
    (left / "out.parquet").write_bytes(b"half")
    left.with_name(".atdata-export-0.lock").touch()
    ds.to_parquet(tmp_path / "out.parquet")
    assert not list(tmp_path.glob(".atdata*"))


def test_one_file_can_be_exported_by_two_threads_at_once(
    ds: atdata.Dataset[Row], tmp_path: Path
) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(ds.to_parquet, tmp_path / "o.parquet") for _ in range(12)]:
            assert done.result() == [tmp_path / "o.parquet"]
    assert pyarrow.parquet.read_metadata(tmp_path / "o.parquet").num_rows == 10
