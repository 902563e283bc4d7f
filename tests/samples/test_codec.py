from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import atdata
from atdata.errors import SampleError, SchemaError
from atdata.samples.codec import codec_of

from .strategies import Case, cases


class Mode(enum.IntEnum):
    OFF = 0
    ON = 1


@atdata.packable(kw_only=True)
class Wide:
    array: NDArray[np.float32] | None = None
    image: np.ndarray[tuple[int, Literal[2]], np.dtype[np.uint8]] | None = None
    text: str = ""
    data: bytes = b""
    number: int = 0
    real: float = 0.0
    flag: bool = False
    mode: Mode = Mode.OFF
    word: Literal["a", 1] = "a"
    when: datetime | None = None
    day: date | None = None
    items: list[int] | None = None
    pair: tuple[int, str] | None = None
    table: dict[str, float] | None = None
    free: Any = None
    inner: Wide | None = None


def kept(name: str, value: Any) -> Any:
    """The value of a field after a round trip."""
    return getattr(Wide.from_bytes(Wide(**{name: value}).packed), name)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "value", "plain"),
    [
        ("number", np.int16(3), 3),
        ("number", np.uint64(2**64 - 1), 2**64 - 1),
        ("number", Mode.ON, 1),
        ("real", np.float32(0.5), 0.5),
        ("real", 2, 2.0),
        ("real", np.int8(2), 2.0),
        ("flag", np.bool_(True), True),
        ("text", np.str_("é"), "é"),
        ("data", bytearray(b"ab"), b"ab"),
        ("data", memoryview(b"ab"), b"ab"),
        ("free", np.float64(1.5), 1.5),
        ("free", (1, 2), [1, 2]),
        ("mode", 1, Mode.ON),
    ],
)
def test_near_relatives_become_plain_values(name: str, value: Any, plain: Any) -> None:
    assert kept(name, value) == plain
    assert type(kept(name, value)) is type(plain)


@pytest.mark.parametrize(
    ("name", "value", "expected", "got"),
    [
        ("array", [1.0], "an array of dtype float32", "list"),
        ("array", np.zeros(2), "float32", "float64"),
        ("image", np.zeros((2, 3), "u1"), r"\(any, 2\)", r"\(2, 3\)"),
        ("image", np.zeros(2, "u1"), r"\(any, 2\)", r"\(2,\)"),
        ("text", b"a", "str", "bytes"),
        ("text", None, "str", "NoneType"),
        ("data", "a", "bytes", "str"),
        ("number", True, "int", "bool"),
        ("number", 1.0, "int", "float"),
        ("number", np.timedelta64(1, "s"), "int", "timedelta64"),
        ("real", "1", "float", "str"),
        ("real", True, "float", "bool"),
        ("real", 10**400, "float", "too large"),
        ("flag", 1, "bool", "int"),
        ("mode", 7, "a member of Mode", "7"),
        ("mode", True, "a member of Mode", "True"),
        ("word", "b", "one of", "'b'"),
        ("word", True, "one of", "True"),
        ("when", date(2026, 1, 2), "a datetime", "date"),
        ("day", datetime(2026, 1, 2), "a date", "datetime"),
        ("items", "12", "a list", "str"),
        ("pair", (1, "a", 2), "a tuple of 2 items", "3 items"),
        ("table", {1: 2.0}, "str keys", "int"),
        ("table", [1], "a dict", "list"),
        ("free", object(), "plain data", "object"),
        ("free", {"a": {1: 2}}, "str keys", "int"),
        ("inner", 3, "Wide", "int"),
    ],
)
def test_what_does_not_fit_names_class_field_expected_and_actual(
    name: str, value: Any, expected: str, got: str
) -> None:
    with pytest.raises(SampleError, match=rf"Wide\.{name}\S*: .*{expected}.*{got}") as caught:
        _ = Wide(**{name: value}).packed  # type: ignore[attr-defined]
    assert caught.value.path is not None
    assert caught.value.path.startswith(name)
    with pytest.raises(SampleError, match=rf"Wide\.{name}"):
        Wide.from_data({name: value})  # type: ignore[attr-defined]


def test_errors_inside_a_field_have_a_path() -> None:
    nested = Wide(inner=Wide(items=[1, 2, "3"]))  # type: ignore[list-item]
    with pytest.raises(SampleError) as caught:
        _ = nested.packed  # type: ignore[attr-defined]
    assert caught.value.path == "inner.items[2]"


def test_a_missing_field_names_class_and_field() -> None:
    @atdata.packable
    class Two:
        first: int
        second: str

    with pytest.raises(SampleError, match=r"Two\.second: missing"):
        Two.from_data({"first": 1})  # type: ignore[attr-defined]


def test_defaults_fill_what_the_data_lacks() -> None:
    assert Wide.from_data({}) == Wide()  # type: ignore[attr-defined]


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(SampleError, match=r"Wide\.text.*surrogates"):
        _ = Wide(text="\ud800").packed  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1])
def test_larger_ints_than_msgpack_holds_are_refused(value: int) -> None:
    with pytest.raises(SampleError, match=r"Wide\.number: .*64 bits"):
        _ = Wide(number=value).packed  # type: ignore[attr-defined]


def test_deep_data_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(SampleError, match="deeper"):
        _ = Wide(free=deep).packed  # type: ignore[attr-defined]


def test_samples_that_hold_themselves_are_refused() -> None:
    wide = Wide()
    wide.inner = wide
    with pytest.raises(SampleError, match="deep"):
        _ = wide.packed  # type: ignore[attr-defined]


def test_errors_deep_inside_are_found_in_one_walk() -> None:
    deep: dict[str, Any] = {"number": "wrong"}
    for _ in range(60):
        deep = {"inner": deep}
    with pytest.raises(SampleError) as caught:
        Wide.from_data(deep)  # type: ignore[attr-defined]
    assert caught.value.path == "inner." * 60 + "number"
    assert caught.value.message.count("Wide") == 1


def test_data_nested_without_end_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"inner": deep}
    with pytest.raises(SampleError, match="deep"):
        Wide.from_data(deep)  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [3, "text", [1], None])
def test_data_that_is_no_map_is_refused(value: Any) -> None:
    with pytest.raises(SampleError, match="map"):
        Wide.from_data(value)  # type: ignore[attr-defined]


def test_classes_that_are_no_dataclass_have_no_codec() -> None:
    with pytest.raises(SchemaError, match="packable"):
        codec_of(int)


def test_a_codec_is_compiled_once_for_each_class() -> None:
    assert codec_of(Wide) is codec_of(Wide)

    class Derived(Wide):
        pass

    assert codec_of(Derived) is not codec_of(Wide)
    assert type(Derived.from_bytes(Wide().packed)) is Derived  # type: ignore[attr-defined]


@given(cases(), st.data())
def test_damaged_samples_give_sample_errors(case: Case, data: st.DataObject) -> None:
    packed = case.samples[0].packed
    place = data.draw(st.integers(0, len(packed)))
    noise = data.draw(st.binary(max_size=6))
    damaged = packed[:place] + noise + packed[place + len(noise) :]
    for sample_type in (case.sample_type, atdata.DictSample):
        try:
            sample = sample_type.from_bytes(damaged)
        except SampleError:
            continue
        assert isinstance(sample, sample_type)
