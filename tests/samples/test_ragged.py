"""Columns of samples of different lengths against the decoder: same values or none at all."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import atdata
from atdata.samples.batch import SampleBatch
from atdata.samples.blocks import BatchBlocks, Block
from atdata.samples.codec import codec_of
from atdata.samples.packed import Cuts, PackedBlock

from .strategies import Case, cases
from .test_columns import like

few = settings(max_examples=100)


@atdata.packable
class Ragged:
    """A field of every kind that columns are made of."""

    tokens: NDArray[np.int32]
    any: NDArray
    number: int
    weight: float
    good: bool
    text: str
    raw: bytes
    gap: bytes | None = None


def ragged(number: int) -> Ragged:
    return Ragged(
        tokens=np.arange(number % 50, dtype=np.int32),
        any=np.asfortranarray(np.full((number % 5, 2), number, ">f8")),
        number=(-1) ** number * 3**number,
        weight=number / 3,
        good=number % 2 == 0,
        text="größe" * (number * 7),
        raw=bytes(number),
        gap=None,
    )


def in_block(payloads: list[bytes], before: int = 7, between: int = 5) -> PackedBlock:
    """Payloads in a buffer that holds other things too, but nothing after the last."""
    starts, buffer = [], b"x" * before
    for payload in payloads:
        starts.append(len(buffer))
        buffer += payload + b"y" * between
    return PackedBlock(buffer[:-between], starts, list(map(len, payloads)))


def check(sample_type: Any, payloads: list[bytes]) -> bool:
    """Whether there are columns; if so, that they hold what the decoder reads."""
    codec = codec_of(sample_type)
    columns = codec.columns.read(in_block(payloads))
    if columns is None:
        return False
    wanted = [codec.decode(payload) for payload in payloads]
    for field, column in zip(codec.fields, columns, strict=True):
        assert len(column) == len(payloads)
        for row, (value, sample) in enumerate(zip(column, wanted, strict=True)):
            assert like(value, getattr(sample, field.name))
            assert like(column[row], value)
            assert not isinstance(value, np.ndarray) or not value.flags.writeable
    assert [one.packed for one in map(codec.make, *columns)] == [one.packed for one in wanted]
    return True


def test_samples_of_different_lengths_are_read_as_columns() -> None:
    assert check(Ragged, [ragged(number).packed for number in range(39)])


@pytest.mark.parametrize("number", [31, 32, 255, 256, 65535, 65536])
def test_lengths_of_every_width_are_read(number: int) -> None:
    @atdata.packable
    class Long:
        text: str
        raw: bytes

    made = [Long("x" * (number + n), b"y" * (number - n)) for n in range(3)]
    assert check(Long, [one.packed for one in made])


@pytest.mark.parametrize("number", [0, 127, 128, 2**16, 2**32, 2**63 - 1, -32, -33, -(2**63)])
def test_integers_of_every_width_are_read(number: int) -> None:
    @atdata.packable
    class Number:
        number: int

    assert check(Number, [Number(one).packed for one in (0, number, 1000)])


def test_integers_of_64_bits_are_left_to_the_decoder() -> None:
    assert not check(Ragged, [ragged(number).packed for number in (3, 40)])


def test_values_that_some_samples_lack_are_left_to_the_decoder() -> None:
    some = ragged(4)
    some.gap = b"x"
    assert not check(Ragged, [ragged(3).packed, some.packed])
    assert check(Ragged, [some.packed, some.packed])


@few
@given(cases(), st.integers(1, 4))
def test_what_is_read_at_once_is_what_is_decoded(case: Case, repeat: int) -> None:
    check(case.sample_type, [sample.packed for sample in case.samples * repeat])


@few
@given(cases(), st.randoms(use_true_random=False))
def test_damage_is_never_read_as_something_else(case: Case, chance: random.Random) -> None:
    payloads = [sample.packed for sample in case.samples * 2]
    broken = bytearray(payloads[0])
    for _ in range(chance.randint(1, 3)):
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
    payloads[chance.randrange(len(payloads))] = bytes(broken)
    check(case.sample_type, payloads)


def test_every_flip_is_read_as_the_decoder_reads_it() -> None:
    sound = [ragged(number).packed for number in (3, 5, 8)]
    as_columns = 0
    for at in range(len(sound[1])):
        for bit in range(0, 8, 3):
            broken = bytearray(sound[1])
            broken[at] ^= 1 << bit
            as_columns += check(Ragged, [sound[0], bytes(broken), sound[2]])
    assert as_columns > 100  # flips inside of values


@pytest.mark.parametrize("order", [1, -1])
def test_a_length_that_leads_into_the_next_sample_is_not_followed(order: int) -> None:
    """The two lengths are wrong by the same amount, so the end of both is right."""
    packed = ragged(9).packed
    longer = packed.replace(b"\xc4\x09", b"\xc4\xff")
    assert longer != packed
    assert not check(Ragged, [longer, packed][::order])


def test_parts_are_cut_when_they_are_asked_for() -> None:
    cuts = Cuts(b"0123456789", [1, 4, 8], [3, 8, 8])
    assert list(cuts) == [b"12", b"4567", b""]
    assert (cuts[0], cuts[-1], len(cuts)) == (b"12", b"", 3)
    assert list(cuts[1:]) == [b"4567", b""]


@pytest.mark.parametrize("is_writable", [False, True])
def test_columns_of_a_batch_are_stacked_where_shapes_are_equal(is_writable: bool) -> None:
    codec = codec_of(Ragged)
    columns = codec.columns.read(in_block([ragged(n).packed for n in (1, 6, 11, 12)]))
    assert columns is not None
    blocks = BatchBlocks(codec, [Block(columns, 0, 4)], is_writable)
    batch = SampleBatch[Ragged](blocks)
    assert [len(tokens) for tokens in batch.column("tokens")] == [1, 6, 11, 12]
    assert all(tokens.flags.writeable is is_writable for tokens in batch.column("tokens"))
    assert batch.column("raw") == [bytes(n) for n in (1, 6, 11, 12)]
    stacked = BatchBlocks(codec, [Block(columns, 0, 3)], is_writable).column("any")
    assert (stacked.shape, stacked.flags.writeable) == ((3, 1, 2), True)
