from __future__ import annotations

import io
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import SampleError
from atdata.samples import arrays
from atdata.samples.arrays import from_npy, to_npy

from .strategies import arrays as any_arrays

SAVED = [
    np.arange(3),
    np.array(3.0),
    np.zeros((0, 3), "f4"),
    np.zeros((3, 4), order="F"),
    np.arange(12.0).reshape(3, 4).T[1:],
    np.arange(12, dtype=">i4").reshape(3, 4)[:, ::2],
    np.zeros(3, "M8[ns]"),
    np.zeros((3, 4), "m8[s]").T,
    np.array([True, False]),
    np.array(["é", "xy"]),
    np.array([b"a", b"bc"]),
    np.zeros(2, "V5"),
    np.zeros(3, [("a", "<f4"), ("b", ">i2", (3,)), ("c", [("d", "u1")])]),
    np.zeros(3, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    np.zeros(2, [("é", "f4")]),
    np.zeros((1,) * 32, "u1"),
]


def saved(array: object) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Stored array in format 3.0")
        np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def with_header(text: str, body: bytes = b"", version: int = 1) -> bytes:
    head = text.encode("utf-8" if version == 3 else "latin-1")
    width = 2 if version == 1 else 4
    return arrays.MAGIC + bytes((version, 0)) + len(head).to_bytes(width, "little") + head + body


@pytest.mark.parametrize("array", SAVED, ids=lambda array: f"{array.dtype}{array.shape}")
def test_writes_what_numpy_saves(array: np.ndarray) -> None:
    assert to_npy(array) == saved(array)


@given(any_arrays())
def test_arrays_come_back(array: np.ndarray) -> None:
    again = from_npy(to_npy(array))
    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    assert again.tobytes() == array.tobytes()


@given(any_arrays())
def test_reads_what_numpy_saves(array: np.ndarray) -> None:
    again = from_npy(saved(array))
    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    assert again.tobytes() == array.tobytes()


def test_names_beyond_latin_1_take_format_3() -> None:
    array = np.ones(2, [("日本", "f4")])
    payload = to_npy(array)
    assert payload[6:8] == b"\x03\x00"
    assert from_npy(payload).dtype == array.dtype


@pytest.mark.parametrize("version", [1, 2, 3])
def test_reads_every_format(version: int) -> None:
    text = "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }\n"
    assert from_npy(with_header(text, b"\x01\x00\x02\x00", version)).tolist() == [1, 2]


def test_arrays_are_read_only_views_of_the_payload() -> None:
    payload = to_npy(np.arange(4.0))
    array = from_npy(payload)
    assert not array.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    assert array.copy().flags.writeable


def test_fortran_order_is_kept() -> None:
    array = from_npy(to_npy(np.asfortranarray(np.arange(6.0).reshape(2, 3))))
    assert array.flags.f_contiguous
    assert not array.flags.c_contiguous


def test_memory_maps_and_subclasses_are_arrays(tmp_path) -> None:
    mapped = np.memmap(tmp_path / "array", dtype="u1", mode="w+", shape=(3,))
    assert to_npy(mapped) == to_npy(np.zeros(3, "u1"))


@pytest.mark.parametrize(
    "array",
    [
        np.array([{}, None]),
        np.zeros(2, [("a", "f4"), ("b", "O")]),
        np.zeros(2, [("a", [("b", "O")])]),
    ],
    ids=["plain", "structured", "nested"],
)
def test_object_arrays_are_refused_on_both_sides(array: np.ndarray) -> None:
    with pytest.raises(SampleError, match="refused"):
        to_npy(array)
    with pytest.raises(SampleError, match="refused") as caught:
        from_npy(saved(array))
    assert "run code" in str(caught.value.hint)


def test_masked_arrays_are_refused() -> None:
    with pytest.raises(SampleError, match="mask"):
        to_npy(np.ma.masked_array([1, 2], mask=[True, False]))


def test_strings_of_any_length_are_refused() -> None:
    if not hasattr(np.dtypes, "StringDType"):
        pytest.skip("NumPy 1 has no StringDType")
    with pytest.raises(SampleError):
        to_npy(np.array(["a"], np.dtypes.StringDType()))


def test_what_is_no_array_is_refused() -> None:
    with pytest.raises(SampleError, match="list"):
        to_npy([1, 2])  # type: ignore[arg-type]


class Boom:
    """Fails the test if anything unpickles it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("a pickle was run",)


@pytest.mark.parametrize(
    "payload", [pickle.dumps(Boom()), saved(np.array([Boom()])), b"", b"\x93NUMPY", b"PK\x03\x04"]
)
def test_nothing_but_arrays_is_read(payload: bytes) -> None:
    with pytest.raises(SampleError):
        from_npy(payload)


GOOD = "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[1]",
        "(" * 5000,
        "-" * 9000 + "1",
        "9" * 5000,
        "__import__('os').system('true')",
        "{'descr': '<i2', 'fortran_order': False}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), 'more': 1}",
        GOOD.replace("(2,)", "(-2,)"),
        GOOD.replace("(2,)", "(True,)"),
        GOOD.replace("(2,)", "[2]"),
        GOOD.replace("(2,)", "(2.0,)"),
        GOOD.replace("(2,)", f"({2**64},)"),
        GOOD.replace("(2,)", f"({2**70}, 0)"),
        GOOD.replace("(2,)", f"(0, {2**61 - 1}, 8)"),
        GOOD.replace("(2,)", f"({2**40}, 0)"),
        GOOD.replace("(2,)", str((1,) * 70)),
        GOOD.replace("False", "0"),
        GOOD.replace("'<i2'", "'O'"),
        GOOD.replace("'<i2'", "'|O8'"),
        GOOD.replace("'<i2'", "'i2,i2'"),
        GOOD.replace("'<i2'", "'float64'"),
        GOOD.replace("'<i2'", "'<i99'"),
        GOOD.replace("'<i2'", "'<U0'"),
        GOOD.replace("'<i2'", "None"),
        GOOD.replace("'<i2'", "[]"),
        GOOD.replace("'<i2'", "[1]"),
        GOOD.replace("'<i2'", "[('a',)]"),
        GOOD.replace("'<i2'", "[('a', '<i2'), ('a', '<i2')]"),
        GOOD.replace("'<i2'", "('<i2', (3,))"),
        GOOD.replace("'<i2'", "('<i2', (99999999999999,))"),
        GOOD.replace("'<i2'", "{'names': ['a'], 'formats': ['O']}"),
    ],
    ids=lambda text: text[:60],
)
def test_unsound_headers_are_refused(text: str) -> None:
    with pytest.raises(SampleError):
        from_npy(with_header(text, b"\x01\x00\x02\x00"))


@pytest.mark.parametrize("body", [b"", b"\x01\x00\x02", b"\x01\x00\x02\x00\x03"])
def test_the_length_must_fit_the_shape(body: bytes) -> None:
    with pytest.raises(SampleError, match="bytes"):
        from_npy(with_header(GOOD, body))


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(SampleError, match="unknown"):
        from_npy(arrays.MAGIC + b"\x09\x00" + bytes(100))


@given(st.binary(max_size=200), st.integers(0, 200), st.booleans())
def test_damaged_payloads_give_sample_errors(noise: bytes, place: int, cut: bool) -> None:
    payload = to_npy(np.arange(10, dtype="i2"))
    damaged = payload[:place] + noise + (b"" if cut else payload[place + len(noise) :])
    try:
        array = from_npy(damaged)
    except SampleError:
        return
    assert array.nbytes < len(damaged)


@given(st.text(st.characters(max_codepoint=255), max_size=60), st.integers(0, 60))
def test_damaged_headers_give_sample_errors(noise: str, place: int) -> None:
    damaged = GOOD[:place] + noise + GOOD[place + len(noise) :]
    try:
        array = from_npy(with_header(damaged, b"\x01\x00\x02\x00"))
    except SampleError:
        return
    assert array.nbytes == 4


def test_caches_of_heads_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_MAX_CACHED", 5)
    cache: dict[int, int] = {}
    for number in range(23):
        assert arrays.remember(cache, number, -number) == -number
    assert 0 < len(cache) <= 5
