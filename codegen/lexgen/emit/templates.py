"""The templates: they lay out files and decide nothing."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def templates() -> Environment:
    """The environment that every emitter renders with."""
    return Environment(
        loader=PackageLoader("lexgen"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Not HTML: Python literals go through repr, Markdown through an escape of its own.
        autoescape=False,  # noqa: S701
    )
