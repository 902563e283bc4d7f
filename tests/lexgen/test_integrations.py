"""The pre-commit hooks and the GitHub action name commands and options that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from lexgen.cli import main

ROOT = Path(__file__).parents[2]
FILES = (ROOT / ".pre-commit-hooks.yaml", ROOT / ".github" / "actions" / "lexicons" / "action.yml")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_commands_and_options_exist(path: Path) -> None:
    commands = re.findall(r"\blexgen (lint|check|breaking|build)\b([^\n`]*)", path.read_text())
    assert {name for name, _ in commands} >= {"lint", "check", "breaking"}
    for name, arguments in commands:
        usage = CliRunner().invoke(main, [name, "--help"])
        assert usage.exit_code == 0
        for option in re.findall(r"--[a-z-]+", arguments):
            assert option in usage.output


def test_inputs_are_never_part_of_a_shell_command() -> None:
    text = FILES[1].read_text()
    for run in re.findall(r"run:(?: >-\n)?(.*?)(?=\n    - |\Z)", text, re.DOTALL):
        assert "${{" not in run


def test_actions_of_others_are_pinned_to_a_commit() -> None:
    used = re.findall(r"uses: *(\S+)", FILES[1].read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
