from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from atdata import _folders

FOLDERS = pytest.mark.parametrize(
    ("folder", "variable", "below_home"),
    [
        (_folders.data_folder, "XDG_DATA_HOME", ".local/share"),
        (_folders.config_folder, "XDG_CONFIG_HOME", ".config"),
        (_folders.state_folder, "XDG_STATE_HOME", ".local/state"),
        (_folders.cache_folder, "XDG_CACHE_HOME", ".cache"),
    ],
)


@FOLDERS
def test_folders_are_where_the_user_has_them(
    folder: Callable[[], Path],
    variable: str,
    below_home: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "named"))
    assert folder() == tmp_path / "named" / "atdata"
    assert not folder().exists()


@FOLDERS
@pytest.mark.parametrize("named", [None, "", "relative/path"])
def test_without_an_absolute_name_they_are_below_home(
    folder: Callable[[], Path],
    variable: str,
    below_home: str,
    named: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(variable, raising=False)
    if named is not None:
        monkeypatch.setenv(variable, named)
    assert folder() == tmp_path / below_home / "atdata"
