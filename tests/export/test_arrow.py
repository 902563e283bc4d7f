"""What becomes of each kind of value in Arrow, Parquet, pandas and Polars."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

import atdata
from atdata import Dataset, DictSample
from atdata.errors import SampleError
from atdata.export.arrow import column_of
from atdata.samples.codec import codec_of
from atdata.samples.kinds import Plain
from atdata.shards import ShardWriter
from samples.strategies import Case, cases


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Mixed(Enum):
    A = "1"
    B = 1


@atdata.packable
class Point:
    x: float
    label: str | None
    mask: NDArray[np.uint8]


@atdata.packable
class Tree:
    value: int
    children: list[Tree]


@atdata.packable
class Everything:
    color: Color
    level: Level
    mixed: Mixed
    kind: Literal["a", "b"] | None
    switch: Literal["1", 1, True]
    plain: datetime
    zoned: datetime | None
    day: date
    days: list[date]
    times: tuple[datetime, ...]
    pair: tuple[int, str]
    scores: dict[str, float]
    nested: dict[str, list[Point | None]]
    point: Point
    points: list[Point]
    blob: bytes
    rest: Any


NOON = datetime(2026, 1, 2, 12, 30, 15, 250)


def everything(n: int) -> Everything:
    point = Point(n / 2, None if n % 2 else f"p{n}", np.full(n % 3, n % 256, np.uint8))
    return Everything(
        color=Color.RED if n % 2 else Color.BLUE,
        level=Level(1 + n % 2),
        mixed=Mixed.A if n % 2 else Mixed.B,
        kind=None if n % 3 else "b",
        switch=["1", 1, True][n % 3],  # type: ignore[arg-type]
        plain=NOON + timedelta(days=n),
        zoned=None if n % 2 else (NOON + timedelta(days=n)).replace(tzinfo=UTC),
        day=date(2026, 1, 1 + n % 28),
        days=[date(2026, 1, 1)] * (n % 3),
        times=(NOON,) * (n % 2),
        pair=(n, f"<{n}>"),
        scores={f"key {n}": n / 3},
        nested={"a": [point, None]},
        point=point,
        points=[point] * (n % 3),
        blob=bytes([n % 256]),
        rest={"k": [n]},
    )


def wanted(n: int) -> dict[str, Any]:
    one = everything(n)
    point = {"x": n / 2, "label": one.point.label, "mask": npy(one.point.mask)}
    return {
        "color": one.color.value,
        "level": int(one.level),
        "mixed": '"1"' if n % 2 else "1",
        "kind": one.kind,
        "switch": ['"1"', "1", "true"][n % 3],
        "plain": one.plain,
        "zoned": one.zoned,
        "day": one.day,
        "days": one.days,
        "times": [time.isoformat() for time in one.times],
        "pair": {"0": n, "1": f"<{n}>"},
        "scores": [(f"key {n}", n / 3)],
        "nested": [("a", [point, None])],
        "point": point,
        "points": [point] * (n % 3),
        "blob": one.blob,
        "rest": {"k": [n]},
    }


def npy(array: Any) -> bytes:
    from atdata.samples.kinds import ArrayOf

    return ArrayOf().encode(array)


def write(path: Path, samples: Iterable[Any]) -> None:
    with ShardWriter(path) as writer:
        for number, sample in enumerate(samples):
            writer.write(f"{number:06d}", sample.packed)


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset[Everything]:
    """More than one batch of them."""
    folder = tmp_path_factory.mktemp("everything") / "a"
    return atdata.write_shards(map(everything, range(1500)), folder)


def test_values_keep_their_types(ds: Dataset[Everything], tmp_path: Path) -> None:
    table = ds.to_arrow()
    assert table.schema.field("plain").type == pa.timestamp("us")
    assert table.schema.field("zoned").type == pa.timestamp("us", "UTC")
    assert table.schema.field("color").type == pa.string()
    assert table.schema.field("level").type == pa.int64()
    assert table.schema.field("scores").type == pa.map_(pa.string(), pa.float64())
    assert pa.types.is_struct(table.schema.field("point").type)
    assert table.to_pylist() == list(map(wanted, range(1500)))
    (path,) = ds.to_parquet(tmp_path / "a.parquet")
    assert pyarrow.parquet.read_table(path).to_pylist() == table.to_pylist()


def test_frames_have_times_and_structs(ds: Dataset[Everything]) -> None:
    pandas = ds.to_pandas()
    assert str(pandas["plain"].dtype) == "datetime64[us]"
    assert pandas["plain"][3] == wanted(3)["plain"]
    assert pandas["zoned"][4] == wanted(4)["zoned"]
    frame = ds.to_polars()
    assert frame.schema["plain"] == polars.Datetime("us")
    assert frame["point"][5]["x"] == 2.5
    assert frame["day"][5] == wanted(5)["day"]


@atdata.packable
class Timed:
    at: datetime | None


def test_times_of_some_zones_are_text(tmp_path: Path) -> None:
    east = NOON.replace(tzinfo=timezone(timedelta(hours=2)))
    mixed = atdata.write_shards([Timed(NOON), Timed(east), Timed(None)], tmp_path / "a")
    assert mixed.to_arrow()["at"].to_pylist() == [NOON.isoformat(), east.isoformat(), None]
    alike = atdata.write_shards([Timed(east)], tmp_path / "b")
    assert alike.to_arrow()["at"].to_pylist() == [east.astimezone(UTC)]
    late = atdata.write_shards([Timed(NOON)] * 1024 + [Timed(east)], tmp_path / "c")
    with pytest.raises(SampleError, match="column 'at': a time with a zone among others"):
        late.to_arrow()


def test_a_column_that_begins_with_none_has_the_type_of_its_class(tmp_path: Path) -> None:
    @atdata.packable
    class Gaps:
        points: list[Point] | None
        name: str | None
        scores: dict[str, float] | None

    last = Gaps([Point(1.0, "x", np.zeros(1, np.uint8))], "n", {"a": 1.0})
    ds = atdata.write_shards([Gaps(None, None, None)] * 1024 + [last], tmp_path / "a")
    found = ds.to_arrow().to_pylist()[-1]
    assert (found["points"][0]["x"], found["name"], found["scores"]) == (1.0, "n", [("a", 1.0)])


@atdata.packable
class Free:
    rest: Any


@pytest.mark.parametrize("late", [{"a": 1, "b": 2}, {"a": "x"}, [1], {"a": {"c": 1}}, "text"])
def test_free_data_that_does_not_fit_is_an_error_and_never_lost(tmp_path: Path, late: Any) -> None:
    ds = atdata.write_shards([Free({"a": 1})] * 1024 + [Free(late)], tmp_path / "a")
    with pytest.raises(SampleError, match="column 'rest'") as caught:
        ds.to_arrow()
    assert caught.value.path == "rest"
    first = atdata.write_shards([Free(1), Free("x")], tmp_path / "b")
    with pytest.raises(SampleError, match="column 'rest'"):
        first.to_arrow()


def test_a_class_that_holds_itself_is_what_the_first_samples_are(tmp_path: Path) -> None:
    tree = Tree(1, [Tree(2, [])])
    ds = atdata.write_shards([tree], tmp_path / "a")
    assert ds.to_arrow().to_pylist() == [{"value": 1, "children": [{"value": 2, "children": []}]}]


def test_samples_of_no_class_have_columns_of_what_they_hold(tmp_path: Path) -> None:
    write(tmp_path / "a.tar", [DictSample(n=n, a=np.full(2, n), d={"x": n}) for n in range(3)])
    table = Dataset(tmp_path / "a.tar").to_arrow()
    assert table["n"].to_pylist() == [0, 1, 2]
    assert table["a"].to_pylist() == [[0, 0], [1, 1], [2, 2]]
    assert table["d"].to_pylist()[2] == {"x": 2}


@settings(max_examples=60)
@given(cases())
def test_any_class_gives_a_table_or_a_typed_error(case: Case) -> None:
    for field in codec_of(case.sample_type).fields:
        values = [getattr(sample, field.name) for sample in case.samples]
        try:
            column = column_of(pa, field.name, field.kind, values)
            array = column.array({field.name: value} for value in values)
        except SampleError as error:
            assert error.path == field.name  # noqa: PT017 - integers of 64 bits unsigned, say
            continue
        assert len(array) == len(values)
        assert array.null_count == sum(value is None for value in values)
        assert array.type == column.field.type


def test_what_does_not_fit_names_the_column() -> None:
    column = column_of(pa, "n", Plain(), [1])
    with pytest.raises(SampleError, match="column 'n': a sample does not fit the first ones"):
        column.array([{"n": "x"}])
    with pytest.raises(SampleError, match="column 'n'"):
        column.array([{}])
