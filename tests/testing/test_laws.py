from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import strategies as st

import atdata
from atdata import Lens, LensNetwork
from atdata.testing import check_lens_laws


@atdata.packable
class Pair:
    left: int
    right: int


@atdata.packable
class Left:
    left: int


@atdata.packable
class Text:
    text: str


INTEGERS = st.integers(-100, 100)
PAIRS = st.builds(Pair, INTEGERS, INTEGERS)
LEFTS = st.builds(Left, INTEGERS)


def lens(put: object) -> Lens[Pair, Left]:
    return Lens(lambda pair: Left(pair.left), put, source_type=Pair, view_type=Left)  # type: ignore[arg-type]


SOUND = lens(lambda view, pair: Pair(view.left, pair.right))
IN_TEXT: Lens[Left, Text] = Lens(
    lambda view: Text(str(view.left)),
    lambda seen, view: Left(int(seen.text)),
    source_type=Left,
    view_type=Text,
)


def test_a_well_behaved_lens_passes() -> None:
    check_lens_laws(SOUND, PAIRS, LEFTS)
    check_lens_laws(SOUND, PAIRS, LEFTS, put_put=True)


@pytest.mark.parametrize(
    ("put", "law"),
    [
        (lambda view, pair: pair, "PutGet"),
        (lambda view, pair: Pair(view.left, 0), "GetPut"),
        (lambda view, pair: Pair(abs(view.left), pair.right), "GetPut"),
    ],
)
def test_a_broken_law_is_named_with_the_lens_and_the_sample(put: object, law: str) -> None:
    with pytest.raises(AssertionError, match=rf"Lens\(Pair -> Left\) breaks {law}: Pair|Left"):
        check_lens_laws(lens(put), PAIRS, LEFTS)


def test_a_second_put_that_remembers_the_first_is_found() -> None:
    counting = lens(
        lambda view, pair: (
            pair if view.left == pair.left else Pair(view.left, (pair.right + 1) % 1000)
        )
    )
    check_lens_laws(counting, PAIRS, LEFTS)
    with pytest.raises(AssertionError, match="PutPut"):
        check_lens_laws(counting, PAIRS, LEFTS, put_put=True)


def test_compositions_of_lawful_lenses_are_lawful() -> None:
    texts = st.builds(Text, INTEGERS.map(str))
    check_lens_laws(SOUND.then(IN_TEXT), PAIRS, texts, put_put=True)


def test_so_are_those_that_the_network_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LensNetwork(), "_lenses", {})
    for one in (SOUND, IN_TEXT):
        LensNetwork().register(one)
    found = LensNetwork().transform(Pair, Text)
    check_lens_laws(found, PAIRS, st.builds(Text, INTEGERS.map(str)))


def test_so_many_examples_are_tried() -> None:
    seen: list[Left] = []

    def put(view: Left, pair: Pair) -> Pair:
        seen.append(view)
        return Pair(view.left, pair.right)

    check_lens_laws(lens(put), PAIRS, LEFTS, examples=7)
    assert 7 <= len(seen) <= 2 * 7 + 2


_WITHOUT = """
import sys
sys.modules["hypothesis"] = None
from atdata.errors import MissingExtra
from atdata.testing.laws import check_lens_laws
try:
    check_lens_laws(None, None, None)
except MissingExtra as error:
    print(error)
"""


def test_without_hypothesis_the_extra_is_named() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=True
    )
    assert "pip install 'atdata-sdk[testing]'" in answer.stdout
