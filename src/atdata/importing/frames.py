"""Data frames of pandas and Polars, and tables of pyarrow, in code: columns as in Arrow.

What pandas treats as missing, NaN included, is None; so is Polars' null, but its NaN is a float. An
index of pandas is a column if it has a name, and left out otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from atdata.base.extras import require
from atdata.errors import SampleError, SchemaError
from atdata.importing import arrow_columns
from atdata.importing.readers import WHOLE, Table

_CLASSES = {("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table")}
_PART = 1 << 26  # bytes
_BATCH = 1024  # rows


def accepts(source: object) -> bool:
    """Return whether a source is a data frame of pandas or Polars, or a table of pyarrow."""
    return (type(source).__module__.partition(".")[0], type(source).__name__) in _CLASSES


def read(source: Any) -> Table:
    """Return the columns of a frame, and ranges of its rows as parts.

    Raises:
        MissingExtra: pyarrow is not installed.
        SampleError: A column has values of several types.
        SchemaError: Samples can't hold a column, or two have the same name.
    """
    table = _as_arrow(source)
    names = table.schema.names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SchemaError(f"two columns are called {twice!r:.80}", path=twice)
    nulls = frozenset(
        place
        for name in names
        for chunk in table.column(name).chunks
        for place in arrow_columns.null_paths(chunk, (name,))
    )
    step = max(1, _PART // max(1, table.nbytes // max(1, table.num_rows)))
    label = type(source).__name__
    parts = [
        FramePart(table.slice(start, step), nulls, label, start)
        for start in range(0, table.num_rows, step)
    ]
    media = arrow_columns.noted_media(table.schema)
    columns = arrow_columns.columns_of(table.schema, set(nulls), media)
    return Table(columns, {WHOLE: parts})


@dataclass(frozen=True)
class FramePart:
    """Rows of a frame from ``start`` on; see :class:`atdata.importing.readers.Part`."""

    table: Any
    nulls: frozenset[tuple[str, ...]]
    label: str
    start: int

    @property
    def count(self) -> int:
        """Number of the rows."""
        count: int = self.table.num_rows
        return count

    @property
    def size(self) -> int:
        """Bytes of the rows in memory."""
        size: int = self.table.nbytes
        return size

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the values of each row."""
        schema, nulls = self.table.schema, set(self.nulls)
        media = arrow_columns.noted_media(schema)
        readings = [arrow_columns.reading_of(one, nulls, media.get(one.name)) for one in schema]
        fields = [(one.name, known.values) for one, known in zip(schema, readings, strict=True)]
        row = self.start
        for batch in self.table.to_batches(max_chunksize=_BATCH):
            yield from arrow_columns.rows_of(batch, fields, row, self.label)
            row += batch.num_rows

    def __reduce__(self) -> Any:
        # Arrow's own pickles of a slice hold the whole table.
        sink = arrow_columns.arrow().BufferOutputStream()
        with arrow_columns.arrow().ipc.new_stream(sink, self.table.schema) as stream:
            stream.write_table(self.table)
        return _unpickled, (sink.getvalue().to_pybytes(), self.nulls, self.label, self.start)


def _unpickled(data: bytes, *others: Any) -> FramePart:
    return FramePart(arrow_columns.arrow().ipc.open_stream(data).read_all(), *others)


def _as_arrow(source: Any) -> Any:
    library = require("pyarrow", extra="arrow")
    if isinstance(source, library.Table):
        return source
    if type(source).__module__.startswith("polars"):
        return source.to_arrow()
    has_names = all(name is not None for name in source.index.names)
    try:
        return library.Table.from_pandas(source, preserve_index=has_names)
    except (library.ArrowException, ValueError, TypeError) as error:
        raise SampleError(
            f"a column has values of several types: {'; '.join(map(str, error.args))}",
            hint="Convert the column to one type, such as text.",
        ) from error
