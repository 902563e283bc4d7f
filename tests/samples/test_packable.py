from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import atdata
from atdata.errors import SampleError, SchemaError
from atdata.samples.arrays import MAGIC
from atdata.samples.schema import schema_document


@atdata.packable
class Sample:
    """One sample."""

    features: NDArray[np.float32]
    label: int = 0


@dataclass
class Inherited(atdata.PackableSample):
    features: NDArray | None
    label: int = 0


@dataclass
class Keeping(atdata.PackableSample, unknown_fields="keep"):
    label: int


def sample(label: int = 3) -> Sample:
    return Sample(np.ones(4, np.float32), label)


def test_a_sample_survives_its_bytes() -> None:
    again = Sample.from_bytes(sample().packed)
    assert again == sample()
    assert again.features.dtype == np.float32


def test_as_wds_has_a_key_of_its_own_each_time() -> None:
    one, other = sample().as_wds, sample().as_wds
    assert one.keys() == {"__key__", "msgpack"}
    assert one["__key__"] != other["__key__"]
    assert "." not in one["__key__"]
    assert one["msgpack"] == sample().packed


def test_the_class_stays_the_same_class() -> None:
    class Plain:
        value: int

        def double(self) -> int:
            return __class__.twice(self.value)  # type: ignore[name-defined]

        @staticmethod
        def twice(value: int) -> int:
            return 2 * value

    assert atdata.packable(Plain) is Plain
    assert Plain(2).double() == 4  # type: ignore[call-arg]


def test_super_without_arguments_works() -> None:
    class Base:
        def name(self) -> str:
            return "base"

    @atdata.packable
    class Derived(Base):
        value: int

        def name(self) -> str:
            return f"derived of {super().name()}"

    assert Derived(1).name() == "derived of base"


def test_packable_classes_are_packable_samples() -> None:
    assert isinstance(sample(), atdata.PackableSample)
    assert issubclass(Sample, atdata.PackableSample)
    assert not isinstance(object(), atdata.PackableSample)


def test_isinstance_packs_nothing() -> None:
    broken = Sample("no array", 1)  # type: ignore[arg-type]
    with pytest.raises(SampleError):
        _ = broken.packed
    assert isinstance(broken, atdata.Packable)
    assert isinstance(atdata.DictSample(), atdata.Packable)
    assert not isinstance(3, atdata.Packable)


def test_equality_gives_a_bool() -> None:
    assert (sample() == sample()) is True
    assert (sample() == sample(4)) is False
    assert (sample() != Sample(np.zeros(4, np.float32), 3)) is True
    assert (sample() == "sample") is False


def test_equality_reaches_into_containers() -> None:
    @atdata.packable
    class Deep:
        parts: list[NDArray]
        table: dict[str, NDArray]

    def deep(value: float) -> Deep:
        return Deep([np.ones(2), np.full(3, value)], {"a": np.full(2, value)})

    assert deep(1) == deep(1)
    assert deep(1) != deep(2)


def test_fields_and_methods_of_ones_own_are_kept() -> None:
    @atdata.packable
    class Own:
        value: int
        note: str = field(default="", compare=False)

        def __repr__(self) -> str:
            return "own"

    @atdata.packable
    class Equal:
        value: int

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    assert Own(1, "a") == Own(1, "b")
    assert repr(Own(1)) == "own"
    assert Equal(1) == "anything"


def test_dataclass_without_eq_compares_by_identity() -> None:
    @dataclass(eq=False)
    class Single(atdata.PackableSample):
        value: int

    one = Single(1)
    assert one == one
    assert one != Single(1)
    assert hash(one)


def test_samples_are_unhashable_as_dataclasses_are_unless_frozen() -> None:
    @atdata.packable(frozen=True)
    class Frozen:
        value: int

    with pytest.raises(TypeError):
        hash(sample())
    assert hash(Frozen(1)) == hash(Frozen(1))
    assert Frozen.from_bytes(Frozen(1).packed) == Frozen(1)  # type: ignore[attr-defined]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Frozen(1).value = 2  # type: ignore[misc]


def test_plain_dataclasses_below_packable_sample_work() -> None:
    for features in (None, np.arange(3)):
        assert Inherited.from_bytes(Inherited(features, 2).packed) == Inherited(features, 2)


