"""Output of commands: text for readers, JSON for programs, errors with hints."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from atdata.base.text import one_line, safe_json, safe_text
from atdata.cli.exits import exit_code
from atdata.errors import AtdataError

_JSON = "atdata.json"


def _note_json(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    ctx.find_root().meta[_JSON] = value
    return value


json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, is_eager=True, callback=_note_json, help="Print JSON."
)


def wants_json(ctx: click.Context) -> bool:
    """Return whether the running command was given ``--json``."""
    return bool(ctx.find_root().meta.get(_JSON))


def echo(text: object, *, err: bool = False) -> None:
    """Print text made safe for a terminal: most output contains text of other origin."""
    click.echo(safe_text(str(text)), err=err)


def print_json(value: Any, *, indent: int | None = 2, err: bool = False) -> None:
    """Print one JSON document."""
    document = json.dumps(value, ensure_ascii=False, indent=indent)
    click.echo(safe_json(document), err=err)


def print_fields(fields: Iterable[tuple[str, Any]]) -> None:
    """Print aligned lines of name and value: one line per item of a list, none for None."""
    shown = [(name, value) for name, value in fields if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        lines = value if isinstance(value, list) else [value]
        for number, line in enumerate(lines):
            echo(f"{name if number == 0 else '':<{width}}  {one_line(str(line))}")


def print_list(
    items: Sequence[Any],
    row: Callable[[Any], tuple[str, ...]],
    *,
    as_json: bool,
    empty: str,
    item: Callable[[Any], Any] = lambda item: item,
) -> None:
    """Print items: a JSON array, or a table.

    Args:
        items: What to print.
        row: Returns the cells of an item.
        as_json: Whether to print JSON.
        empty: The sentence for an empty table.
        item: Returns the JSON value of an item.
    """
    if as_json:
        print_json([item(one) for one in items])
    else:
        print_table(map(row, items), empty=empty)


def print_result(facts: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """Print what a command did: a JSON object, or a sentence."""
    if as_json:
        print_json(facts)
    else:
        echo(sentence)


def print_table(rows: Iterable[tuple[str, ...]], *, empty: str) -> None:
    """Print rows in columns as wide as their widest cell, or the sentence ``empty``."""
    rows = [tuple(map(one_line, row)) for row in rows]
    if not rows:
        echo(empty)
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        echo("  ".join(cells).rstrip())


def fail(error: AtdataError, *, as_json: bool) -> int:
    """Print an error to stderr; return the exit code."""
    code = exit_code(error)
    if as_json:
        about = {"type": type(error).__name__, "message": error.message, **error.place()}
        document = {"error": {**about, "hint": error.hint, "exit": code}}
        print_json(document, indent=None, err=True)
    else:
        echo(f"error: {error}", err=True)
    return code


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Print Python's warnings as one line each, without a line of source code."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: echo(f"warning: {message}", err=True)
        yield
