from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import is_dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Optional

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import atdata
from atdata.engines.local import LocalEngine
from atdata.errors import SampleError, SchemaError
from atdata.importing.run import Imported, import_dataset
from atdata.samples.plain import same

HERE = LocalEngine(1)
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


def write_stream(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_stream(path, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=3):
            writer.write_batch(batch)


WRITERS: dict[str, Callable[[pa.Table, Path], Any]] = {
    "a.parquet": lambda table, path: pq.write_table(table, path, row_group_size=3),
    "a.pq": lambda table, path: pq.write_table(table, path, write_statistics=False),
    "a.feather": lambda table, path: feather.write_feather(table, path, chunksize=3),
    "a.arrow": write_stream,
}


def imported(table: pa.Table, folder: Path, name: str = "a.parquet", **options: Any) -> Imported:
    WRITERS[name](table, folder / name)
    return import_dataset(folder / name, folder / "out", engine=HERE, **options)


def values(found: Imported, field: str) -> list[Any]:
    return [getattr(sample, field) for sample in found.splits[""].ordered()]


@pytest.mark.parametrize("name", WRITERS)
def test_tensors_that_state_their_order_are_arrays(name: str, tmp_path: Path) -> None:
    """As pyarrow makes them of arrays: a permutation that moves no axis."""
    arrays = np.arange(24, dtype=np.int16).reshape(4, 2, 3)
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(arrays)
    found = imported(pa.table({"x": tensors}), tmp_path, name)
    assert np.array_equal(values(found, "x"), arrays)


def test_tensors_of_another_order_are_refused(tmp_path: Path) -> None:
    arrays = np.arange(24, dtype=np.int16).reshape(4, 2, 3).transpose(0, 2, 1)
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(arrays)
    with pytest.raises(SchemaError, match="row-major"):
        imported(pa.table({"x": tensors}), tmp_path)


def of_types() -> pa.Table:
    zone = timezone(timedelta(hours=2))
    struct = pa.struct([("x", pa.float64()), ("class", pa.list_(pa.int8()))])
    return pa.table(
        {
            "bool": pa.array([True, False, True, True]),
            "small": pa.array([1, -2, 3, 4], pa.int8()),
            "big": pa.array([1, 2**64 - 1, 3, 4], pa.uint64()),
            "half": pa.array(np.array([1, 2, 3, 4], np.float16)),
            "float": pa.array([0.5, float("inf"), 3, 4], pa.float32()),
            "text": pa.array(["a", "", "ü\0", "d"]),
            "large": pa.array(["a", "b", "c", None], pa.large_string()),
            "raw": pa.array([b"\xff", b"", b"c", b"d"]),
            "fixed": pa.array([b"ab", b"cd", b"ef", b"gh"], pa.binary(2)),
            "word": pa.array(["x", "y", "x", None]).dictionary_encode(),
            "day": pa.array([date(2026, 1, 31)] * 4),
            "time": pa.array([datetime(2026, 1, 31, 12, 30, 15, 5)] * 4, pa.timestamp("ns")),
            "zoned": pa.array(
                [datetime(2026, 1, 31, 12, tzinfo=zone)] * 4, pa.timestamp("s", "Europe/Berlin")
            ),
            "list": pa.array([[1, 2], [], [3], [4]], pa.list_(pa.int32())),
            "gaps": pa.array([[1, None], None, [], [4]], pa.list_(pa.int32())),
            "pair": pa.array([[1, 2], [3, 4], [5, 6], [7, 8]], pa.list_(pa.float32(), 2)),
            "maybe_pair": pa.array([[1, 2], None, [5, 6], [7, 8]], pa.list_(pa.int16(), 2)),
            "matrix": pa.array([[[1, 2, 3], [4, 5, 6]]] * 4, pa.list_(pa.list_(pa.int16(), 3), 2)),
            "map": pa.array([[("a", 1)], [], [("b", 2), ("c", 3)], []], pa.map_("string", "int8")),
            "place": pa.array(
                [{"x": 1.5, "class": [1]}, None, {"x": 2, "class": []}, None], struct
            ),
            "none": pa.nulls(4),
        }
    )


@pytest.mark.parametrize("name", WRITERS)
def test_types_become_fields_and_values_stay(tmp_path: Path, name: str) -> None:
    table = of_types()
    found = imported(table, tmp_path, name)
    samples = list(found.splits[""].ordered())
    assert len(samples) == 4
    annotations = found.splits[""].schema
    assert annotations["big"] is int
    assert annotations["large"] == Optional[str]  # noqa: UP045
    assert annotations["text"] is str
    assert annotations["gaps"] == Optional[list[Optional[int]]]  # noqa: UP045
    assert annotations["pair"] == np.ndarray[tuple[Literal[2]], np.dtype[np.float32]]
    assert annotations["none"] is Any
    plain = ("bool", "small", "big", "half", "float", "text", "large", "raw", "fixed", "word")
    for field in (*plain, "day", "time", "list", "gaps", "none"):
        expected = table[field].to_pylist()
        if field == "time":
            expected = [datetime(2026, 1, 31, 12, 30, 15, 5)] * 4
        assert values(found, field) == expected
    assert values(found, "zoned")[0] == datetime(2026, 1, 31, 10, tzinfo=timezone.utc)  # noqa: UP017
    assert same(samples[0].matrix, np.array([[1, 2, 3], [4, 5, 6]], np.int16))
    assert same(samples[2].maybe_pair, np.array([5, 6], np.int16))
    assert samples[1].maybe_pair is None
    assert values(found, "map") == [{"a": 1}, {}, {"b": 2, "c": 3}, {}]
    assert samples[1].place is None
    assert samples[0].place.class_ == [1]
    assert type(samples[0].place).__name__ == "Place"


def test_what_atdata_exports_comes_back_equal(tmp_path: Path) -> None:
    @atdata.packable
    class Signal:
        name: str
        wave: np.ndarray[tuple[int], np.dtype[np.float32]]
        image: np.ndarray[tuple[Literal[2], Literal[3]], np.dtype[np.uint8]]
        ragged: np.ndarray[tuple[int, int], np.dtype[np.int16]]

    samples = [
        Signal(
            str(number),
            np.arange(number, dtype=np.float32),
            np.full((2, 3), number, np.uint8),
            np.ones((number, 2), np.int16),
        )
        for number in range(5)
    ]
    atdata.write_shards(samples, tmp_path / "in").to_parquet(tmp_path / "a.parquet")
    found = import_dataset(next(tmp_path.glob("a*.parquet")), tmp_path / "out", engine=HERE)
    for before, after in zip(samples, found.splits[""].ordered(), strict=True):
        for field in ("name", "wave", "image", "ragged"):
            assert same(getattr(before, field), getattr(after, field))


@pytest.mark.parametrize("noted", [True, False])
def test_images_as_hugging_face_stores_them_become_images(tmp_path: Path, noted: bool) -> None:
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = [None, {"bytes": PNG, "path": "a.png"}, {"bytes": PNG, "path": None}]
    table = pa.table({"image": pa.array(cells, struct)})
    if noted:
        features = {"info": {"features": {"image": {"_type": "Image"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    found = imported(table, tmp_path)
    assert values(found, "image") == [None, atdata.Image(PNG), atdata.Image(PNG)]


def test_an_image_that_is_only_named_is_refused(tmp_path: Path) -> None:
    cells = [{"bytes": PNG, "path": None}, {"bytes": None, "path": "b.png"}]
    with pytest.raises(SampleError, match=r"row 1, column 'image': the file 'b\.png'"):
        imported(pa.table({"image": cells}), tmp_path)


@pytest.mark.parametrize(
    "array",
    [
        pa.array([Decimal("1.5")]),
        pa.array([timedelta(1)]),
        pa.array([1], pa.time32("s")),
        pa.array([{"a": Decimal("1.5")}]),
        pa.array([[(1, 2)]], pa.map_(pa.int8(), pa.int8())),
    ],
    ids=lambda array: str(array.type),
)
def test_types_that_samples_cannot_hold_are_refused_by_column(
    tmp_path: Path, array: pa.Array
) -> None:
    with pytest.raises(SchemaError, match="the column 'odd"):
        imported(pa.table({"odd": array}), tmp_path)


def test_values_that_do_not_fit_are_refused_by_row_and_column(tmp_path: Path) -> None:
    times = pa.array([1_000, 1_001], pa.timestamp("ns"))
    with pytest.raises(SampleError, match="row 1, column 'at'"):
        imported(pa.table({"n": [1, 2], "at": times}), tmp_path)
    text = pa.array([b"a", b"b", b"\xff"]).cast(pa.binary()).view(pa.string())
    with pytest.raises(SampleError, match="row 2, column 'text'"):
        imported(pa.table({"text": text}), tmp_path)


def test_files_that_are_not_sound_are_named(tmp_path: Path) -> None:
    pq.write_table(of_types(), tmp_path / "a.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    for name, bad in (("cut.parquet", data[:-9]), ("b.arrow", data), ("c.feather", b"")):
        (tmp_path / name).write_bytes(bad)
        with pytest.raises(SampleError, match="not sound"):
            import_dataset(tmp_path / name, tmp_path / "out", engine=HERE)


def test_damaged_offsets_are_refused_before_they_are_followed(tmp_path: Path) -> None:
    batch = pa.record_batch({"text": pa.array(["a", "b", "c"])})
    offsets = pa.array([0, 1, 10**9, 3], pa.int32()).buffers()[1]
    text = pa.StringArray.from_buffers(3, offsets, batch["text"].buffers()[2])
    table = pa.table({"text": text})
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(SampleError, match=r"not sound Arrow.*offset"):
        import_dataset(tmp_path / "a.arrow", tmp_path / "out", engine=HERE)


@pytest.mark.parametrize("kind", [b"\x15\0\x19", b"\x15\x0e\x19"])
def test_columns_of_damaged_types_are_refused(tmp_path: Path, kind: bytes) -> None:
    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "a.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    assert data.count(b"\x15\x0c\x19") == 1  # the type of a chunk's values: bytes
    (tmp_path / "a.parquet").write_bytes(data.replace(b"\x15\x0c\x19", kind))
    with pytest.raises(SampleError, match="not sound Parquet"):
        import_dataset(tmp_path / "a.parquet", tmp_path / "out", engine=HERE)


def test_names_that_are_not_unicode_are_refused(tmp_path: Path) -> None:
    with pa.ipc.new_file(tmp_path / "a.arrow", pa.schema({"name": pa.int8()})):
        pass
    (tmp_path / "b.arrow").write_bytes(
        (tmp_path / "a.arrow").read_bytes().replace(b"name", b"n\xffme")
    )
    with pytest.raises(SampleError, match=r"not sound Arrow.*b\.arrow"):
        import_dataset(tmp_path / "b.arrow", tmp_path / "out", engine=HERE)


def test_files_of_other_columns_and_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"a": [1]}), tmp_path / "in" / "1.parquet")
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "in" / "2.parquet")
    with pytest.raises(SchemaError, match="other columns"):
        import_dataset(tmp_path / "in", tmp_path / "out", engine=HERE)
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(SchemaError, match="two columns are called 'a'"):
        imported(table, tmp_path, "a.arrow")
    with pytest.raises(SchemaError, match="would both be the field 'a_b'"):
        imported(pa.table({"a b": [1], "a-b": [2]}), tmp_path)


def test_memory_does_not_grow_with_a_row_group(tmp_path: Path) -> None:
    rows = [bytes([n % 251]) * 1_000_000 for n in range(60)]
    pq.write_table(pa.table({"raw": rows}), tmp_path / "a.parquet", compression="none")
    import_dataset(tmp_path / "a.parquet", tmp_path / "warm", engine=HERE)
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    import_dataset(tmp_path / "a.parquet", tmp_path / "out", engine=HERE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30 << 20
    assert pa.total_allocated_bytes() <= before + (1 << 20)


SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(-128, 127),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float64(): st.floats(),
    pa.string(): st.text(alphabet=st.characters(exclude_categories=("Cs",))),
    pa.large_binary(): st.binary(),
    pa.date32(): st.dates(),
    pa.timestamp("us"): st.datetimes(),
}


def of_type(kind: Any) -> st.SearchStrategy[Any]:
    if kind in SCALARS:
        return SCALARS[kind]
    if pa.types.is_struct(kind):
        fields = {field.name: of_type(field.type) | st.none() for field in kind}
        return st.fixed_dictionaries(fields)
    return st.lists(of_type(kind.value_type) | st.none(), max_size=3)


TYPES = st.recursive(
    st.sampled_from(list(SCALARS)),
    lambda inner: (
        inner.map(pa.list_)
        | inner.map(pa.large_list)
        | st.tuples(inner, inner).map(lambda two: pa.struct([("x", two[0]), ("y", two[1])]))
    ),
    max_leaves=4,
)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    count = draw(st.integers(1, 5))
    columns = {}
    for name in draw(st.lists(st.sampled_from("abc"), min_size=1, unique=True)):
        kind = draw(TYPES)
        cells = st.lists(of_type(kind) | st.none(), min_size=count, max_size=count)
        columns[name] = pa.array(draw(cells), kind)
    return pa.table(columns)


def plain(value: Any) -> Any:
    if is_dataclass(value):
        return {name: plain(one) for name, one in vars(value).items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables(), st.sampled_from(sorted(WRITERS)))
def test_any_table_comes_back_equal(tmp_path: Path, table: pa.Table, name: str) -> None:
    found = imported(table, tmp_path, name, overwrite=True)
    for row, sample in zip(table.to_pylist(), found.splits[""].ordered(), strict=True):
        assert same(plain(sample), row)
