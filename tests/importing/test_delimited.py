from __future__ import annotations

import csv
import io
import tracemalloc
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Optional

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from atdata.engines.local import LocalEngine
from atdata.errors import AtdataError, SampleError, SchemaError
from atdata.importing.run import Imported, import_dataset
from atdata.importing.schema import field_name

HERE = LocalEngine(1)


def imported(text: str | bytes, folder: Path, name: str = "a.csv", **options: Any) -> Imported:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_dataset(folder / name, folder / "out", engine=HERE, **options)


def test_a_table_of_scikit_learn_comes_back_equal(tmp_path: Path) -> None:
    iris = load_iris(as_frame=True).frame
    iris.to_csv(tmp_path / "iris.csv", index=False)
    found = import_dataset(tmp_path / "iris.csv", tmp_path / "out", engine=HERE)
    names = [field_name(name) for name in iris.columns]
    assert names[0] == "sepal_length_cm"
    rows = [[getattr(one, name) for name in names] for one in found.splits[""].ordered()]
    pd.testing.assert_frame_equal(pd.DataFrame(rows, columns=iris.columns), iris)


@pytest.mark.parametrize(
    ("texts", "annotation", "values"),
    [
        (["1", "-2", "+3"], int, [1, -2, 3]),
        (["18446744073709551615", "0"], int, [2**64 - 1, 0]),
        (["18446744073709551616", "0"], str, ["18446744073709551616", "0"]),
        (["007", "1"], str, ["007", "1"]),
        (["1", "2.5", ".5", "1e3", "-inf"], float, [1, 2.5, 0.5, 1000, -float("inf")]),
        (["1", "-0"], float, [1.0, -0.0]),
        (["1e999", "1"], str, ["1e999", "1"]),
        (["9007199254740993", "0.5"], str, ["9007199254740993", "0.5"]),
        (["true", "FALSE"], bool, [True, False]),
        (["2026-01-31", "1999-12-01"], date, [date(2026, 1, 31), date(1999, 12, 1)]),
        (["2026-02-31", "1999-12-01"], str, ["2026-02-31", "1999-12-01"]),
        (
            ["2026-01-31T10:00:00Z", "2026-01-31 10:00:00.5"],
            datetime,
            [datetime(2026, 1, 31, 10, tzinfo=UTC), datetime(2026, 1, 31, 10, 0, 0, 500_000)],
        ),
        (["2026-01-31", "2026-01-31T10:00"], str, ["2026-01-31", "2026-01-31T10:00"]),
        (["1", "", "3"], Optional[int], [1, None, 3]),  # noqa: UP045
        (["a", "", "NA"], str, ["a", "", "NA"]),
        (["１", "٣"], str, ["１", "٣"]),
        (["1_000", "0x1F"], str, ["1_000", "0x1F"]),
    ],
)
def test_all_texts_of_a_column_decide_its_type(
    tmp_path: Path, texts: list[str], annotation: Any, values: list[Any]
) -> None:
    found = imported("x,y\n" + "".join(f"{text},.\n" for text in texts), tmp_path)
    assert found.splits[""].schema["x"] == annotation
    kept = [sample.x for sample in found.splits[""].ordered()]
    assert kept == values


def test_the_last_of_many_rows_counts_for_the_type(tmp_path: Path) -> None:
    found = imported("x\n" + "1\n" * 5_000 + "one\n", tmp_path)
    assert found.splits[""].schema == {"x": str}


