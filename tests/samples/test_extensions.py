from __future__ import annotations

import pytest

import atdata
from atdata.errors import SchemaError
from atdata.samples.extensions import content_of, is_pickle


@pytest.mark.parametrize("extension", ["txt", "left.png", "left.msgpack", "größe", "7z", "a-b_c.0"])
def test_extensions_are_taken(extension: str) -> None:
    assert atdata.Member(extension).extension == extension


@pytest.mark.parametrize(
    "extension",
    [
        *("", ".", ".txt", "txt.", "a..b", "a/b", "a\\b", "a b", "a\n", "\x00", "__key__"),
        *("x" * 81, "\ud800", "\u2028", "\u200b"),
    ],
)
def test_what_does_not_end_a_member_s_name_is_refused(extension: str) -> None:
    with pytest.raises(SchemaError, match="extension"):
        atdata.Member(extension)


def test_upper_case_is_refused_with_the_lower_case() -> None:
    with pytest.raises(SchemaError, match=r"Member\('txt'\)"):
        atdata.Member("TXT")


@pytest.mark.parametrize("extension", ["pyd", "pkl", "pickle", "pth", "pt", "x.pkl", "pkl.gz"])
def test_pickles_are_refused_with_the_way_to_convert_them(extension: str) -> None:
    with pytest.raises(SchemaError, match="convert"):
        atdata.Member(extension)


@pytest.mark.parametrize("extension", ["msgpack", "MsgPack"])
def test_the_member_of_packed_samples_is_refused(extension: str) -> None:
    with pytest.raises(SchemaError, match="packed sample") as caught:
        atdata.Member(extension)
    assert "name.msgpack" in str(caught.value.hint)


def test_an_extension_is_text() -> None:
    with pytest.raises(SchemaError, match="int"):
        atdata.Member(1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("extension", "content"),
    [
        ("json", "json"),
        ("left.JSON", "json"),
        ("cls", "integer"),
        ("transcript", "text"),
        ("jpg", "image"),
        ("json.gz", None),
        ("bin", None),
    ],
)
def test_the_last_part_decides_the_content(extension: str, content: str | None) -> None:
    assert content_of(extension) == content


def test_pickles_are_known_in_any_case() -> None:
    assert is_pickle("A.PyD")
    assert not is_pickle("pkl.json")
