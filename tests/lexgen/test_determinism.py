"""The same lexicons give the same bytes: twice, in any order of sets, under any Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pythons() -> dict[str, str]:
    """This interpreter, and the others that are there, by version."""
    found = {}
    for version in ("3.11", "3.12", "3.13", "3.14"):
        path = shutil.which(f"python{version}")
        command = [path or "", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        # A name on the path may be a shim of a version that is not active.
        if (
            path
            and subprocess.run(command, capture_output=True, text=True).stdout.strip() == version
        ):
            found[version] = path
    return {**found, f"{sys.version_info.major}.{sys.version_info.minor}": sys.executable}


@pytest.mark.parametrize("seed", ["1", "2"])
@pytest.mark.parametrize(("version", "python"), pythons().items(), ids=lambda value: value[:4])
def test_output_is_the_same(version: str, python: str, seed: str) -> None:
    # The libraries of this environment will do: nothing compiled is needed.
    path = os.pathsep.join([str(ROOT / "codegen"), sysconfig.get_paths()["purelib"]])
    done = subprocess.run(
        [python, "-m", "lexgen", "check"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (version, done.stdout[:2000], done.stderr)
