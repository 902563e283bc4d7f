"""Where atdata keeps what it writes for a user, after the XDG base directory rules."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path:
    """``$XDG_DATA_HOME/atdata``, by default ``~/.local/share/atdata``. It may not exist yet."""
    return _folder("XDG_DATA_HOME", Path(".local", "share"))


def config_folder() -> Path:
    """``$XDG_CONFIG_HOME/atdata``, by default ``~/.config/atdata``. It may not exist yet."""
    return _folder("XDG_CONFIG_HOME", Path(".config"))


def state_folder() -> Path:
    """``$XDG_STATE_HOME/atdata``, by default ``~/.local/state/atdata``. It may not exist yet."""
    return _folder("XDG_STATE_HOME", Path(".local", "state"))


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/atdata``, by default ``~/.cache/atdata``. It may not exist yet."""
    return _folder("XDG_CACHE_HOME", Path(".cache"))


def _folder(variable: str, below_home: Path) -> Path:
    named = os.environ.get(variable, "")
    # The rules say that a relative path is to be ignored.
    base = Path(named) if os.path.isabs(named) else Path.home() / below_home
    return base / "atdata"
