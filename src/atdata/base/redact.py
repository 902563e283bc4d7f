"""URLs and messages without the secrets that URLs carry: passwords and signatures."""

from __future__ import annotations

import re

_URL = re.compile(r"^([^/?#]*://)(?:[^/?#]*@)?([^?#]*)([?#].*)?$", re.DOTALL)
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@")

# Parameters by which S3, GCS, Azure and CloudFront sign a URL.
SIGNATURE = r"(?:x-(?:amz|goog)-(?:signature|credential|security-token)|signature|sig)"
_SIGNED = re.compile(rf"(?i)([?&]{SIGNATURE}=)[^&\s'\"]*")


def redacted(url: str) -> str:
    """Return a URL as errors and reprs may show it: without password, query and fragment.

    Presigned URLs carry their signature in the query. The keys of buckets may hold ``?`` and
    ``#``, and have no query.
    """
    if not (match := _URL.match(url)):
        return url
    if match[1].lower() in ("s3://", "gs://"):
        return redacted_text(url)
    return f"{match[1]}{match[2]}{'?…' if match[3] else ''}"


def redacted_text(text: str) -> str:
    """Return a message with the passwords and signatures of the URLs in it removed."""
    return _SIGNED.sub(r"\1…", _USER.sub(r"\1", text))
