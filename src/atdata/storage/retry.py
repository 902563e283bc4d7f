"""Trying again, where trying again may help."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from atdata.base.extras import require
from atdata.errors import NetworkError

ATTEMPTS = 5
"""How often the same is tried, all in all."""
LONGEST_WAIT = 60.0
"""Seconds; a server that wants to be left alone for longer is told to the user instead."""

# stamina tells each retry as a warning, which without any logging set up lands on stderr.
logging.getLogger("stamina").addHandler(logging.NullHandler())


def attempts() -> Iterable[AbstractContextManager[Any]]:
    """Up to five tries, to be made ``with`` each in turn; one that succeeds is the last.

    Errors pass through, except a transient ``NetworkError`` before the last try. Before the next
    one is waited for as long as the server has asked for, otherwise a fifth of a second and then
    twice as long each time, with some jitter.

    Raises:
        MissingExtra: stamina is not installed.
    """
    tries: Iterable[AbstractContextManager[Any]] = require("stamina", extra="http").retry_context(
        on=_wait, attempts=ATTEMPTS, timeout=None, wait_initial=0.2, wait_max=10, wait_jitter=0.2
    )
    return tries


def _wait(error: Exception) -> bool | float:
    """Whether to try again, or after how many seconds."""
    if not isinstance(error, NetworkError) or not error.transient:
        return False
    if error.retry_after is None:
        return True
    return error.retry_after <= LONGEST_WAIT and error.retry_after
