"""Things as notebooks show them. All text is escaped: names and descriptions may be hostile."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

_MOST = 20
_LONGEST = 500


def html_table(title: str, rows: Iterable[tuple[str, Any]]) -> str:
    """A table of two columns; a list shows one item a line, the first twenty."""
    body = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td>{_cell(value)}</td></tr>"
        for name, value in rows
        if value is not None
    )
    return f"<table><caption>{_text(title)}</caption><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if not isinstance(value, list | tuple):
        return _text(value)
    more = [f"… {len(value) - _MOST} more"] if len(value) > _MOST else []
    return "<br>".join(_text(one) for one in [*value[:_MOST], *more])


def _text(value: Any) -> str:
    text = str(value)
    return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
