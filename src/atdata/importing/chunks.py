"""Chunks of samples, as LitData and MDS write them, and the ``index.json`` that lists them.

A chunk begins with its number of samples and their offsets; a sample begins with the lengths of
its columns, except for those of a fixed size. All are 32-bit integers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import numpy as np

from atdata.errors import ManifestError, SampleError, SchemaError
from atdata.importing.array_columns import MAX_COLUMNS, UNREADABLE
from atdata.importing.files import WholeFile
from atdata.importing.readers import Column, refused
from atdata.samples import kinds
from atdata.samples.annotations import annotation_of
from atdata.shards.canonical import parse_json

INDEX = "index.json"
_MAX_INDEX = 256 << 20  # bytes

Decode = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class ChunkColumn:
    """A column of a chunk.

    Attributes:
        name: Its name.
        annotation: Type of its values; ``np.ndarray`` where the first sample decides the dtype.
        stored: How the format stores it.
        decoder: Returns the function from bytes stored so to the value; of a module.
        size: Bytes of each value if that is fixed, else None.
    """

    name: str
    annotation: Any
    stored: str
    decoder: Callable[[str], Decode]
    size: int | None = None


@dataclass(frozen=True, slots=True)
class ChunkPart(WholeFile):
    """A chunk; see :class:`atdata.importing.readers.Part`."""

    columns: tuple[ChunkColumn, ...]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the values of each sample."""
        decoders = [(column.name, column.decoder(column.stored)) for column in self.columns]
        with self.path.open("rb") as file:
            for number, parts in enumerate(self._samples(file)):
                yield tuple(
                    self._value(number, name, decode, data)
                    for (name, decode), data in zip(decoders, parts, strict=True)
                )

    def _value(self, row: int, name: str, decode: Decode, data: bytes) -> Any:
        try:
            return decode(data)
        except (*UNREADABLE, struct.error) as error:
            raise refused(str(error), uri=str(self.path), row=row, column=name) from error

    def _samples(self, file: BinaryIO) -> Iterator[list[bytes]]:
        """Yield the bytes of the columns of each sample."""
        table = _numbers(file.read(4 * min(self.count + 2, self.size)))
        if table[:1] != [self.count] or len(table) != self.count + 2:
            raise SampleError(f"the chunk does not have {self.count} samples", uri=str(self.path))
        for row, (start, end) in enumerate(pairwise(table[1:])):
            file.seek(start)
            data = file.read(end - start) if start <= end <= self.size else b""
            ends = self._ends(data)
            if ends[-1] != end - start or len(data) != end - start:
                raise refused("the sample is not sound", uri=str(self.path), row=row)
            yield [data[first:last] for first, last in pairwise(ends)]

    def _ends(self, data: bytes) -> list[int]:
        """Return where the columns of a sample begin, and where the last one ends."""
        head = 4 * sum(column.size is None for column in self.columns)
        lengths = iter(_numbers(data[:head]))
        sizes = [
            next(lengths, 0) if column.size is None else column.size for column in self.columns
        ]
        return list(accumulate(sizes, initial=head))


def _numbers(data: bytes) -> list[int]:
    numbers: list[int] = np.frombuffer(data[: len(data) // 4 * 4], "<u4").tolist()
    return numbers


def columns_of(columns: Sequence[ChunkColumn], parts: Sequence[ChunkPart]) -> tuple[Column, ...]:
    """Return the columns for a table; the first sample has the dtype and number of axes of arrays.

    Raises:
        SchemaError: There are none, or too many.
        SampleError: The first sample can't be read.
    """
    if not 0 < len(columns) <= MAX_COLUMNS:
        raise SchemaError(f"{len(columns)} columns; at least one, and at most {MAX_COLUMNS}")
    first = next((next(part.rows(), None) for part in parts if part.count), None)
    values = [None] * len(columns) if first is None else first
    return tuple(
        Column(column.name, _annotation(column.annotation, value))
        for column, value in zip(columns, values, strict=True)
    )


def _annotation(annotation: Any, value: Any) -> Any:
    if annotation is not np.ndarray or value is None:
        return annotation
    return annotation_of(kinds.ArrayOf(value.dtype.type, (None,) * value.ndim))


def unchanged(data: bytes) -> bytes:
    """Return the bytes: of media, which are decoded on demand."""
    return data


def has_index(source: object, mark: str) -> bool:
    """Return whether a source is a folder with an index that has this text near its start."""
    if not isinstance(source, Path):
        return False
    try:
        with (source / INDEX).open("rb") as file:
            return mark.encode() in file.read(1 << 20)
    except OSError:
        return False


def read_index(folder: Path) -> dict[str, Any]:
    """Return what the index of a folder contains.

    Raises:
        SampleError: It is missing, too large, or not a JSON object.
    """
    path = folder / INDEX
    try:
        if path.stat().st_size > _MAX_INDEX:
            raise ManifestError(f"more than {_MAX_INDEX} bytes")
        found = parse_json(path.read_bytes(), limit=_MAX_INDEX)
        if not isinstance(found, dict):
            raise ManifestError("not a JSON object")
    except (OSError, ManifestError) as error:
        raise SampleError(f"the index can't be read: {error}", uri=str(path)) from None
    return found


def file_in(folder: Path, name: Any) -> Path:
    """Return the path of a file that an index names.

    Raises:
        SampleError: The name leads out of the folder, or there is no such file.
    """
    if not isinstance(name, str) or PurePath(name).name != name or not (folder / name).is_file():
        raise SampleError(f"the index names {name!r:.80}, not a file beside it", uri=str(folder))
    return folder / name
