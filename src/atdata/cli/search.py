"""``atdata search``: find published datasets through an AppView."""

from __future__ import annotations

from itertools import islice

import click

from atdata.cli.output import json_option, print_json, print_table


@click.command()
@click.argument("words", nargs=-1)
@click.option("--tag", "tags", multiple=True, help="A tag that it must have; repeat for more.")
@click.option("--license", "license_", help="License that it must have.")
@click.option("--schema", help="Its schema: at:// URI of the record, or CID of the content.")
@click.option("--author", help="Handle or DID of the account that published it.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--appview", envvar="ATDATA_APPVIEW_URL", show_envvar=True, help="URL of the AppView."
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
    """Find published datasets by WORDS: the best match first, the newest first without words."""
    from atdata.atmosphere import AppViewClient

    found = AppViewClient(appview).search(
        " ".join(words), tags=tags, license=license_, schema=schema, author=author, limit=limit
    )
    datasets = list(islice(found, limit))
    if as_json:
        print_json([view.to_dict() for view in datasets])
        return
    print_table(
        [
            (
                f"@{view.handle or view.did}/{view.name}",
                "" if view.samples is None else f"{view.samples:,} samples",
                view.license or "",
                " ".join((view.description or "").split())[:60],
            )
            for view in datasets
        ],
        empty="nothing is found",
    )
