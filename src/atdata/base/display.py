"""Short renderings: HTML tables for notebooks, where all text is escaped, and text for a ``repr``.

Names and descriptions may come from other people, and may be hostile or very long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice
from typing import Any

_MOST = 20
_MOST_ROWS = 100
_LONGEST = 500
_FEW = 3


def html_table(title: str, rows: Iterable[tuple[str, Any]]) -> str:
    """Return a table of two columns with the first hundred rows that have a value.

    Args:
        title: Its caption.
        rows: Name and value; a list shows one item a line, the first twenty.
    """
    known = ((name, value) for name, value in rows if value is not None)
    body = "".join(_row(name, _cell(value)) for name, value in islice(known, _MOST_ROWS))
    more = sum(1 for _ in known)
    body += _row("…", f"{more} more") if more else ""
    return f"<table><caption>{_text(title)}</caption><tbody>{body}</tbody></table>"


def counted(number: int, noun: str) -> str:
    """Return a number of things, such as ``1 shard`` or ``1,797 samples``.

    Args:
        number: How many there are.
        noun: The word for one; an "s" makes it the word for several.
    """
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def first_few(items: Sequence[str]) -> list[str]:
    """Return the first three items, and how many more there are."""
    more = [f"… {len(items) - _FEW} more"] if len(items) > _FEW else []
    return [*map(_short, items[:_FEW]), *more]


def _row(name: str, cell: str) -> str:
    return f"<tr><th style='text-align:left'>{_text(name)}</th><td>{cell}</td></tr>"


def _cell(value: Any) -> str:
    if not isinstance(value, list | tuple):
        return _text(value)
    more = [f"… {len(value) - _MOST} more"] if len(value) > _MOST else []
    return "<br>".join(_text(one) for one in [*value[:_MOST], *more])


def _text(value: Any) -> str:
    return escape(_short(str(value)))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
