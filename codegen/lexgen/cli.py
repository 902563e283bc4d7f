"""The ``lexgen`` command."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from lexgen.catalog import load
from lexgen.emit.package import package_files


@click.group()
def main() -> None:
    """Generate typed records from lexicons, and keep lexicons sound."""


def _load(lexicons: Path, package: str, third_party: bool) -> dict[str, str]:
    return package_files(load(lexicons, third_party=third_party).sound_catalog(), package)


def _current(output: Path) -> dict[str, str]:
    return {
        path.relative_to(output).as_posix(): path.read_text("utf-8")
        for path in output.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


_lexicons = click.option(
    "--lexicons", type=click.Path(path_type=Path, exists=True), default="lexicons"
)
_output = click.option("--output", type=click.Path(path_type=Path), default="generated")
_third_party = click.option("--third-party", is_flag=True)
_package = click.option("--package", default="atdata_records")


@main.command()
@_lexicons
@_output
@_package
@_third_party
def build(lexicons: Path, output: Path, package: str, third_party: bool) -> None:
    """Write the generated package."""
    folder = output / Path(*package.split("."))
    wanted = _load(lexicons, package, third_party)
    for path in _current(folder).keys() - wanted.keys():
        (folder / path).unlink()
    for path, text in wanted.items():
        target = folder / path
        if not target.exists() or target.read_text("utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")


@main.command()
@_lexicons
@_output
@_package
@_third_party
def check(lexicons: Path, output: Path, package: str, third_party: bool) -> None:
    """Compare what is generated with what would be; print a unified diff, exit 1 on drift."""
    folder = output / Path(*package.split("."))
    wanted, found = _load(lexicons, package, third_party), _current(folder)
    drift = False
    for path in sorted(wanted.keys() | found.keys()):
        old, new = found.get(path, ""), wanted.get(path, "")
        if old != new:
            drift = True
            name = (folder / path).as_posix()
            lines = difflib.unified_diff(
                old.splitlines(True), new.splitlines(True), name, f"{name} (as built)"
            )
            click.echo("".join(lines), nl=False)
    raise SystemExit(1 if drift else 0)
