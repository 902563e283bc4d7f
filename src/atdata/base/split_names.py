"""The names of splits, and their other names, as words in the names of files and folders."""

from __future__ import annotations

import re

DEFAULT_SPLIT = "train"
SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "development": "validation",
}
"""The split that each name means."""


def split_in(path: str) -> str | None:
    """Return the split that the last such word of a path names; None without one."""
    for word in reversed(re.split(r"[^a-z]+", path.lower())):
        if word in SPLITS:
            return SPLITS[word]
    return None
