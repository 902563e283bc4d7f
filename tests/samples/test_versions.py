from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import SchemaError
from atdata.samples.versions import newest_first, version_order

# The example of semver.org, section 11, and a few of our own.
ASCENDING = [
    "0.0.1",
    "0.9.0",
    "1.0.0-0",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.2",
    "1.0.10",
    "2.0.0",
    "10.0.0",
]


@given(st.permutations(ASCENDING))
def test_the_latest_is_the_one_of_the_highest_precedence(versions: list[str]) -> None:
    assert newest_first(versions) == ASCENDING[::-1]


@pytest.mark.parametrize("version", ["1.0.0+build.5", "1.0.0-x-y-z.--", "1.0.0-rc.1+7"])
def test_all_forms_are_understood(version: str) -> None:
    assert version_order(version)[:3] == (1, 0, 0)


@pytest.mark.parametrize(
    "version",
    ["", "1", "1.0", "1.0.0 ", "1.0.0.0", "01.0.0", "1.0.0-01", "v1.0.0", "1.0.0-",
     "1.0.0\n", "1.0.x", "\uff11.0.0",
     "__import__('os')", "1.0.0/../.."],
)  # fmt: skip
def test_other_forms_are_refused(version: str) -> None:
    with pytest.raises(SchemaError):
        version_order(version)
