"""CSV and TSV: the first record names the columns, all records decide their types.

A file is read twice: first whole, for the types and for the place of every few thousand records;
then in parts, for the values. See :mod:`atdata.importing.text_values` for the types.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from atdata.errors import SampleError, SchemaError
from atdata.importing.files import FileRange, Files, format_of_files, repeated, table_of
from atdata.importing.readers import Column, Table, files_state, refused
from atdata.importing.text_values import CONVERTERS, Guess

_SUFFIXES = frozenset({".csv", ".tsv"})
_DELIMITERS = {".tsv": "\t"}
_MAX_FIELD = 16 << 20  # characters
_MAX_LINE = 64 << 20  # bytes
_PART_ROWS = 1000
_PART_SIZE = 8 << 20  # bytes

Texts = list[str]


def read_files(files: Files) -> Table:
    """Return the columns and parts of the files of each split.

    Raises:
        SampleError: A record is not sound, or has more or fewer fields than the first one.
        SchemaError: A column has no name, two have the same, or files have other columns.
    """
    paths = [path for group in files.values() for path in group]
    state = files_state(paths)
    names = _header(paths[0])
    guesses = [Guess() for _ in names]
    places = {path: list(_places(path, names, guesses)) for path in paths}
    columns = (Column(name, guess.annotation) for name, guess in zip(names, guesses, strict=True))
    types = tuple(guess.type for guess in guesses)

    def parts_of(path: Path) -> Iterator[Part]:
        return (Part(path, *place, types, tuple(names)) for place in places[path])

    return table_of(columns, files, state, parts_of)


accepts, read = format_of_files(_SUFFIXES, read_files)


@dataclass(frozen=True, slots=True)
class Part(FileRange):
    """Records of a file, from an offset in bytes; see :class:`atdata.importing.readers.Part`."""

    types: tuple[type, ...]
    names: tuple[str, ...]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the values of each record."""
        converters = [CONVERTERS.get(kind) for kind in self.types]
        with self.path.open("rb") as file:
            records = iter(_Records(file, self.path, self.offset))
            for row, texts in enumerate(islice(records, self.count), self.first):
                _check_width(self.path, row, texts, self.names)
                try:
                    yield tuple(
                        text if convert is None else convert(text) if text else None
                        for convert, text in zip(converters, texts, strict=True)
                    )
                except ValueError as error:
                    raise refused(
                        f"{str(error)!r:.80} was not there at first", uri=str(self.path), row=row
                    ) from None


class _Records:
    """The records of an open file, with the offset at which the next one begins."""

    def __init__(self, file: IO[bytes], path: Path, offset: int = 0) -> None:
        if csv.field_size_limit() < _MAX_FIELD:
            csv.field_size_limit(_MAX_FIELD)
        self._file, self._path = file, path
        self.offset = offset
        file.seek(offset)
        delimiter = _DELIMITERS.get(path.suffix.lower(), ",")
        self._reader = csv.reader(self._lines(), delimiter=delimiter, strict=True)

    def __iter__(self) -> Iterator[Texts]:
        """Yield the texts of each record; empty lines are not records."""
        while True:
            begin = self.offset
            try:
                texts = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise SampleError(
                    f"the record at byte {begin} is not sound CSV: {error}",
                    uri=str(self._path),
                    hint="Check its quotes: one that opens must close, and one inside is doubled.",
                ) from None
            if texts:
                yield texts

    def _lines(self) -> Iterator[str]:
        while line := self._file.readline(_MAX_LINE):
            start = self.offset
            self.offset += len(line)
            if start == 0:
                line = line.removeprefix(codecs.BOM_UTF8)
            if len(line) == _MAX_LINE:
                raise self._refused(f"a line of more than {_MAX_LINE:,} bytes", start)
            if b"\0" in line:
                raise self._refused("a NUL byte", start)
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                raise self._refused("bytes that are not UTF-8", start + error.start) from None

    def _refused(self, what: str, offset: int) -> SampleError:
        return SampleError(
            f"the file has {what}",
            uri=str(self._path),
            offset=offset,
            hint="Convert it to UTF-8, for example with iconv.",
        )


def _header(path: Path) -> Texts:
    with path.open("rb") as file:
        names = next(iter(_Records(file, path)), [])
    if (twice := repeated(filter(None, names))) is not None:
        raise SchemaError(f"the first line has the name {twice!r:.80} twice", uri=str(path))
    if "" in names:
        raise SchemaError(f"the column {names.index('')} has no name", uri=str(path))
    if not names:
        raise SchemaError(
            "the file is empty", uri=str(path), hint="Its first line has the names of the columns."
        )
    return names


def _places(path: Path, names: Texts, guesses: list[Guess]) -> Iterator[tuple[int, int, int, int]]:
    """Yield offset, bytes, first row and number of rows of each part; show the texts to guesses."""
    if _header(path) != names:
        raise SchemaError(
            "the files have other columns",
            uri=str(path),
            hint="Import files with other columns one by one.",
        )
    with path.open("rb") as file:
        records = _Records(file, path)
        texts_of = iter(records)
        next(texts_of)
        start, first, count = records.offset, 0, 0
        for texts in texts_of:
            _check_width(path, first + count, texts, names)
            for guess, text in zip(guesses, texts, strict=True):
                guess.see(text)
            count += 1
            if count == _PART_ROWS or records.offset - start >= _PART_SIZE:
                yield start, records.offset - start, first, count
                start, first, count = records.offset, first + count, 0
        if count:
            yield start, records.offset - start, first, count


def _check_width(path: Path, row: int, texts: Texts, names: tuple[str, ...] | Texts) -> None:
    if len(texts) == len(names):
        return
    if len(texts) > len(names):
        reason, column = f"{len(texts)} fields, the first line has {len(names)}", None
    else:
        reason, column = "the field is missing", names[len(texts)]
    raise refused(reason, uri=str(path), row=row, column=column)
