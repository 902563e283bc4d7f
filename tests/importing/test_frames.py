from __future__ import annotations

import pickle
from datetime import datetime
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.datasets import load_iris

from atdata.errors import SampleError, SchemaError
from atdata.importing import frames
from atdata.importing.run import import_dataset
from importing.tables import annotations_of, rows_of, samples_of


def iris() -> Any:
    frame = load_iris(as_frame=True).frame
    frame["name"] = [f"flower {n}" for n in range(len(frame))]
    return frame


def test_pandas_frame_comes_back_equal(tmp_path: Path) -> None:
    source = iris()
    (dataset,) = import_dataset(source, tmp_path / "iris").splits.values()
    again = dataset.to_pandas()
    assert again["name"].tolist() == source["name"].tolist()
    assert np.array_equal(again["sepal_length_cm"], source["sepal length (cm)"])


def test_polars_frame_comes_back_equal(tmp_path: Path) -> None:
    source = pl.from_pandas(iris()).rename(lambda name: name.replace(" (cm)", "").replace(" ", "_"))
    (dataset,) = import_dataset(source, tmp_path / "iris").splits.values()
    assert dataset.to_polars().equals(source)


def test_pyarrow_table_is_read_in_parts(monkeypatch: Any) -> None:
    monkeypatch.setattr("atdata.importing.frames._PART", 200)
    table = frames.read(pa.table({"x": list(range(100)), "y": ["a"] * 100}))
    assert len(table.splits[""]) > 1
    assert rows_of(table) == [(x, "a") for x in range(100)]


def test_part_is_pickled_without_the_rest_of_the_table(monkeypatch: Any) -> None:
    monkeypatch.setattr("atdata.importing.frames._PART", 1000)
    parts = frames.read(pa.table({"x": np.arange(100_000)})).splits[""]
    assert len(pickle.dumps(parts[0])) < 5000


def test_missing_values_make_fields_optional() -> None:
    frame = pd.DataFrame({"a": [1.5, None], "b": ["x", None], "c": [1, 2]})
    frame["kind"] = pd.Categorical(["u", "v"])
    frame["time"] = pd.to_datetime(["2026-01-02", "2026-01-03"])
    table = frames.read(frame)
    known = annotations_of(table)
    assert (known["a"], known["b"]) == (Optional[float], Optional[str])  # noqa: UP045
    assert (known["c"], known["kind"], known["time"]) == (int, str, datetime)
    second = samples_of(table)[1]
    assert (second.a, second.b, second.c, second.kind) == (None, None, 2, "v")
    assert np.isnan(rows_of(frames.read(pl.DataFrame({"a": [float("nan")]})))[0][0])


def test_index_with_a_name_is_a_column() -> None:
    frame = pd.DataFrame({"x": [1, 2]}, index=pd.Index(["a", "b"], name="key"))
    assert set(annotations_of(frames.read(frame))) == {"x", "key"}
    assert set(annotations_of(frames.read(pd.DataFrame({"x": [1]}, index=[7])))) == {"x"}


def test_column_of_several_types_is_refused_with_its_name() -> None:
    with pytest.raises(SampleError, match="column mixed"):
        frames.read(pd.DataFrame({"mixed": [1, "a", {}]}))


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(SchemaError, match="two columns are called 'x'"):
        frames.read(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["x", "x"]))


def test_value_that_can_not_be_held_is_named() -> None:
    exact = np.array(["2026-01-02", "2026-01-02T00:00:00.000000001"], "M8[ns]")
    table = frames.read(pd.DataFrame({"time": exact}))
    with pytest.raises(SampleError, match="row 1, column 'time'"):
        rows_of(table)


def test_accepts_frames_only() -> None:
    assert frames.accepts(pd.DataFrame())
    assert frames.accepts(pl.DataFrame())
    assert frames.accepts(pa.table({}))
    assert not frames.accepts(pd.Series([1]))
    assert not frames.accepts(Path("a.csv"))