@pytest.mark.parametrize("slots", [True, False])
def test_stacked_dataclass_decorators_work(slots: bool) -> None:
    @atdata.packable
    @dataclass(slots=slots, order=True)
    class Stacked:
        label: int
        features: NDArray

    stacked = Stacked(1, np.ones(2))
    assert Stacked.from_bytes(stacked.packed) == stacked  # type: ignore[attr-defined]
    assert hasattr(stacked, "__dict__") is not slots


def test_slots_below_packable_sample_work() -> None:
    @dataclass(slots=True)
    class Slotted(atdata.PackableSample):
        features: NDArray

    slotted = Slotted(np.ones(2))
    assert Slotted.from_bytes(slotted.packed) == slotted
    assert not hasattr(slotted, "__dict__")


def test_inherited_fields_come_first() -> None:
    @atdata.packable
    class Base:
        label: int
        name: str = "base"

    @atdata.packable
    class Derived(Base):
        score: float = 0.5

    again = Derived.from_bytes(Derived(1, score=2.0).packed)  # type: ignore[attr-defined]
    assert again == Derived(1, "base", 2.0)
    assert list(vars(again)) == ["label", "name", "score"]
    # A sample of the one is not a sample of the other.
    assert Base(1) != Derived(1)
    assert type(Base.from_bytes(Base(1).packed)) is Base  # type: ignore[attr-defined]


def test_a_required_field_after_an_optional_one_is_a_clear_error() -> None:
    with pytest.raises(SchemaError, match="label") as caught:

        @atdata.packable
        class Wrong:
            name: str = ""
            label: int

    assert "kw_only" in str(caught.value)


def test_keyword_only_fields_may_come_in_any_order() -> None:
    @atdata.packable(kw_only=True)
    class Keyword:
        name: str = ""
        label: int

    assert Keyword.from_bytes(Keyword(label=1).packed) == Keyword(label=1)  # type: ignore[attr-defined]


def test_post_init_runs_and_computed_fields_are_no_data() -> None:
    @atdata.packable
    class Computed:
        label: int
        double: int = field(init=False)

        def __post_init__(self) -> None:
            self.double = 2 * self.label

    again = Computed.from_bytes(Computed(4).packed)  # type: ignore[attr-defined]
    assert again.double == 8
    assert b"double" not in Computed(4).packed  # type: ignore[attr-defined]


def test_what_init_raises_is_not_renamed() -> None:
    @atdata.packable
    class Checked:
        label: int

        def __post_init__(self) -> None:
            if self.label < 0:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Checked.from_data({"label": -1})  # type: ignore[attr-defined]


def test_an_init_of_ones_own_works() -> None:
    @dataclass(init=False)
    class Custom(atdata.PackableSample):
        label: int
        name: str

        def __init__(self, name: str, label: int, scale: int = 1) -> None:
            self.name, self.label = name, label * scale

    assert Custom.from_bytes(Custom("a", 2).packed) == Custom("a", 2)


def test_from_data_takes_arrays_and_their_bytes() -> None:
    from atdata.samples.arrays import to_npy

    features = np.ones(4, np.float32)
    for form in (features, to_npy(features), bytearray(to_npy(features))):
        assert Sample.from_data({"features": form, "label": 3}) == sample()


def test_unknown_fields_are_dropped_by_default() -> None:
    assert Sample.from_data({"features": np.ones(4, np.float32), "label": 3, "more": 1}) == sample()


def test_unknown_fields_can_be_refused() -> None:
    @atdata.packable(unknown_fields="refuse")
    class Strict:
        label: int

    @dataclass
    class Inheriting(atdata.PackableSample, unknown_fields="refuse"):
        label: int

    for strict in (Strict, Inheriting):
        with pytest.raises(SampleError, match="more"):
            strict.from_data({"label": 1, "more": 2})  # type: ignore[attr-defined]
        assert strict.from_data({"label": 1}).label == 1  # type: ignore[attr-defined]


