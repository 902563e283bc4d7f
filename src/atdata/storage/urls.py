"""Parsing of URLs, before anything is opened."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote_plus, urlsplit

from atdata.base.redact import SIGNATURE
from atdata.base.redact import redacted as redacted
from atdata.errors import UrlError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|(pipe|file):")
_SIGNATURE = re.compile(rf"(?i){SIGNATURE}")
# Parameters that belong to a signature, where its marks are all present: S3 and GCS (4 and 2),
# Azure (shared access signatures), CloudFront.
_V4 = "algorithm credential date expires security-token signature signedheaders"
_AZURE = "se ses sig si sip ske skoid sks skt sktid skv sp spr sr st sv"
_SIGNING = [
    ({"x-amz-signature"}, {f"x-amz-{name}" for name in _V4.split()}),
    ({"x-goog-signature"}, {f"x-goog-{name}" for name in _V4.split()}),
    ({"signature", "awsaccesskeyid"}, {"signature", "awsaccesskeyid", "expires"}),
    ({"signature", "googleaccessid"}, {"signature", "googleaccessid", "expires"}),
    ({"signature", "key-pair-id"}, {"signature", "key-pair-id", "expires", "policy"}),
    ({"sig", "sv"}, set(_AZURE.split())),
]


def scheme_of(url: str) -> str:
    """Return a URL's scheme, such as ``"https"`` or ``"s3"``; ``""`` for a plain path."""
    match = _SCHEME.match(url)
    return (match[1] or match[2]).lower() if match else ""


def split_url(url: str) -> SplitResult:
    """Return the parts of a URL.

    Raises:
        UrlError: Its address or port is not valid.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UrlError(f"not a URL: {error}", uri=url) from error
    return parts


def unsigned(url: str) -> str:
    """Return a URL as it may be written down: without the parameters that sign it.

    The others stay as they are: they may select the file. If the URL is signed, its fragment is
    removed, too. ``s3://`` and ``gs://`` URLs stay whole: ``?`` is a part of the key.

    Raises:
        UrlError: It is not a URL.
    """
    parts = split_url(url).query.split("&")
    base = url.partition("?")[0]
    names = {unquote_plus(part.partition("=")[0]).lower() for part in parts}
    signing = {name for name in names if _SIGNATURE.fullmatch(name)}
    if not signing or scheme_of(url) in ("gs", "s3"):
        return url
    for marks, others in _SIGNING:
        if marks <= names:
            signing |= others
    kept = [part for part in parts if unquote_plus(part.partition("=")[0]).lower() not in signing]
    return f"{base}?{'&'.join(kept)}" if kept else base
