"""Tables of files of arrays: one sample is one row of every array of a split.

Arrays whose names all end or begin with a split (``x_train``, ``test/x``) are columns of splits;
arrays in groups are fields of a class with the group's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from atdata.errors import AtdataError, SampleError, SchemaError
from atdata.importing.array_columns import (
    UNREADABLE,
    ArrayColumn,
    Columns,
    blocks_of,
    grouped,
    row_bytes_of,
    whole_chunks,
)
from atdata.importing.readers import WHOLE, Column, Table, files_state

_PART = 2**26  # bytes in memory of the rows that a process reads in one go
_MAX_RATIO = 10_000  # of promised to stored bytes; compressors reach it for zeros only
_UNSUSPICIOUS = 2**30  # bytes

_SPLIT = "(?P<split>train|training|test|testing|val|valid|validation|dev|eval)"
_NAMES = [re.compile(f"{_SPLIT}[/_](?P<column>.+)"), re.compile(f"(?P<column>.+)[/_]{_SPLIT}")]

Opener = Callable[[Path], AbstractContextManager[Sequence[ArrayColumn]]]
"""A function of a module that opens a file, and gives its arrays for the length of a block."""


@dataclass(frozen=True, slots=True)
class ArrayPart:
    """Rows of the arrays of one split of a file, from row ``start`` on."""

    open: Opener
    path: Path
    split: str
    start: int
    count: int
    size: int

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows; memory holds one block of them.

        Raises:
            SampleError: A block can't be read; column and rows are named.
        """
        with self.open(self.path) as arrays:
            columns = grouped(_by_split(arrays)[self.split])
            for block in blocks_of(columns, self.start, self.start + self.count):
                yield from block


@contextmanager
def opened(
    path: Path, what: str, find: Callable[[ExitStack], Sequence[ArrayColumn]]
) -> Iterator[Sequence[ArrayColumn]]:
    """Find the arrays of a file, which is closed at the end of the block.

    Args:
        path: The file.
        what: What it should be, such as "an HDF5 file".
        find: Finds them; gets a stack for what is to be closed.

    Raises:
        SampleError: The file is not sound.
    """
    with ExitStack() as stack:
        try:
            columns = find(stack)
        except AtdataError:
            raise
        except UNREADABLE as error:
            raise SampleError(f"not {what} that can be read: {error}", uri=str(path)) from error
        yield columns


def read_arrays(
    opener: Opener, path: Path, files: Sequence[Path] = (), *, seeks: bool = True
) -> Table:
    """Return the table of a file of arrays.

    Args:
        opener: Opens the file.
        path: The file, or a folder.
        files: The files that a folder consists of.
        seeks: Whether rows can be read without those before them.

    Raises:
        SchemaError: Samples can't hold an array, two arrays of a split differ in length, or they
            promise far more than the file holds.
    """
    files = files or [path]
    stored = sum(file.stat().st_size for file in files)
    with opener(path) as arrays:
        if not arrays:
            raise SchemaError("there are no arrays", uri=str(path))
        flat = _by_split(arrays)
        counts = {split: _row_count(inner, path) for split, inner in flat.items()}
        splits: dict[str, Columns] = {split: grouped(inner) for split, inner in flat.items()}
        check_extent(
            sum(counts[split] * row_bytes_of(splits[split]) for split in splits), stored, path
        )
        columns = _common(splits, path)
        size = stored // max(1, sum(counts.values()))
        parts = {
            split: _parts(
                ArrayPart(opener, path, split, 0, counts[split], size * counts[split]),
                whole_chunks(inner, _PART) if seeks else max(1, counts[split]),
            )
            for split, inner in splits.items()
        }
    return Table(columns, parts, files_state(files))


def _parts(whole: ArrayPart, step: int) -> list[ArrayPart]:
    counts = {start: min(step, whole.count - start) for start in range(0, whole.count, step)}
    return [
        replace(whole, start=start, count=count, size=whole.size * count // whole.count)
        for start, count in counts.items()
    ]


def check_extent(promised: int, stored: int, path: Path) -> None:
    """Refuse arrays that are far larger than what their file can hold.

    Raises:
        SchemaError: Compression does not explain the difference.
    """
    if promised > max(_UNSUSPICIOUS, stored * _MAX_RATIO):
        raise SchemaError(
            f"the arrays have {promised} bytes by their shapes, and only {stored} are stored",
            hint="Shorten them to the rows that were written.",
            uri=str(path),
        )


def _row_count(columns: Sequence[ArrayColumn], path: Path) -> int:
    """Return the number of rows that all columns have."""
    first = columns[0].rows.shape
    for column in columns:
        shape = column.rows.shape
        if not shape:
            raise SchemaError(
                f"column {column.name!r:.80} is one value, without rows",
                hint="Remove it from the file.",
                uri=str(path),
                path=column.name,
            )
        if shape[0] != first[0]:
            raise SchemaError(
                f"column {column.name!r:.80} has {shape[0]} rows, "
                f"{columns[0].name!r:.80} has {first[0]}",
                hint="Put arrays of another length into a file of their own.",
                uri=str(path),
                path=column.name,
            )
    return int(first[0])


def _by_split(columns: Sequence[ArrayColumn]) -> dict[str, list[ArrayColumn]]:
    """Return the columns of each split, if every name has one; else all, as one."""
    found = [_split(column.name) for column in columns]
    splits: dict[str, list[ArrayColumn]] = {}
    for column, known in zip(columns, found, strict=True):
        name, split = (column.name, WHOLE) if known is None or None in found else known
        splits.setdefault(split, []).append(replace(column, name=name))
    return splits


def _split(name: str) -> tuple[str, str] | None:
    """Return column and split of names such as ``x_train`` and ``test/x``; None for others."""
    matches = (pattern.fullmatch(name) for pattern in _NAMES)
    return next(((found["column"], found["split"]) for found in matches if found), None)


def _common(splits: Mapping[str, Columns], path: Path) -> tuple[Column, ...]:
    """Return the columns, which all splits have in common."""
    first, *others = splits
    known = _described(splits[first])
    for split in others:
        if _described(splits[split]) != known:
            raise SchemaError(
                f"the splits {first!r} and {split!r} have other columns",
                hint="Write arrays of equal names, dtypes and shapes for each split.",
                uri=str(path),
            )
    return known


def _described(columns: Columns) -> tuple[Column, ...]:
    return tuple(column.described for column in columns)
