from __future__ import annotations

import pytest

from atdata.base.labels import checked_license, checked_tags
from atdata.errors import RecordError
from atdata.local import LocalIndex
from readings import Reading


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("CC-BY-4.0", "CC-BY-4.0"),
        ("cc0-1.0", "CC0-1.0"),
        ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("LicenseRef-Lab", "LicenseRef-Lab"),
        ("https://example.org/license?v=1", "https://example.org/license?v=1"),
    ],
)
def test_a_license_is_an_spdx_expression_or_a_url(given: str, kept: str) -> None:
    assert checked_license(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "my own licence!",
        "",
        "CC-BY",
        "MIT AND",
        "ftp://a.org/x",
        "https://",
        "https://a.org/a b",
        7,
    ],
)
def test_another_license_is_refused_and_the_hint_says_what_is_accepted(given: str) -> None:
    with pytest.raises(RecordError, match="look up") as caught:
        checked_license(given)
    assert "SPDX" in (caught.value.hint or "")


def test_one_text_is_not_a_list_of_tags() -> None:
    with pytest.raises(RecordError, match=r"tags=\['abc'\]"):
        checked_tags("abc")
    assert checked_tags(("a", "b")) == ["a", "b"]


def test_a_schema_obeys_the_same_rules() -> None:
    index = LocalIndex()
    with pytest.raises(RecordError, match="look up"):
        index.publish_schema(Reading, license="my own licence!")
    with pytest.raises(RecordError, match="list of texts"):
        index.publish_schema(Reading, tags="abc")
    ref = index.publish_schema(Reading, license="mit", tags=["a"])
    assert (index.get_schema(ref)["license"], index.get_schema(ref)["tags"]) == ("MIT", ["a"])
