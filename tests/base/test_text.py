from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.base.text import one_line, safe_json, safe_text

HOSTILE = {
    "an escape sequence": "\x1b[2J",
    "a clipboard command": "\x1b]52;c;cm0gLXJm\x07",
    "its one-byte form": "\x9b2J",
    "a carriage return": "good\rbad",
    "right to left": "gpj.\u202eexe",
    "isolates": "\u2066a\u2069",
    "a line separator": "a\u2028b",
    "tags": "a\U000e0041",
    "a lone surrogate": "a\ud800",
    "a zero-width space": "na\u200bme",
}
HARMLESS = [
    "plain",
    "Zoë",
    "naïve—“quotes”",
    "数据集",
    "שלום",
    "👩\u200d🚀 astronaut",
    "می\u200cخواهم",
]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_loses_its_power_and_stays_visible(text: str) -> None:
    shown = one_line(text)
    assert shown != text
    assert "\\" in shown
    assert one_line(shown) == shown
    shown.encode()


@pytest.mark.parametrize("text", HARMLESS)
def test_text_of_any_script_is_unchanged(text: str) -> None:
    assert one_line(text) == safe_text(text) == text


def test_line_ends_are_kept_only_where_lines_are_expected() -> None:
    assert one_line("a\nb\tc") == "a\\x0ab\\x09c"
    assert safe_text("a\nb\tc\r") == "a\nb\tc\\x0d"


@given(st.text(st.characters()) | st.text(st.sampled_from("".join(HOSTILE.values()))))
def test_safe_json_means_the_same(text: str) -> None:
    document = json.dumps({text: [text]}, ensure_ascii=False, indent=1)
    shown = safe_json(document)
    assert json.loads(shown) == json.loads(document)
    assert one_line(shown.replace("\n", "")) == shown.replace("\n", "")


@given(st.text(st.characters()))
def test_what_is_shown_is_printable_and_can_be_encoded(text: str) -> None:
    shown = one_line(text)
    shown.encode()
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in shown)
