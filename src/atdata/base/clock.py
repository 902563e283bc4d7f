"""The current time, as records and entries have it."""

from __future__ import annotations

from datetime import UTC, datetime


def now(unit: str = "milliseconds") -> str:
    """Return the current time as an RFC 3339 datetime, in UTC.

    Args:
        unit: The last unit that is given: ``seconds``, ``milliseconds`` or ``microseconds``.
    """
    return datetime.now(UTC).isoformat(timespec=unit).replace("+00:00", "Z")
