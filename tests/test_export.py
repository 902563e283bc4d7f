from __future__ import annotations

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


def test_html_and_repr_escape_and_keep_secrets(tmp_path: Path) -> None:
    from atdata.local import LocalDatasetEntry

    url = "https://user:hunter2@example.com/a.tar?X-Amz-Signature=hunter2"
    entry = LocalDatasetEntry("<script>x</script>", "atdata://local/sampleSchema/A@1.0.0", [url])
    dataset = atdata.Dataset[Row](url)
    for shown in (repr(entry), entry._repr_html_(), repr(dataset), dataset._repr_html_()):
        assert "hunter2" not in shown
        assert "example.com/a.tar" in shown
    assert "<script" not in entry._repr_html_()
