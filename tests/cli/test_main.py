from __future__ import annotations

import subprocess
import sys

import click
import pytest

from atdata.cli import main
from atdata.cli.exits import MEANINGS
from cli.conftest import Command


def commands(group: click.Group, *path: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    with click.Context(group) as context:
        for name in group.list_commands(context):
            one = group.get_command(context, name)
            if isinstance(one, click.Group):
                found += commands(one, *path, name)
            else:
                found.append((*path, name))
    return found


@pytest.mark.parametrize("path", commands(main))
def test_every_command_has_help_and_json(command: Command, path: tuple[str, ...]) -> None:
    result = command(*path, "--help")
    assert result.exit_code == 0
    assert "--json" in result.stdout


def test_help_tells_the_exit_codes(command: Command) -> None:
    lines = command("--help").stdout.splitlines()
    for code, meaning in MEANINGS.items():
        assert f"  {code:>2}  {meaning}" in [line.removeprefix("  ") for line in lines]


def test_an_unknown_command_is_a_usage_error(command: Command) -> None:
    assert command("no-such").exit_code == 2


def test_help_loads_no_command() -> None:
    code = (
        "import sys; from atdata.cli import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: pass\n"
        "assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
