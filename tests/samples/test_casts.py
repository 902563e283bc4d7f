"""Errors of writing say which sample, which field, and which cast would help."""

from __future__ import annotations

import datetime
import decimal
import math
from dataclasses import field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from numpy.typing import NDArray
from PIL import Image

import atdata
from atdata.errors import SampleError


@atdata.packable
class Part:
    x: int = 0


@atdata.packable
class Everything:
    array: NDArray[np.float32] = field(default_factory=lambda: np.zeros(1, np.float32))
    anyarray: NDArray[Any] = field(default_factory=lambda: np.zeros(1))
    int_: int = 0
    float_: float = 0.0
    bool_: bool = False
    str_: str = ""
    bytes_: bytes = b""
    when: datetime.datetime | None = None
    day: datetime.date | None = None
    ints: list[int] = field(default_factory=list)
    pair: tuple[int, str] = (0, "")
    table: dict[str, float] = field(default_factory=dict)
    part: Part | None = None
    free: Any = None


class Tensor:
    """What torch's tensors are to others."""

    def __init__(self, values: Any) -> None:
        self._values = np.asarray(values)
        self.shape = self._values.shape

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def item(self) -> Any:
        return self._values.item()

    def tolist(self) -> Any:
        return self._values.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self._values, dtype)


CASTS: list[tuple[str, Any, str]] = [
    ("array", np.zeros(2), "value.astype(np.float32)"),
    ("array", [1.0, 2.0], "np.asarray(value, dtype=np.float32)"),
    ("array", Tensor([1.0]), "np.asarray(value.detach().cpu(), dtype=np.float32)"),
    ("array", np.float32(1), "np.asarray(value, dtype=np.float32)"),
    ("array", Image.new("L", (2, 2)), "np.asarray(value, dtype=np.float32)"),
    ("array", pandas.Series([1.0]), "np.asarray(value, dtype=np.float32)"),
    ("array", np.array([1, None], object), "value.astype(np.float32)"),
    ("anyarray", [1, 2], "np.asarray(value)"),
    ("int_", 3.0, "int(value)"),
    ("int_", np.float32(3), "int(value)"),
    ("int_", True, "int(value)"),
    ("int_", "3", "int(value)"),
    ("int_", np.array(3), "int(value.item())"),
    ("int_", Tensor(3), "int(value.item())"),
    ("int_", np.timedelta64(3, "s"), "value.astype(int)"),
    ("float_", "1.5", "float(value)"),
    ("float_", decimal.Decimal("1.5"), "float(value)"),
    ("float_", np.array([1.5]), "float(value.item())"),
    ("float_", Tensor(1.5), "float(value.item())"),
    ("bool_", 1, "bool(value)"),
    ("str_", Path("a"), "str(value)"),
    ("str_", 3, "str(value)"),
    ("str_", b"a", "value.decode()"),
    ("bytes_", "a", "value.encode()"),
    ("when", np.datetime64("2020-01-01", "ns"), 'value.astype("datetime64[us]").item()'),
    ("when", datetime.date(2020, 1, 1), "datetime.combine(value, time())"),
    ("day", np.datetime64("2020-01-01"), 'value.astype("datetime64[D]").item()'),
    ("day", datetime.datetime(2020, 1, 1), "value.date()"),
    ("ints", np.array([1, 2]), "value.tolist()"),
    ("ints", {1, 2}, "list(value)"),
    ("table", {1: 2.0}, "{str(key): one for key, one in value.items()}"),
    ("part", {"x": 1}, "Part(**value)"),
    ("free", Path("a"), "str(value)"),
    ("free", {1, 2}, "list(value)"),
    ("free", Tensor([1]), "np.asarray(value)"),
]
NAMES = {
    "np": np,
    "datetime": datetime.datetime,
    "time": datetime.time,
    "Part": Part,
}


@pytest.mark.parametrize(("name", "value", "cast"), CASTS)
def test_the_cast_that_is_advised_makes_the_value_fit(name: str, value: Any, cast: str) -> None:
    with pytest.raises(SampleError) as caught:
        _ = replace(Everything(), **{name: value}).packed
    assert caught.value.path == name
    assert cast in (caught.value.hint or "")
    if value is not CASTS[6][1]:  # None has no number
        fitting = eval(cast, dict(NAMES), {"value": value})
        assert replace(Everything(), **{name: fitting}).packed


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("array", None, "`T | None`"),
        ("str_", None, "`T | None`"),
        ("int_", math.nan, "NaN"),
        ("int_", 2**70, "`str`"),
        ("float_", np.zeros(2), "`NDArray`"),
        ("bool_", "yes", "Compare"),
        ("array", Path("a.npy"), "np.load"),
        ("bytes_", Path("a.png"), "read_bytes"),
        ("bytes_", Image.new("L", (2, 2)), "save"),
        ("bytes_", np.zeros(2), "`NDArray`"),
        ("when", "2020-01-01", "fromisoformat"),
        ("ints", [1, 2.5], "int(value)"),
        ("pair", (1, 2), "str(value)"),
        ("table", {"a": "b"}, "float(value)"),
        ("part", Part(x="1"), "int(value)"),  # type: ignore[arg-type]
    ],
)
def test_what_else_helps(name: str, value: Any, words: str) -> None:
    with pytest.raises(SampleError) as caught:
        _ = replace(Everything(), **{name: value}).packed
    assert words in (caught.value.hint or "")


def test_the_error_of_writing_names_the_sample_and_leaves_nothing(tmp_path: Path) -> None:
    samples = (Everything(array=np.zeros(2, "f8" if n == 4711 else "f4")) for n in range(5000))
    with pytest.raises(SampleError, match=r"^sample 4711: Everything\.array: expected") as caught:
        atdata.write_shards(samples, tmp_path / "made", maxcount=1000)
    assert caught.value.path == "array"
    assert "value.astype(np.float32)" in (caught.value.hint or "")
    assert list(tmp_path.glob("made*")) == []


def test_a_store_names_the_sample_too(tmp_path: Path) -> None:
    from atdata.shards.writer import cut_shards

    with pytest.raises(SampleError, match=r"^sample 2: Part"):
        list(cut_shards([Part(1), Part(2), Part("3")], tmp_path))  # type: ignore[arg-type]


def test_errors_of_reading_advise_no_cast() -> None:
    @atdata.packable
    class Part:
        x: str

    with pytest.raises(SampleError) as caught:
        Part.from_bytes(globals()["Part"](1).packed)
    assert caught.value.hint is None
