"""``atdata search``: find published datasets through an AppView."""

from __future__ import annotations

from itertools import islice

import click

from atdata.base.display import counted
from atdata.cli.output import json_option, print_list


@click.command()
@click.argument("words", nargs=-1)
@click.option(
    "--tag",
    "tags",
    multiple=True,
    help="Tag of the dataset; repeat for more, all of which it must have.",
)
@click.option(
    "--license",
    "license_",
    metavar="SPDX",
    help="License of the dataset: its SPDX identifier or URL.",
)
@click.option("--schema", help="Schema of its samples: an at:// URI or a schema CID.")
@click.option("--author", help="Handle or DID of the publisher.")
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of datasets.",
)
@click.option(
    "--appview",
    metavar="URL",
    envvar="ATDATA_APPVIEW_URL",
    show_envvar=True,
    help="The AppView to ask.",
)
@json_option
def search(
    words: tuple[str, ...],
    tags: tuple[str, ...],
    license_: str | None,
    schema: str | None,
    author: str | None,
    limit: int,
    appview: str | None,
    as_json: bool,
) -> None:
    """Search the published datasets.

    The best match of WORDS comes first; without words, the newest dataset.
    """
    from atdata.atmosphere import AppViewClient

    found = AppViewClient(appview).search(
        " ".join(words), tags=tags, license=license_, schema=schema, author=author, limit=limit
    )
    print_list(
        list(islice(found, limit)),
        lambda view: (
            f"@{view.handle or view.did}/{view.name}",
            "" if view.samples is None else counted(view.samples, "sample"),
            view.license or "",
            " ".join((view.description or "").split())[:60],
        ),
        item=lambda view: view.to_dict(),
        as_json=as_json,
        empty="no datasets found",
    )
