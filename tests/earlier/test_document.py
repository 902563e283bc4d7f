"""The commands of docs/migrating.md run, one after the other."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from atdata.cli import main
from atdata.local import LocalIndex

PAGE = (Path(__file__).parent.parent.parent / "docs" / "migrating.md").read_text("utf-8")
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"```\n(.*?)```", PAGE, re.S)
    for line in block.splitlines()
]


def test_the_commands_run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(folder / "data" / "readings", tmp_path / "old" / "readings")
    (tmp_path / "home" / ".atdata").mkdir()
    shutil.copyfile(folder / "index.db", tmp_path / "home" / ".atdata" / "index.db")
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) == 4
    for command in COMMANDS:
        arguments = [one.replace("~", str(tmp_path / "home")) for one in command]
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == 0, (command, result.output)
    with LocalIndex() as index:
        assert {"kinds", "readings", "stored-labels"} <= {one.name for one in index.datasets}