def test_quotes_tabs_line_ends_and_byte_order_marks(tmp_path: Path) -> None:
    text = '\ufeffa,b\r\n"1,""x""\r\n2",3\r\n\r\nz,4'
    (first, second) = imported(text, tmp_path).splits[""].ordered()
    assert (first.a, first.b, second.a, second.b) == ('1,"x"\r\n2', 3, "z", 4)
    found = imported("a\tb\n1,2\t3\n", tmp_path, "a.tsv", overwrite=True)
    assert next(iter(found.splits[""].ordered())).a == "1,2"


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"a,b\n1,2\n1\n", SampleError, "row 1, column 'b': the field is missing"),
        (b"a,b\n1,2\n1,2,3\n", SampleError, "row 1: 3 fields, the first line has 2"),
        (b'a,b\n1,"2\n', SampleError, "the record at byte 4 is not sound CSV: unexpected end"),
        (b'a,b\n1,"2"x\n', SampleError, "the record at byte 4 is not sound CSV"),
        (b"a,b\n1,2\rx,3\n", SampleError, "not sound CSV: new-line"),
        (b"a,b\n1,\0\n", SampleError, "a NUL byte .*offset 4"),
        ("a,b\n1,ü\n".encode("utf-16"), SampleError, "NUL byte|not UTF-8"),
        ("a,b\n1,ü\n".encode("latin-1"), SampleError, "not UTF-8 .*offset 6"),
        (b"a,a\n1,2\n", SchemaError, "name 'a' twice"),
        (b"a,\n1,2\n", SchemaError, "the column 1 has no name"),
        (b"a," * 2_000_000 + b"b\n", SchemaError, "name 'a' twice"),
        (b"", SchemaError, "empty"),
        (b"a b,a-b\n1,2\n", SchemaError, "'a b' and 'a-b' would both be the field 'a_b'"),
        ("\U0001f4a5,b\n1,2\n".encode(), SchemaError, "can't name a field"),
        (b'"' + b"a\n" * (17 << 20), SampleError, "field larger than field limit"),
    ],
    ids=range(15),
)
def test_hostile_files_are_refused_with_the_place(
    tmp_path: Path, data: bytes, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        imported(data, tmp_path)
    assert not (tmp_path / "out").exists()


def test_names_that_are_words_of_python_are_changed_and_kept_in_the_schema(tmp_path: Path) -> None:
    text = 'class,__init__,packed,1st,"my ""col"" \n(x)",None\n1,2,3,4,5,6\n'
    found = imported(text, tmp_path)
    assert list(found.splits[""].schema) == [
        "class_", "init", "packed_", "field_1st", "my_col_x", "None_",
    ]  # fmt: skip
    scope: dict[str, Any] = {"__name__": "kept"}
    exec(compile(found.class_text or "", "kept.py", "exec", dont_inherit=True), scope)
    assert scope["A"](1, 2, 3, 4, 5, 6).my_col_x == 5
    assert "(in the source: 'class')" in (found.class_text or "")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    row = "x" * 10_000
    (tmp_path / "a.csv").write_text("text\n" + f"{row}\n" * 4_000)
    import_dataset(tmp_path / "a.csv", tmp_path / "warm", engine=HERE)
    tracemalloc.start()
    import_dataset(tmp_path / "a.csv", tmp_path / "out", engine=HERE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 << 20


CELLS = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0\r")),
    st.integers().map(str),
    st.floats().map(repr),
    st.dates().map(str),
    st.datetimes().map(str),
    st.sampled_from(["", "true", "False", "nan", "1e5", "-0"]),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
def test_any_cells_come_back_as_what_they_mean(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("a", "b"), *rows])
    found = imported(text.getvalue(), tmp_path, overwrite=True)
    for row, sample in zip(rows, found.splits[""].ordered(), strict=True):
        for cell, value in zip(row, (sample.a, sample.b), strict=True):
            match value:
                case bool():
                    assert str(value).lower() == cell.lower()
                case int() | float():
                    assert repr(float(cell)) == repr(float(value))
                case datetime() | date():
                    assert type(value).fromisoformat(cell) == value
                case None:
                    assert cell == ""
                case _:
                    assert value == cell


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_are_imported_or_refused(tmp_path: Path, data: bytes) -> None:
    try:
        imported(b"a,b\n" + data, tmp_path, overwrite=True)
    except AtdataError:
        return
