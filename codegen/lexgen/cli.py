"""The ``lexgen`` command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from lexgen import api
from lexgen.api import PACKAGE, Findings
from lexgen.catalog import LOCK_FILE, load
from lexgen.emit.reference import page_context
from lexgen.emit.templates import templates
from lexgen.errors import CatalogError, LexgenError, PackageNameError
from lexgen.outputs import PARTS
from lexgen.report import FORMATS, as_text
from lexgen.revisions import lock_text

ERROR: Final = 1
FINDINGS: Final = 100


class _Group(click.Group):
    """Commands whose own errors become a message and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CatalogError as error:
            click.echo(as_text(error.findings, "lexgen"), err=True, nl=False)
            ctx.exit(ERROR)
        except (LexgenError, OSError) as error:
            click.echo(f"lexgen: {error}", err=True)
            ctx.exit(ERROR)


@click.group(cls=_Group)
@click.version_option(package_name="atdata", prog_name="lexgen")
def main() -> None:
    """Generate typed records from lexicons, and keep lexicons sound.

    Exit codes: 0 fine, 1 an error or drift, 2 wrong usage, 100 findings.
    """


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every command has."""
    for option in (
        click.option(
            "--lexicons",
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            default="lexicons",
            show_default=True,
            help="Folder of lexicons, one file for each NSID.",
        ),
        click.option(
            "--third-party",
            is_flag=True,
            help="The lexicons are not yours: unknown keywords, inline objects and references "
            "to lexicons that are not there are warnings.",
        ),
    ):
        command = option(command)
    return command


def _output_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            "--output",
            type=click.Path(path_type=Path, file_okay=False),
            default="generated",
            show_default=True,
            help="Folder that everything is written to.",
        ),
        click.option(
            "--package",
            default=PACKAGE,
            show_default=True,
            callback=_checked_package,
            help="Import name of the generated package; dots make it a subpackage.",
        ),
        click.option(
            "--part",
            "parts",
            type=click.Choice(PARTS),
            multiple=True,
            default=PARTS,
            help="What to generate; all by default. Can be given several times.",
        ),
    ):
        command = option(command)
    return command


def _checked_package(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    try:
        return None if value is None else api.checked_package(value)
    except PackageNameError as error:
        raise click.BadParameter(str(error)) from error


_format_option = click.option(
    "--format", "style", type=click.Choice(list(FORMATS)), default="text", show_default=True
)
_against_option = click.option(
    "--against",
    required=True,
    metavar="STATE",
    help="A folder of lexicons, a lock file, or else a git revision.",
)


@main.command()
@_options
@_output_options
def build(lexicons: Path, third_party: bool, output: Path, package: str, parts: Any) -> None:
    """Write the generated package, JSON Schema, test vectors and reference pages."""
    built = api.build(lexicons, output, package=package, parts=parts, third_party=third_party)
    click.echo(str(built.findings), err=True, nl=False)
    counts = f"{len(built.lexicons)} lexicons, {len(built.changed)} files changed"
    click.echo(f"{counts} in {output}", err=True)


@main.command()
@_options
@_output_options
@click.pass_context
def check(
    ctx: click.Context, lexicons: Path, third_party: bool, output: Path, package: str, parts: Any
) -> None:
    """Compare the generated files with what would be built.

    Prints a unified diff and exits with 1 on drift or hand edits.
    """
    found = api.check(lexicons, output, package=package, parts=parts, third_party=third_party)
    click.echo(str(found), nl=False)
    if not found.ok:
        click.echo("run `lexgen build`, and edit lexicons or templates, not its output", err=True)
        ctx.exit(ERROR)


@main.command()
@_options
@_format_option
@click.pass_context
def lint(ctx: click.Context, lexicons: Path, third_party: bool, style: str) -> None:
    """Check lexicons against the rules of the Lexicon language."""
    _finish(ctx, api.lint(lexicons, third_party=third_party), style, "lexgen lint")


@main.command()
@_options
@_against_option
@_format_option
@click.pass_context
def breaking(
    ctx: click.Context, lexicons: Path, third_party: bool, against: str, style: str
) -> None:
    """Find changes that break readers or writers who have not updated, or data that exists."""
    findings = api.breaking(lexicons, against=against, third_party=third_party)
    _finish(ctx, findings, style, "lexgen breaking")


@main.command()
@_options
@_against_option
@_format_option
def diff(lexicons: Path, third_party: bool, against: str, style: str) -> None:
    """List all changes, breaking or not."""
    findings = api.diff(lexicons, against=against, third_party=third_party)
    click.echo(FORMATS[style](findings.findings, "lexgen diff"), nl=False)


@main.command()
@_options
@click.option(
    "--package",
    callback=_checked_package,
    help="Import name of the generated package; names the module in the page.",
)
@click.argument("nsid")
@click.pass_context
def describe(
    ctx: click.Context, lexicons: Path, third_party: bool, package: str | None, nsid: str
) -> None:
    """Print the reference page of a lexicon."""
    catalog = load(lexicons, third_party=third_party).sound_catalog()
    found = [lexicon for lexicon in catalog.lexicons if lexicon.nsid == nsid]
    if not found:
        known = "\n  ".join(lexicon.nsid for lexicon in catalog.lexicons)
        click.echo(f"lexgen: {lexicons} has no lexicon {nsid}; it has:\n  {known}", err=True)
        ctx.exit(ERROR)
    template = templates().get_template("reference.md.j2")
    click.echo(template.render(page_context(package, found[0])), nl=False)


@main.command()
@_options
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 if it differs.")
@click.pass_context
def lock(ctx: click.Context, lexicons: Path, third_party: bool, only_check: bool) -> None:
    """Write the lock file: each lexicon's digest, record CID and content."""
    project = load(lexicons, third_party=third_party)
    project.sound_catalog()
    path, text = lexicons / LOCK_FILE, lock_text(project.documents)
    if path.is_file() and path.read_text("utf-8") == text:
        return
    if only_check:
        click.echo(f"lexgen: {path} is not up to date: run `lexgen lock`", err=True)
        ctx.exit(ERROR)
    path.write_text(text, "utf-8", newline="\n")
    click.echo(f"{path} written", err=True)


def _finish(ctx: click.Context, found: Findings, style: str, title: str) -> None:
    click.echo(FORMATS[style](found.findings, title), nl=False)
    if style == "text":
        click.echo(f"{len(found.errors)} errors, {len(found.warnings)} warnings", err=True)
    if not found.ok:
        ctx.exit(FINDINGS)
