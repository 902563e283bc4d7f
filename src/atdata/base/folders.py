"""Where atdata keeps what it writes for a user, as each system has it.

On Linux and macOS that is after the XDG base directory rules where their variables are set.
"""

from __future__ import annotations

from pathlib import Path

from platformdirs import PlatformDirs


def data_folder() -> Path:
    """``$XDG_DATA_HOME/atdata``; on Linux by default ``~/.local/share/atdata``.

    It may not exist yet, as those below.
    """
    return _here().user_data_path


def config_folder() -> Path:
    """``$XDG_CONFIG_HOME/atdata``; on Linux by default ``~/.config/atdata``."""
    return _here().user_config_path


def state_folder() -> Path:
    """``$XDG_STATE_HOME/atdata``; on Linux by default ``~/.local/state/atdata``."""
    return _here().user_state_path


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/atdata``; on Linux by default ``~/.cache/atdata``."""
    return _here().user_cache_path


def _here() -> PlatformDirs:
    return PlatformDirs("atdata", appauthor=False)
