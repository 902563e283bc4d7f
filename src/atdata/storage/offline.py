"""Whether the user forbids network requests."""

from __future__ import annotations

import os

from atdata.base.redact import redacted
from atdata.errors import NetworkError


def is_offline() -> bool:
    """Return whether the user forbids network requests: ``ATDATA_OFFLINE=1``."""
    return os.environ.get("ATDATA_OFFLINE") == "1"


def refuse_offline(url: str) -> None:
    """Refuse a request while offline.

    Raises:
        NetworkError: The user is offline.
    """
    if is_offline():
        raise NetworkError(
            "this is not on this machine, and ATDATA_OFFLINE=1 keeps off the network",
            uri=redacted(url),
            hint="Unset ATDATA_OFFLINE, or read it once while online so that it is cached.",
        )
