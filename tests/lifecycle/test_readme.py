"""The page on the lifecycle shows what the commands print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import atdata.lifecycle

PAGE = Path(atdata.lifecycle.__file__).with_name("README.md")


def test_the_page_is_what_happens(tmp_path: Path) -> None:
    text = PAGE.read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "make.py").write_text(code)
    runs = re.findall(r"```console\n\$ (.*?)\n(.*?)```", text, re.DOTALL)
    assert len(runs) >= 7
    for command, shown in runs:
        program, *arguments = command.split()
        start = [sys.executable] if program == "python" else [sys.executable, "-m", program]
        done = subprocess.run(
            [*start, *arguments], cwd=tmp_path, capture_output=True, text=True, env=os.environ
        )
        assert done.returncode == 0, done.stderr
        printed = done.stdout.replace(f"{tmp_path}/", "").replace(str(tmp_path), ".")
        assert printed == shown, command
