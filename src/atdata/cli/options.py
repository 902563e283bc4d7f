"""Options that several commands have, as decorators."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from atdata.engines import ENGINES, engine
from atdata.lifecycle import Policy

Command = TypeVar("Command", bound=Callable[..., Any])

root_option = click.option(
    "--root",
    required=True,
    metavar="LOCATION",
    help="A build root (a folder), or a serving store (a folder, or an s3:// or gs:// URL).",
)
store_option = click.option(
    "--store-root",
    required=True,
    metavar="LOCATION",
    help="The serving store: a folder, or an s3:// or gs:// URL.",
)
deep_option = click.option(
    "--deep", is_flag=True, help="Decode every sample and check it against the schema."
)
policy_option = click.option(
    "--policy",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=lambda _, __, path: path and Policy.from_file(path),
    help="JSON file of requirements that the dataset must meet.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Print what would be written; write nothing."
)
generation_option = click.option(
    "--expect-generation",
    type=click.IntRange(min=0),
    help="Fail if the catalog is at another generation.",
)


def release_options(command: Command) -> Command:
    """Add ``--name`` and ``--version``, which select one release of several."""
    name = click.option("--name", help="Name of the dataset; required for a serving store.")
    version = click.option("--version", help="Version of the dataset; likewise.")
    return name(version(command))


def dataset_option(command: Command) -> Command:
    """Add ``--store-root`` and ``--name``: a dataset of a serving store."""
    return store_option(click.option("--name", required=True, help="Name of the dataset.")(command))


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that select an engine; the command gets it as ``engine``."""

    @wraps(command)
    def with_engine(
        *, engine_name: str, processes: int | None, ray_address: str | None, **settings: Any
    ) -> Any:
        chosen = engine(engine_name, processes=processes, ray_address=ray_address)
        return command(**settings, engine=chosen)

    for option in (
        click.option("--ray-address", metavar="ADDRESS", help="Address of the Ray cluster."),
        click.option(
            "--processes",
            type=click.IntRange(min=1),
            help="Number of local processes; one per core by default.",
        ),
        click.option(
            "--engine",
            "engine_name",
            type=click.Choice(ENGINES),
            default="local",
            show_default=True,
            help="Run on this machine, or on a Ray cluster.",
        ),
    ):
        with_engine = option(with_engine)
    return with_engine
