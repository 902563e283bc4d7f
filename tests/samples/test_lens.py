from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

import atdata
from atdata import DictSample, Lens, LensNetwork
from atdata.errors import SampleError, SchemaError
from atdata.samples.lens import from_dict_sample
from atdata.samples.members import member_codec
from atdata.testing import check_lens_laws


@atdata.packable
class Full:
    image: NDArray[np.uint8]
    label: int
    name: str = "unnamed"


@atdata.packable
class Labelled:
    label: int


@atdata.packable
class Doubled:
    twice: int


@atdata.lens
def labelled(full: Full) -> Labelled:
    """Only the label."""
    return Labelled(full.label)


@labelled.putter
def put_label(view: Labelled, full: Full) -> Full:
    return Full(full.image, view.label, full.name)


@atdata.lens
def doubled(view: Labelled) -> Doubled:
    return Doubled(2 * view.label)


FULL = Full(np.zeros((2, 2), np.uint8), 3, "a")
LABELS = st.integers(-(2**62), 2**62)
FULLS = st.builds(Full, st.just(FULL.image), LABELS, st.text(max_size=3))
VIEWS = st.builds(Labelled, LABELS)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[LensNetwork]:
    """The network, whose new lenses are forgotten after the test."""
    lenses = {source: dict(views) for source, views in LensNetwork()._lenses.items()}
    monkeypatch.setattr(LensNetwork(), "_lenses", lenses)
    return LensNetwork()


def test_a_lens_sees_and_puts() -> None:
    assert labelled(FULL) == labelled.get(FULL) == Labelled(3)
    assert labelled.put(Labelled(4), FULL) == put_label(Labelled(4), FULL)
    assert (labelled.source_type, labelled.view_type) == (Full, Labelled)
    assert labelled.__doc__ == "Only the label."
    with pytest.raises(SampleError, match="no way back"):
        doubled.put(Doubled(2), Labelled(1))


def test_there_is_one_network(network: LensNetwork) -> None:
    assert network is LensNetwork()
    assert network.transform(Full, Labelled) is labelled
    assert {labelled, doubled} <= set(network)


def test_ways_are_composed() -> None:
    way = LensNetwork().transform(Full, Doubled)
    assert way(FULL) == Doubled(6)
    with pytest.raises(SampleError):
        way.put(Doubled(2), FULL)
    with pytest.raises(SchemaError, match="no lens leads from Doubled to Full"):
        LensNetwork().transform(Doubled, Full)


def test_of_two_equally_short_ways_none_is_taken(network: LensNetwork) -> None:
    @atdata.packable
    class Middle:
        label: int

    @atdata.lens
    def to_middle(full: Full) -> Middle:
        return Middle(full.label)

    @atdata.lens
    def from_middle(middle: Middle) -> Doubled:
        return Doubled(-middle.label)

    with pytest.raises(SchemaError, match=r"equally short: Full -> .* and Full -> "):
        network.transform(Full, Doubled)

    @atdata.lens
    def direct(full: Full) -> Doubled:
        return Doubled(0)

    assert network.transform(Full, Doubled) is direct


@pytest.mark.parametrize("put_put", [False, True])
def test_the_laws_hold(put_put: bool) -> None:
    check_lens_laws(labelled, FULLS, VIEWS, put_put=put_put)


def test_compositions_keep_the_laws() -> None:
    onward = Lens(
        lambda view: Doubled(view.label + 1),
        lambda seen, view: Labelled(seen.twice - 1),
        source_type=Labelled,
        view_type=Doubled,
    )
    check_lens_laws(labelled.then(onward), FULLS, st.builds(Doubled, LABELS))


def test_a_lens_takes_its_types_from_the_getter() -> None:
    def get(full: Full) -> Labelled:
        return Labelled(full.label)

    def put(view: Labelled, full: Full) -> Full:
        return Full(full.image, view.label, full.name)

    made = Lens(get, put=put)
    assert (made.source_type, made.view_type) == (Full, Labelled)
    check_lens_laws(made, FULLS, VIEWS)
    assert Lens(lambda full: Labelled(full.label), source_type=Full, view_type=Labelled)(FULL) == (
        Labelled(3)
    )
    with pytest.raises(SchemaError, match="not the getter of a lens"):
        Lens(lambda full: full)


def test_lenses_are_composed_by_an_operator() -> None:
    composed = labelled | doubled
    assert (composed.source_type, composed.view_type) == (Full, Doubled)
    assert composed(FULL) == Doubled(6)
    with pytest.raises(SchemaError, match="types differ"):
        doubled | labelled  # type: ignore[operator]


def test_the_identity_changes_nothing_and_composes() -> None:
    identity = Lens.identity(Full)
    assert identity(FULL) is FULL
    check_lens_laws(identity, FULLS, FULLS)
    check_lens_laws(identity | labelled, FULLS, VIEWS)
    assert LensNetwork().transform(Full, Full)(FULL) is FULL
    assert pickle.loads(pickle.dumps(identity))(FULL) is FULL


@pytest.mark.parametrize(
    ("put", "law"),
    [
        (lambda view, full: full, "PutGet"),
        (lambda view, full: Full(full.image, view.label, full.name + "!"), "GetPut"),
    ],
)
def test_a_broken_law_is_found(put: Any, law: str) -> None:
    broken = Lens(labelled.get, put, source_type=Full, view_type=Labelled)
    with pytest.raises(AssertionError, match=law):
        check_lens_laws(broken, FULLS, VIEWS)


def test_samples_of_no_type_have_a_lens_to_every_class() -> None:
    lens = from_dict_sample(Full)
    plain = DictSample(image=FULL.image, label=3, other=[1])
    assert lens(plain) == Full(FULL.image, 3)
    assert lens.put(lens(plain), plain) == plain  # "name" stays missing
    assert lens.put(Full(FULL.image, 3, "b"), plain)["name"] == "b"
    sources = FULLS.map(lambda full: DictSample(**vars(full), other=1))
    check_lens_laws(LensNetwork().transform(DictSample, Full), sources, FULLS)


def test_samples_that_were_read_as_members_have_one_too() -> None:
    @atdata.packable
    class Captioned:
        caption: Annotated[str, atdata.Member("txt")]
        cls: int = 0
        note: Annotated[str, atdata.Member("note.txt")] | None = None

    members = {"txt": b"a", "json": b'{ "kept": 1 }', "note.txt": b"x"}
    read = member_codec(DictSample).decode(members)
    lens = LensNetwork().transform(DictSample, Captioned)
    assert lens(read) == Captioned("a", 0, "x")
    unchanged = member_codec(DictSample).encode(lens.put(lens(read), read))
    assert dict(unchanged) == members
    changed = member_codec(DictSample).encode(lens.put(Captioned("b", 1), read))
    assert dict(changed) == {"txt": b"b", "cls": b"1", "json": members["json"]}


def test_a_written_lens_goes_before_that_one(network: LensNetwork) -> None:
    @atdata.lens
    def mine(sample: DictSample) -> Labelled:
        return Labelled(-1)

    assert network.transform(DictSample, Labelled) is mine


def test_types_must_be_annotated() -> None:
    with pytest.raises(SchemaError, match="not the getter"):
        atdata.lens(lambda full: full)
    with pytest.raises(SchemaError, match="unknown"):

        @atdata.lens
        def odd(full: Full) -> Missing:  # type: ignore[name-defined]  # noqa: F821
            ...


def test_a_lens_of_the_network_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(labelled)) is labelled
