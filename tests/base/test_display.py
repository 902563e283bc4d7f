from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from atdata.base.display import counted, first_few, html_table

TEXT = st.text("<>&'\"/abc \n\0ä", max_size=20) | st.just("<script>alert(1)</script>")
VALUES = (
    TEXT | st.integers() | st.none() | st.lists(TEXT, max_size=30) | st.dictionaries(TEXT, TEXT)
)


class Parsed(HTMLParser):
    """The tags and the text of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        self.tags.append(tag)
        assert attrs in ([], [("style", "text-align:left")])

    def handle_data(self, data: str) -> None:
        self.text += data


@given(TEXT, st.lists(st.tuples(TEXT, VALUES), max_size=5))
def test_no_text_becomes_a_tag(title: str, rows: list[tuple[str, Any]]) -> None:
    parsed = Parsed(html_table(title, rows))
    assert set(parsed.tags) <= {"table", "caption", "tbody", "tr", "th", "td", "br"}
    shown = [name for name, value in rows if value is not None]
    assert parsed.tags.count("tr") == len(shown)


def test_what_is_not_there_has_no_row() -> None:
    assert html_table("t", [("a", 1), ("b", None), ("c", "")]) == (
        "<table><caption>t</caption><tbody>"
        "<tr><th style='text-align:left'>a</th><td>1</td></tr>"
        "<tr><th style='text-align:left'>c</th><td></td></tr></tbody></table>"
    )


def test_everything_is_bounded() -> None:
    long = "x" * 100_000
    rows: list[tuple[str, Any]] = [(long, long), ("list", [long] * 100_000)]
    html = html_table(long, rows + [(f"{n}", n) for n in range(100_000)])
    assert len(html) < 30_000
    text = Parsed(html).text
    assert "… 99980 more" in text
    assert "…99902 more" in text


def test_the_first_few() -> None:
    assert first_few([]) == []
    assert first_few(["a", "b", "c"]) == ["a", "b", "c"]
    assert first_few(list("abcde")) == ["a", "b", "c", "… 2 more"]
    assert len(first_few(["x" * 10_000])[0]) == 501


def test_a_number_has_the_word_for_one_or_several() -> None:
    assert [counted(n, "shard") for n in (0, 1, 2)] == ["0 shards", "1 shard", "2 shards"]
    assert counted(1797, "sample") == "1,797 samples"
