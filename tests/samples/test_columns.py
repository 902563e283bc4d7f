"""Columns cut from bytes against the decoder, sample by sample: same values or none at all."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import atdata
from atdata.errors import SampleError
from atdata.samples.codec import codec_of
from atdata.samples.packed import PackedBlock

from .strategies import Case, cases

few = settings(max_examples=100)


@atdata.packable
class Flat:
    """A field of every kind that columns are made of."""

    features: NDArray[np.float32]
    fortran: NDArray
    label: int
    small: int
    weight: float
    good: bool
    name: str
    raw: bytes
    gap: NDArray[np.int16] | None = None
    note: str | None = None


def flat(number: int) -> Flat:
    return Flat(
        features=np.full((2, 3), number, np.float32),
        fortran=np.asfortranarray(np.full((3, 2), number, ">i4")),
        label=1000 + number,
        small=number % 100,
        weight=number / 3,
        good=number % 2 == 0,
        name=f"größe {number:04d}",
        raw=number.to_bytes(4, "little"),
        gap=np.full(4, number, np.int16),
    )


def in_block(payloads: list[bytes], before: int = 7, between: int = 5) -> PackedBlock:
    """Payloads of one length in a buffer that holds other things too."""
    size, count = len(payloads[0]), len(payloads)
    buffer = b"x" * before + b"".join(payload + b"y" * between for payload in payloads)
    starts = range(before, before + count * (size + between), size + between)
    return PackedBlock(buffer, starts, [size] * count)


def like(one: Any, other: Any) -> bool:
    """Whether values are the same in type, dtype, shape and bytes."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape) == (other.dtype, other.shape) and (
            one.tobytes() == other.tobytes()
        )
    return one == other or one != one  # NaN


def check(sample_type: Any, payloads: list[bytes]) -> bool:
    """Whether there are columns; if so, that they hold what the decoder reads."""
    codec = codec_of(sample_type)
    columns = codec.columns.read(in_block(payloads))
    if columns is None:
        return False
    wanted = [codec.decode(payload) for payload in payloads]
    for field, column in zip(codec.fields, columns, strict=True):
        assert len(column) == len(payloads)
        for value, sample in zip(column, wanted, strict=True):
            assert like(value, getattr(sample, field.name))
            assert not isinstance(value, np.ndarray) or not value.flags.writeable
    made = list(map(codec.make, *columns))
    assert [type(one) for one in made] == [sample_type] * len(payloads)
    assert [one.packed for one in made] == [one.packed for one in wanted]
    return True


def test_samples_of_one_form_are_read_as_columns() -> None:
    assert check(Flat, [flat(number).packed for number in range(50)])


def test_a_column_of_arrays_is_a_view_of_the_bytes() -> None:
    rows = in_block([flat(number).packed for number in range(5)])
    columns = codec_of(Flat).columns.read(rows)
    assert columns is not None
    features, fortran, *_ = columns
    assert (features.shape, features.dtype) == ((5, 2, 3), np.float32)
    assert features.base is not None
    assert np.shares_memory(features, np.frombuffer(rows.buffer, np.uint8))
    assert fortran[3].flags.f_contiguous


@few
@given(cases(), st.integers(1, 4))
def test_what_is_read_at_once_is_what_is_decoded(case: Case, repeat: int) -> None:
    by_size: dict[int, list[bytes]] = {}
    for sample in case.samples * repeat:
        packed = sample.packed
        by_size.setdefault(len(packed), []).append(packed)
    for payloads in by_size.values():
        check(case.sample_type, payloads)


@few
@given(cases(), st.randoms(use_true_random=False))
def test_damage_is_never_read_as_something_else(case: Case, chance: random.Random) -> None:
    packed = case.samples[0].packed
    broken = bytearray(packed)
    for _ in range(chance.randint(1, 3)):
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
    payloads = [packed] * 4
    payloads[chance.randrange(4)] = bytes(broken)
    check(case.sample_type, payloads)


def test_every_flip_of_a_flat_sample_is_read_as_the_decoder_reads_it() -> None:
    """Read as columns only where the decoder accepts it too, and then as the same."""
    sound = [flat(number).packed for number in range(3)]
    as_columns = 0
    for at in range(len(sound[0])):
        for bit in range(0, 8, 3):
            broken = bytearray(sound[1])
            broken[at] ^= 1 << bit
            as_columns += check(Flat, [sound[0], bytes(broken), sound[2]])
    assert as_columns > 100  # flips inside of values


@pytest.mark.parametrize(
    ("old", "new", "has_columns"),
    [
        (b"label", b"Label", False),
        (b"<f4", b">f4", True),
        (b"(2, 3)", b"(3, 2)", True),
        (b"True", b"Tru3", False),
    ],
)
def test_a_sample_of_another_form_among_them_has_columns_if_it_is_sound(
    old: bytes, new: bytes, has_columns: bool
) -> None:
    payloads = [flat(number).packed for number in range(9)]
    other = flat(1).packed.replace(old, new)
    assert len(other) == len(payloads[0])
    assert other != payloads[1]
    assert check(Flat, [*payloads, other]) is has_columns
    assert check(Flat, payloads)


@atdata.packable
class Two:
    a: str
    b: str


def test_forms_of_one_length_are_distinguished() -> None:
    """A template is kept for each length; one that does not fit is found anew."""
    short, long = [Two("x", "yyy").packed] * 3, [Two("xxx", "y").packed] * 3
    assert len(short[0]) == len(long[0])
    for payloads in (short, long, short, [*short, *long]):
        assert check(Two, payloads)


def test_bytes_that_are_no_sample_have_no_columns() -> None:
    assert codec_of(Flat).columns.read(in_block([b"\xc1" * 40] * 9)) is None
    with pytest.raises(SampleError):
        codec_of(Flat).decode(b"\xc1" * 40)


def test_columns_are_all_of_a_sample_only_where_the_constructor_is_plain() -> None:
    @atdata.packable
    class Checked:
        a: int

        def __post_init__(self) -> None:
            self.a = abs(self.a)

    @atdata.packable
    class Written:
        a: int

        def __init__(self, a: int) -> None:
            self.a = abs(a)

    assert codec_of(Flat).columns.direct
    assert not codec_of(Checked).columns.direct
    assert not codec_of(Written).columns.direct


def test_names_are_those_of_the_fields() -> None:
    names = codec_of(Flat).columns.names
    assert list(names) == list(vars(flat(1)))
    assert list(names.values()) == list(range(10))
