"""Retries of transient errors."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from atdata.base.extras import require
from atdata.errors import NetworkError

ATTEMPTS = 5
"""Number of attempts in all."""
LONGEST_WAIT = 60.0
"""Seconds; if a server asks for a longer wait, the error is raised to the user instead."""

# stamina logs each retry as a warning, which goes to stderr if logging is not configured.
logging.getLogger("stamina").addHandler(logging.NullHandler())


def attempts() -> Iterable[AbstractContextManager[Any]]:
    """Return up to five attempts: enter each ``with`` in turn; one that succeeds is the last.

    Errors pass through, except a transient ``NetworkError`` before the last attempt. The wait
    before the next attempt is what the server has asked for; otherwise a fifth of a second at
    first and then twice as long each time, with some jitter.

    Raises:
        MissingExtra: stamina is not installed.
    """
    tries: Iterable[AbstractContextManager[Any]] = require("stamina", extra="http").retry_context(
        on=_wait, attempts=ATTEMPTS, timeout=None, wait_initial=0.2, wait_max=10, wait_jitter=0.2
    )
    return tries


def _wait(error: Exception) -> bool | float:
    """Return whether to try again, or after how many seconds."""
    if not isinstance(error, NetworkError) or not error.transient:
        return False
    if error.retry_after is None:
        return True
    return error.retry_after <= LONGEST_WAIT and error.retry_after