def test_unknown_fields_can_be_kept_and_are_written_again() -> None:
    @atdata.packable(unknown_fields="keep")
    class Inner:
        value: int

    @atdata.packable(unknown_fields="keep", frozen=True)
    class Generous:
        inner: Inner
        label: int = 0

    data = {
        "inner": {"value": 1, "unit": "V"},
        "label": 2,
        "pixels": np.arange(3, dtype=np.uint8),
        "more": [1, {"a": None}],
    }
    read: Any = Generous.from_data(data)  # type: ignore[attr-defined]
    for generous in (read, Generous.from_bytes(read.packed), copy.copy(read)):  # type: ignore[attr-defined]
        assert (generous.label, generous.inner.value) == (2, 1)
        kept = atdata.kept_fields(generous)
        assert kept.keys() == {"pixels", "more"}
        assert kept["more"] == [1, {"a": None}]
        assert kept["pixels"].tolist() == [0, 1, 2]
        assert kept["pixels"].dtype == np.uint8
        assert atdata.kept_fields(generous.inner) == {"unit": "V"}
    assert read == Generous(Inner(1), 2)
    bare: Any = Generous(Inner(1), 2)
    assert atdata.kept_fields(bare) == {}
    assert atdata.DictSample.from_bytes(bare.packed).keys() == {"inner", "label"}


# Bytes that begin as an array's do are read as one.
BYTES = st.binary(max_size=20).filter(lambda data: not data.startswith(MAGIC))
PLAIN = st.integers(-(2**63), 2**64 - 1) | BYTES | st.none()


@given(st.dictionaries(st.text(max_size=5), PLAIN, max_size=20))
def test_what_is_kept_is_what_was_there(more: dict[str, Any]) -> None:
    data = more | {"label": 1}
    read = Keeping.from_data(data)
    again = atdata.DictSample.from_bytes(Keeping.from_bytes(read.packed).packed)
    assert again.to_dict() == data


def test_a_decoded_schema_keeps_what_its_class_keeps() -> None:
    decoded: Any = atdata.schema_to_type(schema_document(Keeping))
    sample = decoded.from_data({"label": 1, "more": 2})
    assert atdata.kept_fields(sample) == {"more": 2}


def test_the_switch_has_three_positions() -> None:
    with pytest.raises(SchemaError, match="hide"):
        atdata.packable(unknown_fields="hide")(type("T", (), {}))  # type: ignore[call-overload]


def test_there_must_be_room_for_what_is_kept() -> None:
    with pytest.raises(SchemaError, match="__slots__"):

        @atdata.packable(unknown_fields="keep")
        @dataclass(slots=True)
        class Tight:
            label: int


def test_types_of_the_surrounding_function_are_found() -> None:
    number = int

    @atdata.packable
    class Inner:
        value: number  # type: ignore[valid-type]

    @atdata.packable
    class Outer:
        inner: Inner
        maybe: Inner | None = None
        me: Outer | None = None

    outer = Outer(Inner(1), Inner(2), Outer(Inner(3)))
    assert Outer.from_bytes(outer.packed) == outer  # type: ignore[attr-defined]


def test_classes_defined_further_down_are_found() -> None:
    assert Early.from_bytes(Early(Late(1)).packed) == Early(Late(1))  # type: ignore[attr-defined]


@atdata.packable
class Early:
    late: Late


@atdata.packable
class Late:
    value: int


def test_names_that_are_never_defined_are_a_clear_error() -> None:
    @atdata.packable
    class Lost:
        value: Nowhere  # type: ignore[name-defined] # noqa: F821

    with pytest.raises(SchemaError, match="Nowhere") as caught:
        Lost.from_data({"value": 1})  # type: ignore[attr-defined]
    assert "TYPE_CHECKING" in str(caught.value)


@pytest.mark.parametrize("name", ["packed", "as_wds", "from_bytes", "from_data"])
def test_fields_may_not_hide_the_methods(name: str) -> None:
    with pytest.raises(SchemaError, match=name):
        atdata.packable(type("T", (), {"__annotations__": {name: int}}))


def test_samples_can_be_pickled_between_processes() -> None:
    assert pickle.loads(pickle.dumps(sample())) == sample()


def test_any_holds_plain_data_with_arrays() -> None:
    @atdata.packable
    class Free:
        value: Any

    for value in (None, 1, 2.5, "a", b"b", [1, [None]], {"a": [np.arange(3)]}):
        assert Free.from_bytes(Free(value).packed) == Free(value)  # type: ignore[attr-defined]
