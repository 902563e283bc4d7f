"""The files of a source: one, or those of a folder, by split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from atdata.base.split_names import DEFAULT_SPLIT, split_in
from atdata.errors import MissingFile
from atdata.importing.readers import WHOLE, Column, Part, Table

Files = Mapping[str, Sequence[Path]]
"""The files of each split."""


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A file that is one part; a format adds how its rows are read.

    Attributes:
        path: The file.
        count: Number of its rows.
        size: Its length in bytes.
    """

    path: Path
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class FileRange:
    """Consecutive records of a file, which can be read without those before them.

    Attributes:
        path: The file.
        offset: Where they begin, in bytes.
        size: Their length in bytes.
        first: Number of the first one in the file.
        count: Number of records.
    """

    path: Path
    offset: int
    size: int
    first: int
    count: int


def repeated(names: Iterable[str]) -> str | None:
    """Return the first name that is there twice, or None; its time grows with their number."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def format_of_files(
    suffixes: frozenset[str], read_files: Callable[[Files], Table]
) -> tuple[Callable[[object], bool], Callable[[Path], Table]]:
    """Return ``accepts`` and ``read`` of a format whose sources are files, or folders of them.

    Args:
        suffixes: Suffixes of the files, in lower case.
        read_files: Reads the files of each split.
    """

    def accepts(source: object) -> bool:
        return has_suffix(source, suffixes)

    def read(source: Path) -> Table:
        return read_files(files_by_split(source, suffixes))

    return accepts, read


def table_of(
    columns: Iterable[Column],
    files: Files,
    state: str,
    parts_of: Callable[[Path], Iterable[Part]],
) -> Table:
    """Return the table of the files of each split.

    Args:
        columns: Its columns.
        files: The files of each split.
        state: What they were before they were read.
        parts_of: Returns the parts of a file.
    """
    splits = {
        split: [part for path in group for part in parts_of(path)] for split, group in files.items()
    }
    return Table(tuple(columns), splits, state)


def has_suffix(source: object, suffixes: frozenset[str]) -> bool:
    """Return whether a source is a file with one of the suffixes, or a folder with such a file."""
    if not isinstance(source, Path):
        return False
    if source.is_dir():
        return next(files_below(source, suffixes), None) is not None
    return source.suffix.lower() in suffixes


def files_by_split(source: Path, suffixes: frozenset[str]) -> dict[str, list[Path]]:
    """Return the files of each split, sorted by their paths.

    The files of a folder belong to the split in their names (train, test, val, dev, … as a
    separate word), folders below it included. If some have one and others have none, these are
    ``"train"``; if none has one, there are no named splits.

    Raises:
        MissingFile: There are none.
    """
    if not source.is_dir():
        return {WHOLE: [source]}
    found: dict[str | None, list[Path]] = {}
    for path in sorted(
        files_below(source, suffixes), key=lambda path: path.relative_to(source).parts
    ):
        found.setdefault(split_in(path.relative_to(source).as_posix()), []).append(path)
    if not found:
        raise MissingFile(f"no files with {', '.join(sorted(suffixes))} there", uri=str(source))
    rest = found.pop(None, [])
    if not found:
        return {WHOLE: rest}
    if rest:
        found[DEFAULT_SPLIT] = rest + found.get(DEFAULT_SPLIT, [])
    return {split: found[split] for split in sorted(filter(None, found))}


def files_below(folder: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    """Yield the files with one of the suffixes in a folder and its subfolders, no hidden ones."""
    for path in folder.rglob("*"):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in suffixes and not is_hidden and path.is_file():
            yield path
