"""Parquet, Arrow IPC and Feather files, through pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atdata.base.extras import require
from atdata.errors import AtdataError, SampleError, SchemaError
from atdata.importing.arrow_columns import (
    arrow,
    columns_of,
    noted_media,
    null_paths,
    reading_of,
    rows_of,
)
from atdata.importing.files import Files, format_of_files, repeated, table_of
from atdata.importing.readers import Table, files_state
from atdata.samples.media.sniffing import sniff

_PARQUET = frozenset({".parquet", ".pq"})
_IPC = frozenset({".arrow", ".feather", ".ipc", ".arrows"})
_SUFFIXES = _PARQUET | _IPC
_BATCH = 1024  # rows, unless these are large
_BATCH_SIZE = 8 << 20  # bytes


def read_files(files: Files) -> Table:
    """Return the columns and parts of the files of each split.

    Raises:
        MissingExtra: pyarrow is not installed.
        SampleError: A file is not sound.
        SchemaError: Samples can't hold a column, or files have other columns.
    """
    paths = [path for group in files.values() for path in group]
    state = files_state(paths)
    schema = _open(paths[0]).schema
    with _sound(paths[0], "Arrow"):  # names may not be UTF-8
        twice = repeated(schema.names)
    if twice is not None:
        raise SchemaError(f"two columns are called {twice!r:.80}", uri=str(paths[0]), path=twice)
    nulls: set[tuple[str, ...]] = set()
    places: dict[Path, list[tuple[int, int, int, int]]] = {}
    for path in paths:
        file = _open(path)
        if not file.schema.equals(schema) and _bare(file.schema) != _bare(schema):
            raise SchemaError(
                "the files have other columns",
                uri=str(path),
                hint="Import files with other columns one by one.",
            )
        nulls.update(file.nulls())
        places[path] = list(file.parts())
    media = noted_media(schema) | _seen_media(paths, schema)
    marks = tuple(sorted(nulls)), tuple(sorted(media.items()))
    return table_of(
        columns_of(schema, nulls, media),
        files,
        state,
        lambda path: (Part(path, *place, *marks) for place in places[path]),
    )


accepts, read = format_of_files(_SUFFIXES, read_files)


@dataclass(frozen=True, slots=True)
class Part:
    """A row group or record batch; see :class:`atdata.importing.readers.Part`."""

    path: Path
    number: int
    first: int
    count: int
    size: int
    nulls: tuple[tuple[str, ...], ...]
    media: tuple[tuple[str, str], ...]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the values of each row."""
        file = _open(self.path)
        media, nulls = dict(self.media), set(self.nulls)
        fields = [
            (field.name, reading_of(field, nulls, media.get(field.name)).values)
            for field in file.schema
        ]
        row = self.first
        for batch in file.batches(self.number):
            yield from rows_of(batch, fields, row, str(self.path))
            row += batch.num_rows


