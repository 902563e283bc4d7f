"""Versions of schemas: their form, their order, and the differences between documents."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from typing import Any

from atdata.errors import SchemaError

# Semantic Versioning 2.0.0: three numbers without leading zeros, pre-release, build.
_NUMBER = r"(0|[1-9][0-9]*)"
_PART = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
    rf"(?:-({_PART}(?:\.{_PART})*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)


def version_order(version: str) -> tuple[Any, ...]:
    """Return a key that sorts versions by the precedence of Semantic Versioning 2.0.0.

    Raises:
        SchemaError: The version is not of that form.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise SchemaError(
            f"{version[:80]!r} is not a valid semantic version",
            hint="Write it as major.minor.patch: 1.0.0.",
        )
    major, minor, patch, pre_release = match.groups()
    parts = pre_release.split(".") if pre_release else []
    # Numbers come before words; a version without pre-release comes after those with one.
    ranks = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
    return int(major), int(minor), int(patch), not parts, ranks


def newest_first(versions: Iterable[str]) -> list[str]:
    """Return the versions, the latest first."""
    return sorted(versions, key=version_order, reverse=True)


def difference(published: str, offered: str) -> str:
    """Return the lines that differ between two schema documents (JSON text), as a unified diff."""
    sides = (
        json.dumps(json.loads(text), indent=1, sort_keys=True) for text in (published, offered)
    )
    old, new = (side.splitlines() for side in sides)
    lines = difflib.unified_diff(old, new, "published", "offered", lineterm="", n=2)
    return "\n".join(lines)
