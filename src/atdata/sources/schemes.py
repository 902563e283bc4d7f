"""What the text of a URL says, before anything is opened."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|(pipe|file):")
_SECRETS = re.compile(r"^([^/?#]*://)(?:[^/?#]*@)?([^?#]*)([?#].*)?$", re.DOTALL)


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
