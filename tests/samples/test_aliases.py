from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Literal, Optional, TypeVar, TypeVarTuple, Union

import numpy as np
import numpy.typing as npt
import pytest
from typing_extensions import TypeAliasType

import atdata
from atdata.errors import SchemaError
from atdata.samples import kinds
from atdata.samples.aliases import expanded
from atdata.samples.annotations import description_of, kind_of
from atdata.samples.lens import lens
from atdata.samples.stub_text import stub_text
from atdata.samples.to_schema import schema_document

T = TypeVar("T")
U = TypeVar("U")
S = TypeVar("S", bound=np.generic)
Ts = TypeVarTuple("Ts")

# As NumPy 2.5 has it, whatever NumPy is installed.
Array = TypeAliasType("Array", np.ndarray[Any, np.dtype[S]], type_params=(S,))
Floats = TypeAliasType("Floats", Array[np.float32])
Width = TypeAliasType("Width", Literal[28])
Image = TypeAliasType(
    "Image", np.ndarray[tuple[int, Width], np.dtype[TypeAliasType("Byte", np.uint8)]]
)
Caption = TypeAliasType("Caption", Annotated[str, "what is seen"])
Number = TypeAliasType("Number", int | float)
Maybe = TypeAliasType("Maybe", Optional[T], type_params=(T,))  # noqa: UP045
Swapped = TypeAliasType("Swapped", tuple[U, T], type_params=(T, U))
Same = TypeAliasType("Same", T, type_params=(T,))
Constant = TypeAliasType("Constant", list[int], type_params=(T,))
Many = TypeAliasType("Many", list[Swapped[T, int]], type_params=(T,))
Row = TypeAliasType("Row", tuple[*Ts], type_params=(Ts,))
Key = TypeAliasType("Key", str)

SCALAR, TEXT = kinds.Scalar(int), kinds.Scalar(str)
ALIASES = [
    (Array, kinds.ArrayOf()),
    (Array[Any], kinds.ArrayOf()),
    (Array[np.float32], kinds.ArrayOf(np.float32)),
    (Array[np.float32] | None, kinds.Nullable(kinds.ArrayOf(np.float32))),
    (list[Array[np.float32]], kinds.Sequence(kinds.ArrayOf(np.float32))),
    (npt.NDArray[np.float32], kinds.ArrayOf(np.float32)),
    (Floats, kinds.ArrayOf(np.float32)),
    (Image, kinds.ArrayOf(np.uint8, (None, 28))),
    (Caption, TEXT),
    (Annotated[Caption, "more"], TEXT),
    (Number, kinds.Scalar(float)),
    (Number | None, kinds.Nullable(kinds.Scalar(float))),
    (Union[int, TypeAliasType("F", float)], kinds.Scalar(float)),  # noqa: UP007
    (Maybe[Maybe[int]], kinds.Nullable(SCALAR)),
    (Maybe[Floats], kinds.Nullable(kinds.ArrayOf(np.float32))),
    (Swapped[int, str], kinds.FixedTuple((TEXT, SCALAR))),
    (Same[int], SCALAR),
    (Same, kinds.Plain()),
    (Constant[str], kinds.Sequence(SCALAR)),
    (Many[str], kinds.Sequence(kinds.FixedTuple((SCALAR, TEXT)))),
    (Row[int, str], kinds.FixedTuple((SCALAR, TEXT))),
    (dict[Key, Floats], kinds.Map(kinds.ArrayOf(np.float32))),
]


@pytest.mark.parametrize(("annotation", "kind"), ALIASES)
def test_an_alias_is_what_it_stands_for(annotation: Any, kind: kinds.Kind) -> None:
    assert kind_of(annotation) == kind


@pytest.mark.parametrize(
    "annotation",
    [int, None, Any, list[int], int | None, Literal["a"], np.ndarray, tuple[()], T, "text"],
)
def test_annotations_without_aliases_stay_themselves(annotation: Any) -> None:
    assert expanded(annotation) is annotation


def test_an_alias_brings_its_description() -> None:
    assert description_of(Caption) == "what is seen"


class Looped:
    """As ``type Looped = list[Looped]``, which Python 3.11 has no words for."""

    __name__ = "Looped"
    __type_params__ = ()

    @property
    def __value__(self) -> Any:
        return list[self]  # type: ignore[valid-type]


class Lost(Looped):
    @property
    def __value__(self) -> Any:
        return Missing  # type: ignore[name-defined]  # noqa: F821


def test_an_alias_that_holds_itself_is_refused() -> None:
    with pytest.raises(SchemaError, match="alias Looped holds itself"):
        kind_of(Looped())


def test_an_alias_of_what_is_not_defined_is_refused() -> None:
    with pytest.raises(SchemaError, match="names 'Missing'"):
        kind_of(Lost())


STATEMENTS = """
type Floats = np.ndarray[Any, np.dtype[np.float32]]
type Grid[S: np.generic] = np.ndarray[tuple[int, int], np.dtype[S]]
type Pair[A, B] = tuple[B, A]
type Row[*Items] = tuple[*Items]
type Tree = list[Tree]
"""


def statements() -> dict[str, Any]:
    """What the ``type`` statements define, and nothing before Python 3.12."""
    names: dict[str, Any] = {"np": np, "Any": Any}
    if sys.version_info >= (3, 12):
        exec(STATEMENTS, names)
    return names


def test_type_statements_are_read_where_python_has_them() -> None:
    names = statements()
    wanted = {
        "Floats": kinds.ArrayOf(np.float32),
        "Grid[np.uint8]": kinds.ArrayOf(np.uint8, (None, None)),
        "Pair[int, str]": kinds.FixedTuple((TEXT, SCALAR)),
        "Row[int, str]": kinds.FixedTuple((SCALAR, TEXT)),
    }
    for spelled, kind in wanted.items():
        if spelled.partition("[")[0] in names:
            assert kind_of(eval(spelled, names)) == kind
    if "Tree" in names:
        with pytest.raises(SchemaError, match="Tree holds itself"):
            kind_of(names["Tree"])


@atdata.packable
class Spectrum:
    values: Floats
    caption: Caption
    size: Number


@atdata.packable
class Spelled:
    values: np.ndarray[Any, np.dtype[np.float32]]
    caption: Annotated[str, "what is seen"]
    size: float


View = TypeAliasType("View", Spectrum)


def test_samples_are_the_same_with_aliases_and_without() -> None:
    one, other = schema_document(Spectrum), schema_document(Spelled)
    assert json.dumps(one).replace("pectrum", "pelled") == json.dumps(other)
    sample = Spectrum(np.ones(3, np.float32), "lines", 2.0)
    assert Spectrum.from_bytes(sample.packed).values.tolist() == [1, 1, 1]


def test_lenses_stubs_and_datasets_take_aliases() -> None:
    @lens
    def same(source: Spelled) -> View:
        return Spectrum(source.values, source.caption, source.size)

    assert (same.source_type, same.view_type) == (Spelled, Spectrum)
    assert "values: NDArray[float32]" in stub_text(Spectrum, "Spectrum")
    dataset = atdata.Dataset[View]("nowhere.tar")
    assert dataset.sample_type is Spectrum
    assert dataset.as_type(View) is dataset
