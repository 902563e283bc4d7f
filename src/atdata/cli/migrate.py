"""``atdata migrate``: data of the earlier implementation."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from atdata.base.display import counted
from atdata.base.text import one_line
from atdata.cli.exits import exit_of
from atdata.cli.output import echo, json_option, print_json, print_table
from atdata.errors import EntryError
from atdata.migrating import Migration
from atdata.migrating import migrate as migrate_data


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--name", help="Name of the dataset, if SOURCE is shards.")
@click.option("--schema", help="Reference of its schema in the index, if SOURCE is shards.")
@click.option(
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the datasets: a build root each.",
)
@click.option(
    "--index",
    "index_",
    metavar="FILE_OR_URL",
    help="Index to enter them into: a SQLite file or Redis URL; by default the user's own.",
)
@json_option
def migrate(
    sources: tuple[str, ...],
    output: Path,
    index_: str | None,
    name: str | None,
    schema: str | None,
    as_json: bool,
) -> None:
    """Move data of the earlier implementation (forecast-bio/atdata) to this one.

    SOURCE is its index (a SQLite file, usually ~/.atdata/index.db, or a redis:// URL), or shards: a
    folder, files, URLs or patterns. Nothing there is changed. It may be run again: what is moved
    already stays.
    """
    from atdata.local import LocalIndex

    is_url = index_ is not None and "://" in index_
    with LocalIndex(index_) if is_url or index_ is None else LocalIndex(path=index_) as index:
        done = migrate_data(list(sources), output, index, name=name, schema_ref=schema)
    code = exit_of(EntryError) if done.problems else 0
    if as_json:
        print_json({**asdict(done), "exit": code})
    else:
        _print(done)
    sys.exit(code)


def _print(done: Migration) -> None:
    rows = ((one.name, counted(one.samples, "sample"), one.schema_ref) for one in done.datasets)
    print_table(rows, empty="no datasets were moved")
    for left in done.left:
        echo(f"left: {one_line(left)}: a function; register it again with @atdata.lens")
    for what, reason in done.problems.items():
        echo(f"problem: {one_line(what)}: {one_line(reason)}", err=True)
