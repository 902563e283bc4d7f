"""Headers and statuses of HTTP, for all servers that speak it: ranges, waits, transient errors."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from atdata.errors import NetworkError

# Statuses of transient errors.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
# Numbers with more digits are not plausible sizes, and are expensive to parse.
_EXTENT = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_NUMBER = re.compile(r"[0-9]{1,18}")


def byte_range(start: int, stop: int | None) -> str | None:
    """Return the Range header that asks for bytes ``start:stop``; None for a whole file."""
    if not start and stop is None:
        return None
    return f"bytes={start}-{'' if stop is None else stop - 1}"


def content_range(header: str) -> tuple[int, int, int | None] | None:
    """Return offsets of the first and last byte sent, and the file's size; None if not a range."""
    found = _EXTENT.fullmatch(header)
    return found and (int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3]))


def length(header: str) -> int | None:
    """Return the number in a Content-Length header; None if it has none."""
    return int(header) if _NUMBER.fullmatch(header) else None


def retry_after(header: str) -> float | None:
    """Return the seconds that a Retry-After header (a number or a date) asks for, or None."""
    if _NUMBER.fullmatch(header):
        return float(header)
    until = date(header)
    return max((until - datetime.now(UTC)).total_seconds(), 0.0) if until else None


def date(header: str) -> datetime | None:
    """Return the time in a header; None if it is not a date."""
    try:
        found = parsedate_to_datetime(header)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def is_passing(status: int) -> bool:
    """Return whether a status is that of a transient error."""
    return status in _PASSING


def refusal(
    message: str,
    status: int | None,
    wait: str,
    *,
    transient: bool = True,
    uri: str,
    hint: str | None = None,
) -> NetworkError:
    """Return the error for a refused request, with its status and the wait that was asked for.

    Args:
        message: What is wrong.
        status: The HTTP status.
        wait: The Retry-After header; empty if there is none.
        transient: Whether trying again may help.
        uri: What was asked for.
        hint: What to do next.
    """
    error = NetworkError(message, uri=uri, hint=hint)
    error.status, error.transient, error.retry_after = status, transient, retry_after(wait)
    return error
