"""``atdata records``: the command line of ``atdata_records``, as a subcommand."""

from __future__ import annotations

import sys

import click

from atdata.cli.output import json_option


@click.group()
def records() -> None:
    """Validate records against their lexicons.

    The same as `python -m atdata_records`, which needs no other package. Its exit codes are its
    own: 0 all valid, 1 a file could not be read, 2 usage, 100 issues found.
    """


@records.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--type", "type_id", metavar="ID", help="Type of the records (NSID); by default their $type."
)
@click.option("--lenient", is_flag=True, help="Accept what older software wrote.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="Format of the issues.",
)
@json_option
def validate(
    files: tuple[str, ...], type_id: str | None, lenient: bool, format_: str, as_json: bool
) -> None:
    """Validate files of records.

    Each FILE is JSON, NDJSON or DAG-CBOR; `-` is standard input.
    """
    from atdata_records.__main__ import main

    options = ["--format", "json" if as_json else format_]
    options += ["--type", type_id] if type_id else []
    options += ["--lenient"] if lenient else []
    sys.exit(main(["validate", *options, "--", *files]))
