"""Descriptions, tags and licenses in the records of datasets and schemas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from atdata.errors import RecordError


def checked_labels(
    *,
    description: str | None = None,
    tags: Sequence[str] | None = None,
    license: str | None = None,  # noqa: A002 - the lexicon's word
) -> dict[str, Any]:
    """Return those of a dataset's labels that are given, as records carry them.

    Raises:
        RecordError: The tags are not a list, or the license can't be looked up.
    """
    labels = {
        "description": description,
        "tags": None if tags is None else checked_tags(tags),
        "license": None if license is None else checked_license(license),
    }
    return {name: value for name, value in labels.items() if value is not None}


def checked_license(text: str) -> str:
    """Return a license as records carry it: a URL, or an SPDX expression in its canonical form.

    Accepted are URLs of http and https, and expressions of the identifiers in the SPDX list
    (``CC-BY-4.0``, ``MIT OR Apache-2.0``); for a license that is not in it, ``LicenseRef-`` and
    a name.

    Raises:
        RecordError: It is neither.
    """
    if isinstance(text, str) and _is_web_address(text):
        return text
    # The list of all licenses is read when it is needed.
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return canonicalize_license_expression(text)
    except (InvalidLicenseExpression, AttributeError, TypeError):
        raise RecordError(
            f"{text!r:.120} is not a license that others can look up",
            hint="Give an SPDX expression (CC-BY-4.0, MIT OR Apache-2.0, or LicenseRef-Name for "
            "a license of your own), or the http(s) URL of the license's text.",
        ) from None


def checked_tags(tags: Sequence[str]) -> list[str]:
    """Return tags as a list.

    Raises:
        RecordError: It is a single text, which would become a tag for each letter.
    """
    if isinstance(tags, str | bytes):
        raise RecordError(
            f"tags are a list of texts, not the single text {tags!r:.80}",
            hint=f"Write tags=[{tags!r:.80}].",
        )
    return list(tags)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and text.isprintable()
        and " " not in text
    )
