from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import UrlError
from atdata.sources.braces import MAX_NAMES, Names

PATTERNS = {
    "data.tar": ["data.tar"],
    "d-{0..3}.tar": ["d-0.tar", "d-1.tar", "d-2.tar", "d-3.tar"],
    "{08..11}": ["08", "09", "10", "11"],
    "{3..1}": ["3", "2", "1"],
    "{-1..1}": ["-1", "0", "1"],
    "{-01..1}": ["-01", "000", "001"],
    "{0..10..5}": ["0", "5", "10"],
    "{5..0..-2}": ["5", "3", "1"],
    "{train,val}/{0..1}": ["train/0", "train/1", "val/0", "val/1"],
    "{a,b{1..2},}x": ["ax", "b1x", "b2x", "x"],
    "{x}": ["{x}"],
    "{{a,b}}": ["{a}", "{b}"],
    "a,b": ["a,b"],
    "{1..x}": ["{1..x}"],
}


@pytest.mark.parametrize(("pattern", "names"), PATTERNS.items())
def test_patterns(pattern: str, names: list[str]) -> None:
    assert list(Names([pattern])) == names
    assert len(Names([pattern])) == len(names)


def test_a_shell_agrees() -> None:
    bash = shutil.which("bash")
    assert bash, "this test compares with bash"
    for pattern, names in PATTERNS.items():
        said = subprocess.run([bash, "-c", f"echo {pattern}"], capture_output=True, text=True)
        assert said.stdout.split() == [name for name in names if name]


@pytest.mark.parametrize("pattern", ["{a", "a}", "{a,{b}", "}{", "{{0..1}", "{0..1}}"])
def test_braces_without_partner_raise(pattern: str) -> None:
    with pytest.raises(UrlError, match="no partner"):
        Names([pattern])


def test_nesting_is_bounded() -> None:
    with pytest.raises(UrlError, match="too deep"):
        Names(["{" * 10_000])


@pytest.mark.parametrize(
    "pattern", ["{0..1000000}", "{0..9}" * 7, "{0..999999999999999999}", "{0..999999}{0..999999}"]
)
def test_too_many_names_are_refused_before_any_is_made(pattern: str) -> None:
    assert len(Names([pattern], limit=10**30)) > MAX_NAMES
    with pytest.raises(UrlError, match="the limit is 1000000"):
        Names([pattern])


def test_a_million_names_come_one_by_one() -> None:
    names = iter(Names(["s-{000000..999999}.tar"]))
    assert [next(names), next(names)] == ["s-000000.tar", "s-000001.tar"]


@given(st.text(alphabet="ab{},.0123-", max_size=20))
def test_counting_agrees_with_expanding(pattern: str) -> None:
    try:
        number = len(Names([pattern], limit=10**30))
    except UrlError:
        return
    if number <= 5000:
        assert len(list(Names([pattern]))) == number
