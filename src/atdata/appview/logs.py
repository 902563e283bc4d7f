"""The service's log: a message is one line, even with text of other origin in it."""

from __future__ import annotations

import logging

from atdata.base.redact import redacted_text
from atdata.base.text import one_line

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_INSIDE = "  | "  # begins the lines of a traceback, so that none looks like a message


class SafeFormatter(logging.Formatter):
    """Writes messages without control characters, passwords or line breaks."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line of a message."""
        return one_line(redacted_text(super().formatMessage(record)))

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        """Return the lines of a traceback."""
        return _inside(super().formatException(ei))  # type: ignore[arg-type]

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's name
        """Return the lines of a stack."""
        return _inside(stack_info)


def set_up_logging() -> None:
    """Write messages of this process to stderr, one a line."""
    handler = logging.StreamHandler()
    handler.setFormatter(SafeFormatter(_FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # httpx logs each request with its URL at this level.
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _inside(text: str) -> str:
    return "\n".join(_INSIDE + one_line(redacted_text(line)) for line in text.splitlines())
