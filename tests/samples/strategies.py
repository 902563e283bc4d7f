"""Sample types and samples, generated."""

from __future__ import annotations

import dataclasses
import enum
import keyword
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

import atdata
from atdata.samples.arrays import MAGIC
from atdata.samples.fields import RESERVED


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    """How much."""

    LOW = 1
    HIGH = 2


class Case(NamedTuple):
    """A sample type and samples of it."""

    sample_type: Any
    samples: list[Any]


class Choice(NamedTuple):
    """An annotation, what its values are, and which of them can be a default in a schema."""

    annotation: Any
    values: st.SearchStrategy[Any]
    defaults: st.SearchStrategy[Any] | None = None


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INTEGERS = st.integers(-(2**63), 2**64 - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
DTYPES = (
    npst.boolean_dtypes()
    | npst.integer_dtypes(endianness="?")
    | npst.unsigned_integer_dtypes(endianness="?")
    | npst.floating_dtypes(endianness="?", sizes=(16, 32, 64))
    | npst.complex_number_dtypes(endianness="?", sizes=(64, 128))
    | npst.datetime64_dtypes(endianness="?")
    | npst.timedelta64_dtypes(endianness="?")
    | npst.byte_string_dtypes(min_len=1, max_len=5)
    | npst.unicode_string_dtypes(endianness="?", min_len=1, max_len=5)
    | npst.array_dtypes(min_size=1, max_size=3)
)
# Nothing but their start is looked at.
IMAGES = st.binary(max_size=8).map(lambda data: atdata.Image(b"\x89PNG\r\n\x1a\n" + data))
SHAPES = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@st.composite
def arrays(draw: st.DrawFn, dtypes: Any = DTYPES, shapes: Any = SHAPES) -> Any:
    """Arrays of any dtype and shape, some of them transposed or strided."""
    array = np.asarray(draw(npst.arrays(draw(dtypes), draw(shapes))))
    return draw(st.sampled_from([array, array.T, array[..., ::-1] if array.ndim else array]))


def identifiers() -> st.SearchStrategy[str]:
    return st.from_regex(r"[a-zäß][a-z0-9_]{0,6}", fullmatch=True).filter(
        lambda name: name not in RESERVED and not keyword.iskeyword(name)
    )


def leaves() -> st.SearchStrategy[Choice]:
    utc = st.datetimes(timezones=st.just(UTC))
    return st.sampled_from(
        [
            Choice(str, TEXT, TEXT),
            # Where no type is declared, bytes that start so are arrays.
            Choice(bytes, st.binary(max_size=8).filter(lambda data: not data.startswith(MAGIC))),
            Choice(bool, st.booleans(), st.booleans()),
            Choice(int, INTEGERS, INTEGERS),
            Choice(float, st.floats(), FINITE),
            Choice(datetime, st.datetimes() | utc, st.datetimes()),
            Choice(date, st.dates(), st.dates()),
            Choice(Color, st.sampled_from(Color), st.sampled_from(Color)),
            Choice(Level, st.sampled_from(Level), st.sampled_from(Level)),
            Choice(Literal["a", 1, True], st.sampled_from(["a", 1, True])),
            Choice(atdata.Image, IMAGES),
            Choice(Annotated[atdata.Image, atdata.MediaType("image/png")], IMAGES),
            Choice(
                atdata.Audio, st.binary(max_size=8).map(lambda data: atdata.Audio(b"ID3" + data))
            ),
            Choice(NDArray, arrays()),
            Choice(np.ndarray, arrays()),
            Choice(NDArray[np.float32], arrays(st.sampled_from(["<f4", ">f4"]))),
            Choice(NDArray[np.integer[Any]], arrays(npst.integer_dtypes())),
            Choice(
                np.ndarray[tuple[int, Literal[2]], np.dtype[np.uint8]],
                arrays(st.just("u1"), st.tuples(st.integers(0, 3), st.just(2))).filter(
                    lambda array: array.shape[1:] == (2,)
                ),
            ),
            Choice(Any, st.none() | TEXT | INTEGERS | st.lists(st.booleans(), max_size=2)),
        ]
    )


def _wider(inner: Choice) -> st.SearchStrategy[Choice]:
    lists = st.lists(inner.values, max_size=3)
    tables = st.dictionaries(TEXT, inner.values, max_size=3)
    wider = [
        Choice(list[inner.annotation], lists, st.just(list)),  # type: ignore[name-defined]
        Choice(tuple[inner.annotation, ...], lists.map(tuple)),  # type: ignore[name-defined]
        Choice(tuple[int, inner.annotation], st.tuples(INTEGERS, inner.values)),  # type: ignore[name-defined]
        Choice(dict[str, inner.annotation], tables, st.just(dict)),  # type: ignore[name-defined]
    ]
    if inner.annotation is not Any:
        values = st.none() | inner.values
        wider.append(Choice(inner.annotation | None, values, st.none()))
    return st.sampled_from(wider)


def choices(nested: bool = True) -> st.SearchStrategy[Choice]:
    base = leaves()
    if nested:
        base |= cases(nested=False).map(
            lambda case: Choice(case.sample_type, st.sampled_from(case.samples))
        )
    return base | base.flatmap(_wider) | base.flatmap(_wider).flatmap(_wider)


@st.composite
def cases(draw: st.DrawFn, nested: bool = True) -> Case:
    """A class with fields of any kind, and a few samples of it."""
    names = draw(st.lists(identifiers(), max_size=4, unique=True))
    namespace: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
    namespace["__doc__"] = draw(st.none() | TEXT)
    values: dict[str, st.SearchStrategy[Any]] = {}
    kw_only = draw(st.booleans())
    defaults_now = False
    for name in names:
        choice = draw(choices(nested))
        annotation = choice.annotation
        if text := draw(st.none() | TEXT):
            annotation = Annotated[annotation, text]
        if part := draw(st.none() | st.sampled_from(["x", "json", "left.cbor"])):
            annotation = Annotated[annotation, atdata.Member(f"{name}.{part}")]
        namespace["__annotations__"][name] = annotation
        values[name] = choice.values
        # By position, no required field may follow an optional one.
        if choice.defaults is not None and draw(st.booleans()):
            defaults_now = True
            default = draw(choice.defaults)
            namespace[name] = (
                dataclasses.field(default_factory=default)
                if callable(default) and default in (list, dict)
                else default
            )
        elif defaults_now and not kw_only:
            del namespace["__annotations__"][name], values[name]
    title = draw(st.sampled_from(["Sample", "Größe", "T1"]))
    sample_type = atdata.packable(kw_only=kw_only)(type(title, (), namespace))
    samples = draw(st.lists(st.builds(sample_type, **values), min_size=1, max_size=3))
    return Case(sample_type, samples)
