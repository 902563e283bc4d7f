"""Arrays in the compact form of the earlier implementation, and bytes that look like them."""

from __future__ import annotations

import struct
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

import atdata
from atdata.errors import SampleError
from atdata.samples.arrays import from_npy, is_compact, to_npy
from atdata.samples.earlier import with_arrays
from earlier.kinds import arrays

from .strategies import arrays as any_arrays

KEY = "01f2d0c8-9a3b-1f0c-8000-000000000000"


def compact(array: np.ndarray[Any, Any]) -> bytes:
    descr = array.dtype.str.encode()
    head = bytes([len(descr)]) + descr + bytes([array.ndim])
    return head + struct.pack(f"<{array.ndim}q", *array.shape) + array.tobytes()


def whole(payload: bytes, *, descr: bytes = b"<i4", shape: tuple[int, ...] = (2,)) -> bytes:
    return (
        bytes([len(descr)]) + descr + bytes([len(shape)]) + struct.pack(f"<{len(shape)}q", *shape)
    ) + payload


@atdata.packable
class Row:
    values: NDArray
    raw: bytes


@pytest.mark.parametrize("name", arrays())
def test_every_kind_is_read_as_a_read_only_view(name: str) -> None:
    array = arrays()[name]
    again = from_npy(compact(array))
    assert (again.dtype, again.shape, again.tobytes()) == (
        array.dtype,
        array.shape,
        array.tobytes(),
    )
    assert not again.flags.writeable


@given(any_arrays())
def test_arrays_come_back(array: np.ndarray[Any, Any]) -> None:
    if array.dtype.names is None:
        again = from_npy(compact(array))
        assert (again.dtype, again.tobytes()) == (array.dtype, array.tobytes())
    assert not is_compact(to_npy(array))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\3",
        b"\3<i4",
        whole(bytes(8))[:-1],
        whole(bytes(8)) + b"\0",
        whole(bytes(8))[:9],
        whole(bytes(8)).replace(b"\3<", b"\4<"),
        whole(bytes(16), descr=b"|O"),
        whole(bytes(16), descr=b"|O8"),
        whole(bytes(8), descr=b"i4"),
        whole(bytes(8), descr=b"=i4"),
        whole(bytes(8), descr=b"|i4"),
        whole(bytes(2), descr=b"<u1"),
        whole(bytes(8), descr=b"<i3"),
        whole(bytes(16), descr=b"<M8[xs]"),
        whole(bytes(16), descr=b"|T16"),
        whole(b"", descr=b"|S0"),
        whole(b"", descr=b"<U0", shape=(2**40,)),
        whole(bytes(8), shape=(-2,)),
        whole(bytes(8), shape=(-1, -2)),
        whole(bytes(8), shape=(2**32, 2**32)),
        whole(b"", shape=(0, 2**62)),
        whole(bytes(4), shape=(1,) * 33),
    ],
)
def test_anything_but_the_exact_form_is_refused(payload: bytes) -> None:
    assert not is_compact(payload)
    with pytest.raises(SampleError):
        from_npy(payload)


def test_a_sound_one_has_most_axes_of_numpy() -> None:
    assert from_npy(whole(bytes(4), shape=(1,) * 32)).shape == (1,) * 32


def test_arrays_are_read_where_a_class_says_so_and_written_as_npy() -> None:
    array = np.arange(4, dtype="<f4")
    packed = msgpack.packb({"values": compact(array), "raw": compact(array)})
    row = Row.from_bytes(packed)
    assert (row.values == array).all()
    assert row.raw == compact(array)
    again = msgpack.unpackb(row.packed)
    assert again == {"values": to_npy(array), "raw": compact(array)}


def test_a_sample_without_a_type_keeps_bytes_of_any_other_origin() -> None:
    looks = compact(np.arange(4))
    sample = atdata.DictSample.from_bytes(msgpack.packb({"raw": looks}))
    for key in ("000000001", KEY.upper(), KEY[:-1] + "1", KEY.replace("-1f", "-4f"), f"a/{KEY}"):
        assert with_arrays(sample, key).raw == looks
    assert with_arrays(sample, KEY).raw.tolist() == [0, 1, 2, 3]


def test_bytes_that_are_not_an_array_stay_bytes_beside_an_array() -> None:
    looks = compact(np.arange(4))
    sample = atdata.DictSample(array=looks, raw=looks + b"\0", text="\3<i4", more=[looks])
    read = with_arrays(sample, KEY)
    assert read.array.tolist() == [0, 1, 2, 3]
    assert (read.raw, read.text, read.more) == (looks + b"\0", "\3<i4", [looks])
