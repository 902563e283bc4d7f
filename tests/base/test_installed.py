from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SAY = """
try:
    import atdata
except ImportError as error:
    print(type(error).__name__, error)
else:
    print("imported")
"""


def imported_beside(folder: Path) -> str:
    """What importing atdata prints when a folder is searched for packages too."""
    command = [sys.executable, "-c", f"import sys; sys.path.append({str(folder)!r})\n{SAY}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "name", ["atdata-0.7.0b1.dist-info", "atdata.egg-info", "atdata-0.7.egg-info"]
)
def test_the_other_project_of_this_name_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    said = imported_beside(tmp_path)
    assert said.startswith("InstallConflict another project called 'atdata' is installed")
    assert name in said
    assert "pip uninstall atdata atdata-sdk" in said


@pytest.mark.parametrize(
    "name",
    ["atdata_sdk-0.1.0.dist-info", "atdata", "atdata_tools-1.dist-info", "atdata.x-1.dist-info"],
)
def test_other_names_are_not(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert imported_beside(tmp_path) == "imported\n"


def test_what_is_on_the_path_and_not_a_folder_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "missing"):
        assert imported_beside(path) == "imported\n"