class _ParquetFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        parquet: Any = require("pyarrow.parquet", extra="arrow")
        with _sound(path, "Parquet"):
            self._file = parquet.ParquetFile(path, memory_map=True)
            self.schema = self._file.schema_arrow

    def parts(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield number, first row, rows and bytes of each row group."""
        first = 0
        for number in range(self._file.metadata.num_row_groups):
            group = self._file.metadata.row_group(number)
            yield number, first, group.num_rows, group.total_byte_size
            first += group.num_rows

    def batches(self, *numbers: int) -> Iterator[Any]:
        """Yield the record batches of row groups."""
        return self._batches(numbers, None)

    def nulls(self) -> Iterator[tuple[str, ...]]:
        """Yield the places of nulls: by the file's statistics, else by reading the column."""
        counts = self._null_counts()
        for field in self.schema:
            count = counts.get(field.name)
            if count == 0 or not (field.nullable or field.type.num_fields):
                continue
            if count and not field.type.num_fields:
                yield (field.name,)
                continue
            groups = range(self._file.metadata.num_row_groups)
            for batch in self._batches(groups, [field.name]):
                yield from null_paths(batch.column(0), (field.name,))

    def _batches(self, groups: Any, columns: list[str] | None) -> Iterator[Any]:
        with _sound(self._path, "Parquet"):
            size = sum(self._file.metadata.row_group(number).total_byte_size for number in groups)
            count = sum(self._file.metadata.row_group(number).num_rows for number in groups)
            batches = self._file.iter_batches(
                _batch(count, size), row_groups=list(groups), columns=columns, use_threads=False
            )
        while True:
            with _sound(self._path, "Parquet"):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def _null_counts(self) -> dict[str, int | None]:
        """Return the nulls in the leaves of each column; None where the file does not count."""
        self._check_chunks()
        metadata = self._file.metadata
        counts: dict[str, int | None] = {}
        for leaf in range(metadata.num_columns):
            path = metadata.schema.column(leaf).path
            name = path if path in self.schema.names else path.partition(".")[0]
            for number in range(metadata.num_row_groups):
                statistics = metadata.row_group(number).column(leaf).statistics
                known = statistics is not None and statistics.has_null_count
                earlier = counts.get(name, 0)
                is_known = known and earlier is not None
                counts[name] = earlier + statistics.null_count if is_known else None
        return counts

    def _check_chunks(self) -> None:
        """Refuse damaged chunks of columns, whose statistics would end the process."""
        metadata = self._file.metadata
        kinds = [metadata.schema.column(leaf).physical_type for leaf in range(metadata.num_columns)]
        for number in range(metadata.num_row_groups):
            with _sound(self._path, "Parquet"):
                next(self._file.iter_batches(1, row_groups=[number], use_threads=False), None)
                group = metadata.row_group(number)
                if any(group.column(leaf).physical_type != kind for leaf, kind in enumerate(kinds)):
                    raise ValueError("a column has values of another type than the schema says")


class _IpcFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._arrow = arrow()
        ipc: Any = require("pyarrow.ipc", extra="arrow")
        with _sound(path, "Arrow"):
            mapped = self._arrow.memory_map(str(path))
            try:
                self._file = ipc.open_file(mapped)
                self._stream = None
            except self._arrow.ArrowInvalid:
                mapped.seek(0)
                self._stream = ipc.open_stream(mapped)
            self.schema = (self._stream or self._file).schema

    def parts(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield number, first row, rows and bytes of each record batch."""
        first = 0
        for number, batch in enumerate(_IpcFile(self._path)._all()):
            self._check(batch)
            yield number, first, batch.num_rows, batch.nbytes
            first += batch.num_rows

    def batches(self, number: int) -> Iterator[Any]:
        """Yield the rows of a record batch in smaller ones."""
        if self._stream is None:
            with _sound(self._path, "Arrow"):
                whole = self._file.get_batch(number)
        else:
            whole = next(batch for at, batch in enumerate(self._all()) if at == number)
        self._check(whole)
        step = _batch(whole.num_rows, whole.nbytes)
        for start in range(0, whole.num_rows, step):
            yield whole.slice(start, step)

    def nulls(self) -> Iterator[tuple[str, ...]]:
        """Yield the places of nulls."""
        for batch in _IpcFile(self._path)._all():
            self._check(batch)
            for name, array in zip(self.schema.names, batch.columns, strict=True):
                yield from null_paths(array, (name,))

    def _check(self, batch: Any) -> None:
        # pyarrow reads outside of its memory where lengths and offsets are damaged.
        with _sound(self._path, "Arrow"):
            batch.validate(full=True)

    def _all(self) -> Iterator[Any]:
        if self._stream is None:
            for number in range(self._file.num_record_batches):
                with _sound(self._path, "Arrow"):
                    batch = self._file.get_batch(number)
                yield batch
            return
        while True:
            with _sound(self._path, "Arrow"):
                try:
                    batch = self._stream.read_next_batch()
                except StopIteration:
                    return
            yield batch


def _batch(rows: int, size: int) -> int:
    """Return how many of the rows of a file, of a size in bytes, are read at once."""
    return max(1, min(_BATCH, _BATCH_SIZE * rows // max(size, 1)))


def _open(path: Path) -> Any:
    return _ParquetFile(path) if path.suffix.lower() in _PARQUET else _IpcFile(path)


def _bare(schema: Any) -> list[tuple[str, Any]]:
    return [(field.name, field.type) for field in schema]


def _seen_media(paths: Sequence[Path], schema: Any) -> dict[str, str]:
    """Return the columns of structs of bytes and path whose first file is of a known format."""
    types = arrow().types
    found = {}
    for place, field in enumerate(schema):
        names = [one.name for one in field.type] if types.is_struct(field.type) else []
        if sorted(names) != ["bytes", "path"]:
            continue
        data = next(_first_bytes(paths, place), None)
        media_type = sniff(data) if isinstance(data, bytes) else None
        if media_type is not None:
            found[field.name] = media_type.partition("/")[0]
    return found


def _first_bytes(paths: Sequence[Path], place: int) -> Iterator[Any]:
    for path in paths:
        for number, *_ in _open(path).parts():
            for batch in _open(path).batches(number):
                for one in batch.column(place):
                    if one.is_valid and one["bytes"].is_valid:
                        yield one["bytes"].as_py()


@contextmanager
def _sound(path: Path, form: str) -> Iterator[None]:
    """Turn pyarrow's errors about a file into one that names it."""
    try:
        yield
    except AtdataError:
        raise
    except (arrow().ArrowException, ValueError, OSError) as error:
        raise SampleError(
            f"not sound {form}: {error}",
            uri=str(path),
            hint="Check that the file is complete, and has the right suffix.",
        ) from error
