"""The generator: lexicons in; typed records, validators, schemas and reference pages out.

``build``, ``check``, ``lint``, ``breaking`` and ``diff`` do what the commands of these names do,
and return what they found.
"""

from __future__ import annotations

from lexgen.api import Build, Drift, Findings, breaking, build, check, diff, lint
from lexgen.document import Finding
from lexgen.errors import (
    CatalogError,
    LexgenError,
    MissingToolError,
    PackageNameError,
    RevisionError,
)

__all__ = [
    "Build",
    "CatalogError",
    "Drift",
    "Finding",
    "Findings",
    "LexgenError",
    "MissingToolError",
    "PackageNameError",
    "RevisionError",
    "breaking",
    "build",
    "check",
    "diff",
    "lint",
]
