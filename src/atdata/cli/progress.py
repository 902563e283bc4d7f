"""A progress bar on a terminal: bytes, shards and the remaining time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from atdata.base.display import counted
from atdata.progress import NullProgress, Progress


class TerminalProgress:
    """Draws a bar on stderr; see :class:`atdata.progress.Progress`.

    Args:
        label: Name of the operation.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: Any = None
        self._size = self._done = 0
        self._shards: int | None = None

    def begin(self, size: int | None, shards: int | None) -> None:
        """Start a bar; an earlier one is ended."""
        self.close()
        self._size, self._done, self._shards = 0, 0, shards
        total = "" if size is None else f" {size / 1e6:,.1f} MB"
        self._bar = click.progressbar(
            # An iterable without a length: the bar then only shows activity.
            iterable=iter(list, None) if size is None else None,
            length=None if size is None else max(size, 1),
            label=f"{self._label}{total}",
            file=sys.stderr,
            item_show_func=lambda _: self._seen(size),
        )
        self._bar.__enter__()

    def advance(self, size: int, shards: int) -> None:
        """Advance the bar."""
        self._size += size
        self._done += shards
        if self._bar is not None:
            self._bar.update(size, size)

    def close(self) -> None:
        """End the bar's line."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None

    def _seen(self, size: int | None) -> str:
        of = "" if self._shards is None else f"{self._done}/"
        gone = f", {self._size / 1e6:,.1f} MB" if size is None else ""
        whole = self._done if self._shards is None else self._shards
        return f"{of}{counted(whole, 'shard')}{gone}"


@contextmanager
def terminal_progress(label: str, *, quiet: bool) -> Iterator[Progress]:
    """Yield a progress bar if stderr is a terminal, else one that discards all updates.

    Args:
        label: Name of the operation.
        quiet: Never show a bar.
    """
    if quiet or not sys.stderr.isatty():
        yield NullProgress()
        return
    progress = TerminalProgress(label)
    try:
        yield progress
    finally:
        progress.close()
