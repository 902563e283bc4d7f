"""The templates: they lay out files and decide nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lexgen.errors import MissingToolError

if TYPE_CHECKING:
    from jinja2 import Environment


def templates() -> Environment:
    """The environment that every emitter renders with; ``MissingToolError`` without jinja2."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ModuleNotFoundError as error:
        raise MissingToolError("jinja2") from error
    return Environment(
        loader=PackageLoader("lexgen"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Not HTML: Python literals go through repr, Markdown through an escape of its own.
        autoescape=False,  # noqa: S701
    )
