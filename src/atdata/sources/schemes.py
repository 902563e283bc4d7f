"""What the text of a URL says, before anything is opened."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|(pipe|file):")
_SECRETS = re.compile(r"^([^/?#]*://)(?:[^/?#]*@)?([^?#]*)([?#].*)?$", re.DOTALL)

# Parameters by which S3, GCS, Azure and CloudFront sign a URL.
_SIGNATURES = re.compile(r"(?i)x-(amz|goog)-(signature|credential|security-token)|signature|sig")


def scheme_of(url: str) -> str:
    """``"https"``, ``"s3"``, …; ``""`` for a plain path."""
    match = _SCHEME.match(url)
    return (match[1] or match[2]).lower() if match else ""


def redacted(url: str) -> str:
    """A URL as errors and reprs may show it: without password, query and fragment.

    Presigned URLs carry their signature in the query.
    """
    if not (match := _SECRETS.match(url)):
        return url
    return f"{match[1]}{match[2]}{'?…' if match[3] else ''}"


def unsigned(url: str) -> str:
    """A URL as it may be written down: without the query, if that signs."""
    query = urlsplit(url).query
    signs = any(_SIGNATURES.fullmatch(name) for name, _ in parse_qsl(query))
    return url.partition("?")[0] if signs else url
