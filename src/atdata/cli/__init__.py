"""The command ``atdata``."""

from __future__ import annotations

import sys
from importlib import import_module
from keyword import iskeyword
from typing import Any

import click

from atdata._version import __version__
from atdata.cli.exits import MEANINGS
from atdata.cli.output import fail, plain_warnings, wants_json
from atdata.errors import AtdataError

# Imported on demand: `atdata --help` needs nothing that the commands import.
_COMMANDS = {
    "appview": "atdata.cli.appview",
    "cache": "atdata.cli.cache",
    "catalog": "atdata.cli.catalog",
    "dataset": "atdata.cli.datasets",
    "demo": "atdata.cli.demo",
    "import": "atdata.cli.importing",
    "load": "atdata.cli.load",
    "login": "atdata.cli.atmosphere",
    "migrate": "atdata.cli.migrate",
    "promote": "atdata.cli.atmosphere",
    "records": "atdata.cli.records",
    "schema": "atdata.cli.schemas",
    "search": "atdata.cli.search",
}


class _Commands(click.Group):
    """Commands by name, imported on demand; atdata's own errors become exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        home = _COMMANDS.get(cmd_name)
        # A command whose name is a word of Python has a "_" after it in its module.
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        return getattr(import_module(home), name) if home else None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with plain_warnings():
                return super().invoke(ctx)
        except AtdataError as error:
            sys.exit(fail(error, as_json=wants_json(ctx)))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="atdata")
def main() -> None:
    """Typed datasets in WebDataset shards: pack, index, publish, load."""


# The line of "\b" keeps click from rewrapping the table.
_TABLE = (f"  {code:>2}  {meaning}" for code, meaning in MEANINGS.items())
main.epilog = "\n".join(["\b", "Exit codes:", *_TABLE])
