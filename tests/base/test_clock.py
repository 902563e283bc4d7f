"""The current time, as text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from atdata.base.clock import now
from atdata_records import formats


@pytest.mark.parametrize(
    ("unit", "length"), [("seconds", 20), ("milliseconds", 24), ("microseconds", 27)]
)
def test_the_time_is_a_datetime_of_utc_in_the_unit(unit: str, length: int) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    text = now(unit)
    assert formats.is_datetime(text)
    assert (len(text), text[-1]) == (length, "Z")
    assert before <= datetime.fromisoformat(text) <= datetime.now(UTC)
