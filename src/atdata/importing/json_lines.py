"""JSON Lines: an object on each line, whose names are columns; all lines decide the types.

Like delimited text, a file is read twice: first whole, for the types and the place of every
thousand lines, then in parts.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, NoReturn

from atdata.errors import SampleError
from atdata.importing.files import FileRange, Files, format_of_files, repeated, table_of
from atdata.importing.json_types import Seen
from atdata.importing.readers import Column, Table, files_state, refused
from atdata.importing.text_values import CONVERTERS

_SUFFIXES = frozenset({".jsonl", ".ndjson"})
_MAX_LINE = 64 << 20  # bytes
_MAX_COLUMNS = 1000  # as many as a class has fields
_PART_ROWS = 1000
_PART_SIZE = 8 << 20  # bytes

Row = dict[str, Any]


def read_files(files: Files) -> Table:
    """Return the columns and parts of the files of each split.

    Raises:
        SampleError: A line is not a sound JSON object, or has a value of another type than others
            of its column.
        SchemaError: The names of columns can't be those of fields.
    """
    paths = [path for group in files.values() for path in group]
    state = files_state(paths)
    seen: dict[str, Seen] = {}
    rows = 0
    places = {}
    for path in paths:
        places[path] = list(_places(path, seen, rows))
        rows += sum(count for *_, count in places[path])
    for one in seen.values():
        one.close(rows)
    columns = [Column(name, one.annotation(name)) for name, one in seen.items()]
    names = tuple((name, one.text_type) for name, one in seen.items())
    return table_of(
        columns, files, state, lambda path: (Part(path, *place, names) for place in places[path])
    )


accepts, read = format_of_files(_SUFFIXES, read_files)


@dataclass(frozen=True, slots=True)
class Part(FileRange):
    """Lines of a file, from an offset in bytes; see :class:`atdata.importing.readers.Part`."""

    names: tuple[tuple[str, type | None], ...]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the values of each line."""
        columns = [(name, CONVERTERS.get(kind) if kind else None) for name, kind in self.names]
        with self.path.open("rb") as file:
            lines = _Lines(file, self.path, self.offset, self.first)
            for number, row in enumerate(islice(lines, self.count), self.first):
                yield tuple(
                    self._value(row.get(name), convert, number, name) for name, convert in columns
                )

    def _value(self, value: Any, convert: Callable[[str], Any] | None, row: int, name: str) -> Any:
        try:
            return value if convert is None or value is None else convert(value)
        except (ValueError, TypeError):
            raise refused(
                "another value than at first", uri=str(self.path), row=row, column=name
            ) from None


class _Lines:
    """The objects of an open file, with the offset at which the next line begins."""

    def __init__(self, file: IO[bytes], path: Path, offset: int = 0, row: int = 0) -> None:
        self._file, self._path = file, path
        self.offset, self.row = offset, row
        file.seek(offset)

    def __iter__(self) -> Iterator[Row]:
        """Yield the object of each line; empty lines are skipped."""
        while line := self._file.readline(_MAX_LINE):
            if len(line) == _MAX_LINE:
                raise self._refused(f"a line of more than {_MAX_LINE:,} bytes")
            if self.offset == 0:
                line = line.removeprefix(codecs.BOM_UTF8)
            length = len(line)
            if line.strip():
                yield self._parsed(line)
                self.row += 1
            self.offset += length

    def _parsed(self, line: bytes) -> Row:
        try:
            row = json.loads(line.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise self._refused(f"not sound JSON: {reason:.200}") from None
        if not isinstance(row, dict):
            raise self._refused(f"not an object, but a {type(row).__name__}")
        return row

    def _refused(self, reason: str) -> SampleError:
        return refused(reason, uri=str(self._path), row=self.row)


def _places(path: Path, seen: dict[str, Seen], before: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield offset, bytes, first row and number of rows of each part; note the values' types."""
    with path.open("rb") as file:
        lines = _Lines(file, path)
        start, first, count = 0, 0, 0
        for row in lines:
            # The line that has been read ends later: its length is added when the next is read.
            if count == _PART_ROWS or lines.offset - start >= _PART_SIZE:
                yield start, lines.offset - start, first, count
                start, first, count = lines.offset, first + count, 0
            _note(seen, row, path, lines.row, before)
            count += 1
        if count:
            yield start, lines.offset - start, first, count


def _note(seen: dict[str, Seen], row: Row, path: Path, number: int, before: int) -> None:
    for name, value in row.items():
        try:
            if name not in seen:
                if len(seen) == _MAX_COLUMNS:
                    raise SampleError(f"more than {_MAX_COLUMNS} columns")
                seen[name] = Seen()
            seen[name].see(value)
        except SampleError as error:
            column = f"{name}{error.path or ''}"
            raise refused(
                error.message, uri=str(path), row=number, column=column, hint=error.hint
            ) from None


def _unique(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError(f"the name {repeated(name for name, _ in pairs)!r:.80} is there twice")
    return row


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
