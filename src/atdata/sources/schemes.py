"""What the text of a URL says, before anything is opened."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

from atdata.base.redact import SIGNATURE
from atdata.base.redact import redacted as redacted
from atdata.errors import UrlError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|(pipe|file):")
_SIGNATURE = re.compile(rf"(?i){SIGNATURE}")


def scheme_of(url: str) -> str:
    """``"https"``, ``"s3"``, …; ``""`` for a plain path."""
    match = _SCHEME.match(url)
    return (match[1] or match[2]).lower() if match else ""


def split_url(url: str) -> SplitResult:
    """Return the parts of a URL.

    Raises:
        UrlError: It has none: its address or port can't be one.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UrlError(f"not a URL: {error}", uri=url) from error
    return parts


def unsigned(url: str) -> str:
    """A URL as it may be written down: without the query, if that signs."""
    query = split_url(url).query
    signs = any(_SIGNATURE.fullmatch(name) for name, _ in parse_qsl(query))
    return url.partition("?")[0] if signs else url
