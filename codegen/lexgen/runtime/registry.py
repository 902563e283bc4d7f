"""Where the class of each type is. This one is of an empty catalog; ``build`` writes another."""

from __future__ import annotations

from typing import Final

TYPES: Final[dict[str, tuple[str, str]]] = {}
RECORDS: Final[frozenset[str]] = frozenset()
