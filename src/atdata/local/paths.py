"""Local paths as an index stores them: valid after its folder or the user's home is moved.

A path below the index's own folder is kept relative to it (``./shards/000000.tar``). When the
index is in the user's home, a path elsewhere in the home is kept relative to that
(``~/data/000000.tar``). Other paths are absolute, and URLs stay as they are.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from atdata.errors import StorageError
from atdata.local.entry import LocalDatasetEntry
from atdata.sources.braces import Names
from atdata.sources.registry import local_path
from atdata.storage.urls import scheme_of

_HERE, _HOME = "./", "~/"


class Anchor:
    """The folder of an index, to which its paths are relative.

    Args:
        folder: The folder; None for an index on a server, whose paths are kept as they are.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def to_kept(self, entry: LocalDatasetEntry) -> LocalDatasetEntry:
        """Return the entry with its paths as they are stored."""
        return replace(entry, data_urls=[self._kept(url) for url in entry.data_urls])

    def to_used(self, entry: LocalDatasetEntry) -> LocalDatasetEntry:
        """Return a stored entry with paths that can be opened."""
        return replace(entry, data_urls=[self._used(url) for url in entry.data_urls])

    def _kept(self, url: str) -> str:
        for start, folder in self._starts():
            if Path(url).is_absolute() and Path(url).is_relative_to(folder):
                return start + Path(url).relative_to(folder).as_posix()
        return url

    def _used(self, url: str) -> str:
        for start, folder in self._starts():
            if url.startswith(start):
                return str(folder / url.removeprefix(start))
        return url

    def _starts(self) -> list[tuple[str, Path]]:
        if self._folder is None:
            return []
        home = _home()
        starts = [(_HERE, self._folder)]
        if home is not None and self._folder.is_relative_to(home):
            starts.append((_HOME, home))
        return starts


def folder_or_url(place: str | os.PathLike[str]) -> str:
    """Return a URL as it is, and a folder as an absolute path."""
    text = os.fspath(place)
    return text if scheme_of(text) else str(Path(text).expanduser().absolute())


def moved(url: str, old: str, new: str) -> str:
    """Return a path or URL with another start, or unchanged if it is not below ``old``."""
    start = old.rstrip("/") + "/"
    return new.rstrip("/") + "/" + url.removeprefix(start) if url.startswith(start) else url


def check_there(entry: LocalDatasetEntry) -> None:
    """Refuse an entry whose local shards are not at its paths.

    Raises:
        StorageError: One is missing.
    """
    for url in entry.data_urls:
        for name in Names([url]):
            path = local_path(name)
            if path is not None and not path.is_file():
                raise StorageError(
                    f"dataset {entry.name!r} would have no shard there",
                    uri=str(path),
                    hint="Move the shards first, and name the folders that they moved from and to.",
                )


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None
