"""``atdata catalog``: the releases of a serving store."""

from __future__ import annotations

import sys

import click

from atdata.cli.lifecycle import DRY_RUN, ENGINE, chosen_engine
from atdata.cli.output import json_option, print_fields, print_table
from atdata.cli.progress import terminal_progress
from atdata.cli.reports import finish
from atdata.lifecycle import Catalog, Report, collect_garbage

STORE = click.option(
    "--store-root",
    required=True,
    metavar="PLACE",
    help="The serving store: a folder or s3://bucket/prefix.",
)
NAME = click.option("--name", required=True, help="Name of the dataset.")
GENERATION = click.option(
    "--expect-generation",
    type=click.IntRange(min=0),
    help="Refuse if the catalog is at another generation.",
)


@click.group()
def catalog() -> None:
    """Say which release is current, and keep its history."""


@catalog.command("list")
@STORE
@json_option
def list_(store_root: str, as_json: bool) -> None:
    """List the datasets of a serving store."""
    report = Catalog(store_root).list()
    if as_json or not report.ok:
        sys.exit(finish(report, as_json=as_json))
    print_table(
        (
            (row["name"], f"current {row['current'] or 'none'}", ", ".join(row["versions"]))
            for row in report.result["datasets"]
        ),
        empty="no releases yet: atdata dataset publish",
    )


@catalog.command()
@STORE
@NAME
@json_option
def show(store_root: str, name: str, as_json: bool) -> None:
    """Show one dataset: its releases, the current one, its aliases."""
    report = Catalog(store_root).show(name)
    if as_json or not report.ok:
        sys.exit(finish(report, as_json=as_json))
    result = report.result
    aliases = [f"{alias} = {version}" for alias, version in result["aliases"].items()]
    releases = [
        f"{row['version']}: {row['samples']:,} samples, {row['bytes']:,} B, {row['content_cid']}"
        for row in result["releases"]
    ]
    print_fields(
        [
            ("name", result["name"]),
            ("current", result["current"]),
            ("generation", result["generation"]),
            ("aliases", aliases or None),
            ("releases", releases),
        ]
    )


@catalog.command()
@STORE
@NAME
@json_option
def history(store_root: str, name: str, as_json: bool) -> None:
    """Show the history of changes, oldest first."""
    report = Catalog(store_root).history(name)
    if as_json or not report.ok:
        sys.exit(finish(report, as_json=as_json))
    print_table(
        (
            (str(row["generation"]), row["at"], row["action"], f"current {row['current']}")
            for row in report.result["generations"]
        ),
        empty="no history",
    )


@catalog.command()
@STORE
@NAME
@click.option("--version", required=True, help="The release.")
@GENERATION
@DRY_RUN
@ENGINE
@json_option
def promote(
    store_root: str,
    name: str,
    version: str,
    expect_generation: int | None,
    dry_run: bool,
    engine_name: str,
    processes: int | None,
    ray_address: str | None,
    as_json: bool,
) -> None:
    """Verify a release in full depth and make it the current one."""
    with terminal_progress("verifying", quiet=as_json) as progress:
        report = Catalog(store_root).promote(
            name,
            version,
            expect_generation=expect_generation,
            dry_run=dry_run,
            engine=chosen_engine(engine_name, processes, ray_address),
            progress=progress,
        )
    _finish(report, as_json)


@catalog.command()
@STORE
@NAME
@click.option("--generation", required=True, type=int, help="The generation to restore.")
@GENERATION
@DRY_RUN
@json_option
def rollback(
    store_root: str,
    name: str,
    generation: int,
    expect_generation: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Restore the current release and the aliases of an earlier generation."""
    report = Catalog(store_root).rollback(
        name, generation, expect_generation=expect_generation, dry_run=dry_run
    )
    _finish(report, as_json)


@catalog.command()
@STORE
@NAME
@click.argument("alias")
@click.option("--version", help="The release that it shall stand for.")
@click.option("--remove", is_flag=True, help="Remove the alias.")
@GENERATION
@DRY_RUN
@json_option
def alias(
    store_root: str,
    name: str,
    alias: str,
    version: str | None,
    remove: bool,
    expect_generation: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Let ALIAS stand for a release."""
    if (version is None) != remove:
        raise click.UsageError("give either --version or --remove")
    report = Catalog(store_root).alias(
        name, alias, version, expect_generation=expect_generation, dry_run=dry_run
    )
    _finish(report, as_json)


@catalog.command()
@STORE
@click.option("--apply", metavar="PLAN", help="Remove what the plan of this digest says.")
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=24.0,
    show_default=True,
    metavar="HOURS",
    help="What is younger is left alone; in S3 at least 12 hours.",
)
@click.option("--releases", is_flag=True, help="Releases too that the catalog never named.")
@json_option
def gc(store_root: str, apply: str | None, grace: float, releases: bool, as_json: bool) -> None:
    """Plan what no release needs; with --apply, remove it."""
    report = collect_garbage(store_root, apply=apply, grace=grace * 3600, releases=releases)
    sys.exit(finish(report, as_json=as_json))


def _finish(report: Report, as_json: bool) -> None:
    """Print a report with the changed catalog, and exit."""
    code = finish(report, as_json=as_json)
    after = report.result.get("after")
    if after and not as_json:
        aliases = [f"{name} = {version}" for name, version in after["aliases"].items()]
        print_fields(
            [
                ("  generation", after["generation"]),
                ("  current", after["current"]),
                ("  aliases", aliases or None),
            ]
        )
    sys.exit(code)
