from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from platformdirs.macos import MacOS
from platformdirs.windows import Windows

from atdata.base import folders as _folders

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


@FOLDERS
def test_macos_has_them_in_the_library_unless_named(
    folder: Callable[[], Path],
    variable: str,
    below_home: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_folders, "PlatformDirs", MacOS)
    assert folder() == Path(os.environ[variable], "atdata")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(variable)
    kind = "Caches" if variable == "XDG_CACHE_HOME" else "Application Support"
    assert folder() == tmp_path / "Library" / kind / "atdata"


@FOLDERS
def test_windows_has_them_in_the_data_of_applications(
    folder: Callable[[], Path],
    variable: str,
    below_home: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_folders, "PlatformDirs", Windows)
    monkeypatch.setenv("WIN_PD_OVERRIDE_LOCAL_APPDATA", "C:\\Users\\lab\\AppData\\Local")
    cache = ["Cache"] if variable == "XDG_CACHE_HOME" else []
    assert folder() == Path("C:\\Users\\lab\\AppData\\Local", "atdata", *cache)
