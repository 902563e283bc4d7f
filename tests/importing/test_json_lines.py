from __future__ import annotations

import json
from dataclasses import is_dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atdata.engines.local import LocalEngine
from atdata.errors import AtdataError, SampleError, SchemaError
from atdata.importing.run import Imported, import_dataset
from atdata.importing.schema import field_name
from atdata.samples.plain import same

HERE = LocalEngine(1)


def imported(text: str | bytes, folder: Path, **options: Any) -> Imported:
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "a.jsonl").write_bytes(data)
    return import_dataset(folder / "a.jsonl", folder / "out", engine=HERE, **options)


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_all_rows_decide_the_types(tmp_path: Path) -> None:
    rows = [
        {"n": 1, "f": 1, "day": "2026-01-31", "at": "2026-01-31T10:00:00Z", "id": "2026-01-31"},
        {"n": 2**64 - 1, "f": 0.5, "day": None, "at": "2026-01-31 10:00", "id": "x", "late": True},
    ]
    found = imported(lines(*rows), tmp_path)
    assert found.splits[""].schema == {
        "n": int,
        "f": float,
        "day": Optional[date],  # noqa: UP045
        "at": datetime,
        "id": str,
        "late": Optional[bool],  # noqa: UP045
    }
    first, second = found.splits[""].ordered()
    assert (first.f, type(first.f), first.day, first.late) == (1.0, float, date(2026, 1, 31), None)
    assert (second.n, second.day, second.id) == (2**64 - 1, None, "x")


def test_nested_values_become_classes_lists_and_dicts(tmp_path: Path) -> None:
    rows = [
        {"place": {"x": 1, "names": ["a"]}, "boxes": [{"w": 1}, {"w": 2.5}], "meta": {"a": 1}},
        {"place": {"x": None, "names": []}, "boxes": [], "meta": {"b": [1, "x"]}},
    ]
    found = imported(lines(*rows), tmp_path)
    first, second = found.splits[""].ordered()
    assert (first.place.x, first.place.names) == (1, ["a"])
    assert second.place.x is None
    assert [box.w for box in first.boxes] == [1.0, 2.5]
    assert (first.meta, second.meta) == ({"a": 1}, {"b": [1, "x"]})
    assert "class PlaceNames" not in (found.class_text or "")


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ('{"a": "text"}', r"row 1, column 'a': a value of type text, earlier ones .* number"),
        ('{"a": 36893488147419103232}', "row 1, column 'a': an integer of more than 64 bits"),
        ('{"a": 1e999}', "row 1, column 'a': a number that is too large"),
        ('{"a": NaN}', "row 1: not sound JSON: NaN"),
        ('{"a": 1, "a": 2}', "row 1: not sound JSON: the name 'a' is there twice"),
        ('{"a": 1', "row 1: not sound JSON"),
        (json.dumps({f"n{n}": n for n in range(2_000)}), "row 1, column 'n999': more than 1000"),
        ("[1]", "row 1: not an object, but a list"),
        ('{"b": "\\ud800"}', "row 1, column 'b': text with half of a surrogate pair"),
        ('{"b": [1, {"c": "x"}]}', r"row 1, column 'b\[1\]': a value of type object"),
        ('{"b": ' + "[" * 60 + "]" * 60 + "}", "row 1, column 'b.*nested too deeply"),
        ('{"b": ' + "[" * 200_000 + "]" * 200_000 + "}", "row 1: not sound JSON: nested too"),
        ('{"b": ' + "9" * 5_000 + "}", "row 1: not sound JSON"),
        ('{"b": "\0"}', "row 1: not sound JSON"),
        ('{"b": {"x": {"y": [1, "z"]}}}', r"row 1, column 'b\.x\.y\[1\]'"),
    ],
)
def test_what_cannot_be_held_is_named_by_row_and_column(
    tmp_path: Path, second: str, message: str
) -> None:
    with pytest.raises(SampleError, match=message):
        imported('{"a": 1}\n' + second + "\n", tmp_path)
    assert not (tmp_path / "out").exists()


def test_values_inside_of_a_dict_are_checked_when_they_are_written(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"A\.m"):
        imported('{"m": {}}\n{"m": {"x": 36893488147419103232}}\n', tmp_path)
    with pytest.raises(SampleError, match=r"A\.m"):
        imported('{"m": {}}\n{"m": {"x": "\\udc00"}}\n', tmp_path)


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="row 0: not sound JSON"):
        imported('{"a": "ü"}'.encode("latin-1"), tmp_path)
    assert len(imported(b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": 2}', tmp_path).splits[""]) == 2


def test_names_that_cannot_be_fields_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="can't name a field"):
        imported(lines({"\U0001f4a5": 1}), tmp_path)


KEYS = st.sampled_from(["a", "b", "class", "x y", "__init__", "packed", "1"])
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(KEYS, PLAIN, min_size=1), min_size=1, max_size=4))
def test_any_rows_come_back_or_are_refused_as_atdata_errors(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    try:
        found = imported(lines(*rows), tmp_path, overwrite=True)
    except AtdataError:
        return
    for row, sample in zip(rows, found.splits[""].ordered(), strict=True):
        for name in {name for one in rows for name in one}:
            value = getattr(sample, field_name(name))
            if isinstance(value, date):
                value, row[name] = str(value), str(type(value).fromisoformat(row[name]))
            assert same(plain(value), row.get(name))


def plain(value: Any) -> Any:
    """The value with dicts in the place of samples."""
    if is_dataclass(value):
        return {name: plain(one) for name, one in vars(value).items()}
    return [plain(one) for one in value] if isinstance(value, list) else value
