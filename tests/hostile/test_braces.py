"""Patterns of a record cost what its size costs, however many names they stand for."""

from __future__ import annotations

import pytest

from atdata.errors import UrlError
from atdata.sources import URLSource
from atdata.sources.braces import MAX_RECORD_NAMES, Names

from .measure import cost

_PIECES = 8000  # characters of a URL, of which a record of a mebibyte holds 128

BOMBS = {
    "a million names in each of 20 URLs": ["http://h/{0..999999}.tar"] * 20,
    "names that are long": ["http://h/" + "a" * 2000 + "{0..99999}.tar"],
    "numbers that are long": ["http://h/" + "{0..999999999999999999}" * 350],
    "empty options": ["http://h/{" + "," * _PIECES + "}"] * 128,
    "empty braces": ["http://h/" + "{}" * (_PIECES // 2)] * 128,
    "nested braces": ["http://h/" + "{{}}" * (_PIECES // 4)] * 128,
    "nested options": ["http://h/" + "{{,}}" * (_PIECES // 5)] * 128,
    "braces without a partner": ["http://h/" + "{" * _PIECES] * 128,
}


@pytest.mark.parametrize("urls", BOMBS.values(), ids=BOMBS)
def test_a_record_of_patterns_is_bounded(urls: list[str]) -> None:
    assert sum(map(len, urls)) < 1 << 20
    cost(
        "result(len(URLSource(arguments['urls'], untrusted=True).list_shards()))",
        setup="from atdata.sources import URLSource",
        arguments={"urls": urls},
    ).assert_bounded()


def test_bounds_are_of_all_urls_together() -> None:
    half = "http://example.org/{a,b}{00001..25000}.tar"
    assert len(URLSource([half, half], untrusted=True).list_shards()) == MAX_RECORD_NAMES
    with pytest.raises(UrlError, match="too many names"):
        URLSource([half, half, "http://example.org/one.tar"], untrusted=True)
    # The user's own may be more.
    assert len(URLSource([half] * 3)._names) == 150_000


def test_names_are_made_when_asked_for() -> None:
    taken = cost(
        "names = Names(['s-{0..499999}.tar', '{a,b}/{000000..249999}'])\n"
        "result([len(names), names[499_999], names[-1], names[750_000]])",
        setup="from atdata.sources.braces import Names",
    )
    assert taken.answer == [1_000_000, "s-499999.tar", "b/249999", "b/000000"]
    taken.assert_bounded(memory=1 << 20, cpu=0.1)


def test_names_are_a_sequence() -> None:
    names = Names(["{a,b{1..3},}x{0..9..3}", "plain", "{c,{d,e}}"])
    listed = list(names)
    assert [names[number] for number in range(-len(names), len(names))] == listed * 2
    assert names[3:9:2] == listed[3:9:2]
    assert "plain" in names
    assert names.index("e") == len(names) - 1
    with pytest.raises(IndexError):
        names[len(names)]
