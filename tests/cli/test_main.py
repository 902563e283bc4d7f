from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

import atdata
from atdata import lifecycle
from atdata.cli import main
from atdata.cli.exits import MEANINGS
from cli.conftest import Command
from readings import readings


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


# These print an object: a cache has a size and a limit, and a catalog's command prints its report.
OBJECTS = {("cache", "list"), ("catalog", "list")}


@pytest.mark.parametrize("path", [path for path in commands(main) if path[-1] == "list"])
def test_every_list_command_prints_an_array_or_documents_its_object(
    command: Command, path: tuple[str, ...], tmp_path: Path
) -> None:
    build, store = tmp_path / "build", tmp_path / "store"
    atdata.write_shards(readings(1), build, name="readings", version="1.0.0")
    lifecycle.publish(build, store)
    options = ["--store-root", str(store)] if path[0] == "catalog" else []
    printed = json.loads(command(*path, *options, "--json").stdout)
    assert isinstance(printed, dict if path in OBJECTS else list)
    described = command(*path, "--help").stdout + command(path[0], "--help").stdout
    assert (path in OBJECTS) == ("With --json" in described)


def test_help_lists_the_exit_codes(command: Command) -> None:
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
