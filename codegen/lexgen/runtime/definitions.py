"""The object definitions, as plain data. None here; ``build`` writes those of its catalog."""

from __future__ import annotations

from typing import Any, Final

DEFINITIONS: Final[dict[str, dict[str, Any]]] = {}
