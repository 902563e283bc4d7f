"""The folders for a user's data, configuration, state and cache, by each system's conventions.

On Linux and macOS the variables of the XDG base directory specification apply where set.
"""

from __future__ import annotations

from pathlib import Path

from platformdirs import PlatformDirs


def data_folder() -> Path:
    """Return ``$XDG_DATA_HOME/atdata``; on Linux by default ``~/.local/share/atdata``.

    Like the folders below, it may not exist yet.
    """
    return _here().user_data_path


def config_folder() -> Path:
    """Return ``$XDG_CONFIG_HOME/atdata``; on Linux by default ``~/.config/atdata``."""
    return _here().user_config_path


def state_folder() -> Path:
    """Return ``$XDG_STATE_HOME/atdata``; on Linux by default ``~/.local/state/atdata``."""
    return _here().user_state_path


def cache_folder() -> Path:
    """Return ``$XDG_CACHE_HOME/atdata``; on Linux by default ``~/.cache/atdata``."""
    return _here().user_cache_path


def _here() -> PlatformDirs:
    return PlatformDirs("atdata", appauthor=False)
