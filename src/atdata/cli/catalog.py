"""``atdata catalog``: the releases of a serving store."""

from __future__ import annotations

import sys
from typing import Any

import click

from atdata.base.display import counted
from atdata.cli.options import (
    dataset_option,
    dry_run_option,
    engine_options,
    generation_option,
    store_option,
)
from atdata.cli.output import json_option, print_fields, print_table
from atdata.cli.progress import terminal_progress
from atdata.cli.reports import finish
from atdata.lifecycle import Catalog, Report, collect_garbage


@click.group()
def catalog() -> None:
    """Manage the releases of a serving store.

    With --json, each command prints a report; `result` is what it found or changed.
    """


@catalog.command("list")
@store_option
@json_option
def list_(store_root: str, as_json: bool) -> None:
    """List the datasets of a serving store."""
    result = _result(Catalog(store_root).list(), as_json=as_json)
    print_table(
        (
            (row["name"], f"current {row['current'] or 'none'}", ", ".join(row["versions"]))
            for row in result["datasets"]
        ),
        empty="no releases yet: atdata dataset publish",
    )


@catalog.command()
@dataset_option
@json_option
def show(store_root: str, name: str, as_json: bool) -> None:
    """Show the releases and aliases of a dataset."""
    result = _result(Catalog(store_root).show(name), as_json=as_json)
    releases = [
        f"{row['version']}: {counted(row['samples'], 'sample')}, {row['bytes']:,} B, "
        f"{row['content_cid']}"
        for row in result["releases"]
    ]
    print_fields(
        [
            ("name", result["name"]),
            ("current", result["current"]),
            ("generation", result["generation"]),
            ("aliases", _aliases(result)),
            ("releases", releases),
        ]
    )


@catalog.command()
@dataset_option
@json_option
def history(store_root: str, name: str, as_json: bool) -> None:
    """List the changes of a dataset, oldest first."""
    result = _result(Catalog(store_root).history(name), as_json=as_json)
    print_table(
        (
            (str(row["generation"]), row["at"], row["action"], f"current {row['current']}")
            for row in result["generations"]
        ),
        empty="no history",
    )


@catalog.command()
@dataset_option
@click.option("--version", required=True, help="Version of the release.")
@generation_option
@dry_run_option
@engine_options
@json_option
def promote(store_root: str, name: str, version: str, as_json: bool, **settings: Any) -> None:
    """Verify a release and make it the current one.

    Every sample is decoded first.
    """
    with terminal_progress("verifying", quiet=as_json) as progress:
        report = Catalog(store_root).promote(name, version, **settings, progress=progress)
    _finish(report, as_json)


@catalog.command()
@dataset_option
@click.option("--generation", required=True, type=int, help="The generation to restore.")
@generation_option
@dry_run_option
@json_option
def rollback(store_root: str, name: str, generation: int, as_json: bool, **settings: Any) -> None:
    """Restore the current release and aliases of an earlier generation."""
    _finish(Catalog(store_root).rollback(name, generation, **settings), as_json)


@catalog.command()
@dataset_option
@click.argument("alias")
@click.option("--version", help="Version of the release that ALIAS shall name.")
@click.option("--remove", is_flag=True, help="Remove the alias.")
@generation_option
@dry_run_option
@json_option
def alias(
    store_root: str,
    name: str,
    alias: str,
    version: str | None,
    remove: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Set or remove ALIAS, another name of a release."""
    if (version is None) != remove:
        raise click.UsageError("give either --version or --remove")
    _finish(Catalog(store_root).alias(name, alias, version, **settings), as_json)


@catalog.command()
@store_option
@click.option("--apply", metavar="DIGEST", help="Remove the files of the plan with this digest.")
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=24.0,
    show_default=True,
    metavar="HOURS",
    help="Keep files that are younger; at least 12 hours in a bucket.",
)
@click.option("--releases", is_flag=True, help="Also remove releases that the catalog never named.")
@json_option
def gc(store_root: str, apply: str | None, grace: float, releases: bool, as_json: bool) -> None:
    """Remove files that no release needs, in two steps.

    Without --apply nothing is removed: the files are listed, and the digest of this plan.
    """
    report = collect_garbage(store_root, apply=apply, grace=grace * 3600, releases=releases)
    sys.exit(finish(report, as_json=as_json))


def _result(report: Report, *, as_json: bool) -> dict[str, Any]:
    """Return what a report found; print the report and exit if it failed or JSON is wanted."""
    if as_json or not report.ok:
        sys.exit(finish(report, as_json=as_json))
    return report.result


def _finish(report: Report, as_json: bool) -> None:
    """Print a report with the changed catalog, and exit."""
    code = finish(report, as_json=as_json)
    after = report.result.get("after")
    if after and not as_json:
        print_fields(
            [
                ("  generation", after["generation"]),
                ("  current", after["current"]),
                ("  aliases", _aliases(after)),
            ]
        )
    sys.exit(code)


def _aliases(state: dict[str, Any]) -> list[str] | None:
    return [f"{name} = {version}" for name, version in state["aliases"].items()] or None
