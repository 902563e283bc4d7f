"""Ways out: samples as Arrow tables, Parquet files, and data frames of pandas and Polars.

Samples are taken a batch at a time. What a column is, the field's annotation and the first batch
say; a later sample that does not fit is an error that names the column.

=========================================  ====================================================
field                                      column
=========================================  ====================================================
numeric arrays, all one-dimensional        list of numbers
numeric arrays, all of one shape           ``arrow.fixed_shape_tensor``
numeric arrays of several shapes           struct of ``data`` (flat, in C order) and ``shape``
arrays of other dtypes                     binary, in ``.npy`` format
``str``, ``bytes``, ``bool``, ``float``    the same
``int``                                    64 bits, signed
``date``                                   date
anything else                              its wire form, see :mod:`atdata.samples.kinds`
=========================================  ====================================================

The metadata of a column of arrays tells their dtype (``atdata.dtype``).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from atdata._extras import require
from atdata.errors import AtdataError, SampleError, StorageError
from atdata.samples import DictSample
from atdata.samples.codec import codec_of
from atdata.samples.kinds import Anything, ArrayOf, Kind, Moment, Nullable, Scalar

if TYPE_CHECKING:
    from atdata.dataset import Dataset

T = TypeVar("T")
_BATCH = 1024
SampleMap = Callable[[Any], Mapping[str, Any]]


def to_parquet(
    dataset: Dataset[T],
    path: str | os.PathLike[str],
    sample_map: Callable[[T], Mapping[str, Any]] | None = None,
    maxcount: int | None = None,
) -> list[Path]:
    """Write the samples as Parquet (see :mod:`atdata.export` for the columns).

    Args:
        dataset: The samples.
        path: The file.
        sample_map: From a sample to the row of it; by default the row of its fields.
        maxcount: Most samples in a file: ``{stem}-000000.parquet`` and so on; None for one
            file, ``path`` itself. Memory is bounded either way.

    Returns:
        The files; each appears when it is complete.

    Raises:
        MissingExtra: pyarrow is not installed.
        SampleError: There are no samples, or one does not fit the columns.
        StorageError: The file can't be written.
    """
    parquet = require("pyarrow.parquet", extra="arrow")
    if maxcount is not None and maxcount < 1:
        raise ValueError(f"maxcount must be at least 1, not {maxcount}")
    target = Path(path)
    written: list[Path] = []
    batches = record_batches(dataset, sample_map, min(_BATCH, maxcount or _BATCH))
    rest: Any = next(batches)
    while rest is not None:
        number = f"-{len(written):06d}" if maxcount else ""
        place = target.with_name(f"{target.stem}{number}{target.suffix or '.parquet'}")
        written.append(place if maxcount else target)
        hidden = written[-1].with_name(f".{written[-1].name}.{os.getpid()}.tmp")
        try:
            with parquet.ParquetWriter(str(hidden), rest.schema) as writer:
                rest = _write(writer, rest, batches, maxcount)
            hidden.replace(written[-1])
        except OSError as error:
            if isinstance(error, AtdataError):
                raise
            message = f"the file can't be written: {error.strerror or error}"
            raise StorageError(message, uri=str(written[-1])) from error
        finally:
            hidden.unlink(missing_ok=True)
    return written


def _write(writer: Any, rest: Any, batches: Iterator[Any], room: int | None) -> Any:
    """Fill one file; return what does not fit into it."""
    while rest is not None:
        now = rest if room is None else rest.slice(0, room)
        writer.write_batch(now)
        if room is not None:
            room -= now.num_rows
            if now.num_rows < rest.num_rows:
                return rest.slice(now.num_rows)
        rest = next(batches, None)
        if room == 0:
            break
    return rest


def to_arrow(dataset: Dataset[Any]) -> Any:
    """All samples as a ``pyarrow.Table``; raises as :func:`to_parquet`."""
    arrow = require("pyarrow", extra="arrow")
    return arrow.Table.from_batches(record_batches(dataset))


def to_pandas(dataset: Dataset[Any]) -> Any:
    """All samples as a ``pandas.DataFrame``; arrays are arrays, of their own shape.

    Raises: As :func:`to_parquet`; MissingExtra names pandas where it is not installed.
    """
    pandas, arrow = require("pandas", extra="pandas"), require("pyarrow", extra="arrow")
    table = to_arrow(dataset)
    frame = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if isinstance(column.type, arrow.FixedShapeTensorType):
            cells = [row for chunk in column.chunks for row in chunk.to_numpy_ndarray()]
            frame[name] = pandas.Series(cells, dtype=object)
        else:
            frame[name] = column.to_pandas()
    return pandas.DataFrame(frame)


def to_polars(dataset: Dataset[Any]) -> Any:
    """All samples as a ``polars.DataFrame``; arrays of one shape are columns of ``pl.Array``.

    Raises: As :func:`to_parquet`; MissingExtra names polars where it is not installed.
    """
    polars, arrow = require("polars", extra="polars"), require("pyarrow", extra="arrow")
    table = to_arrow(dataset)
    tensors = {}
    for index, field in enumerate(table.schema):
        if isinstance(field.type, arrow.FixedShapeTensorType):
            tensors[field.name] = list(field.type.shape)
            column = arrow.chunked_array([chunk.storage for chunk in table.column(index).chunks])
            table = table.set_column(index, field.name, column)
    frame = polars.from_arrow(table)
    return frame.with_columns(
        polars.col(name).reshape((-1, *shape)) if len(shape) > 1 else polars.col(name)
        for name, shape in tensors.items()
    )


def record_batches(
    dataset: Dataset[Any], sample_map: SampleMap | None = None, size: int = _BATCH
) -> Iterator[Any]:
    """The samples as record batches of one schema, at least one.

    Raises:
        SampleError: There are no samples, or one does not fit the columns of the first batch.
    """
    arrow = require("pyarrow", extra="arrow")
    kinds, row = _rows(dataset.sample_type, sample_map)
    columns: list[_Column] = []
    for batch in dataset.ordered(batch_size=size):
        rows = [row(sample) for sample in batch]
        if not columns:
            columns = [_column(arrow, name, kinds.get(name), rows) for name in rows[0]]
            schema = arrow.schema([column.field for column in columns])
        arrays = [column.array(rows) for column in columns]
        yield arrow.RecordBatch.from_arrays(arrays, schema=schema)
    if not columns:
        raise SampleError("the dataset has no samples, so nothing says what the columns are")


def _rows(sample_type: Any, sample_map: SampleMap | None) -> tuple[dict[str, Kind], SampleMap]:
    if sample_map is not None:
        return {}, sample_map
    if issubclass(sample_type, DictSample):
        return {}, sample_type.to_dict
    kinds = {field.name: field.kind for field in codec_of(sample_type).fields}
    return kinds, lambda sample: {name: getattr(sample, name) for name in kinds}


@dataclasses.dataclass(frozen=True)
class _Column:
    field: Any
    make: Callable[[list[Any]], Any]

    def array(self, rows: list[Mapping[str, Any]]) -> Any:
        name = self.field.name
        try:
            return self.make([row[name] for row in rows])
        except AtdataError as error:
            raise SampleError(f"column {name!r}: {error.message}", path=name) from None
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise SampleError(
                f"column {name!r}: a sample does not fit the first ones: {error}",
                hint="give to_parquet a sample_map that makes the samples alike",
                path=name,
            ) from None


def _column(arrow: Any, name: str, kind: Kind | None, rows: list[Mapping[str, Any]]) -> _Column:
    inner = kind.inner if isinstance(kind, Nullable) else kind
    values = [row.get(name) for row in rows]
    arrays = [value for value in values if isinstance(value, np.ndarray)]
    if isinstance(inner, ArrayOf) or (arrays and inner is None):
        return _array_column(
            arrow, name, arrays, isinstance(kind, Nullable) or len(arrays) < len(values)
        )
    plain = {str: "string", bytes: "binary", bool: "bool_", int: "int64", float: "float64"}
    if isinstance(inner, Scalar):
        known: Any = getattr(arrow, plain[inner.type])()
    elif isinstance(inner, Moment) and inner.type is date:
        known = arrow.date32()
    else:
        encode = (kind or Anything()).encode
        known = arrow.array([encode(value) for value in values]).type
        return _Column(
            arrow.field(name, known),
            lambda values: arrow.array([encode(value) for value in values], known),
        )
    return _Column(arrow.field(name, known), lambda values: arrow.array(values, known))


def _array_column(arrow: Any, name: str, arrays: list[Any], gaps: bool) -> _Column:
    dtypes, shapes = {array.dtype for array in arrays}, {array.shape for array in arrays}
    dtype = next(iter(dtypes)) if len(dtypes) == 1 else None
    make: Callable[[list[Any]], Any]
    if dtype is None or dtype.kind not in "iufb":
        known, make = arrow.binary(), lambda values: arrow.array(map(_npy, values), arrow.binary())
    else:
        item = arrow.from_numpy_dtype(dtype.newbyteorder("="))
        (shape, *others) = shapes
        if all(len(one) == 1 for one in shapes):
            known = arrow.list_(item)
            make = _lists(arrow, item, dtype)
        elif others or dtype.kind == "b" or 0 in (len(shape), *shape) or gaps:
            known = arrow.struct({"data": arrow.list_(item), "shape": arrow.list_(arrow.int64())})
            make = _ragged(arrow, known, dtype)
        else:
            known = arrow.fixed_shape_tensor(item, shape)
            make = _tensors(arrow, known, dtype, shape)
    told = {"atdata.dtype": "" if dtype is None else dtype.str}
    return _Column(arrow.field(name, known, metadata=told), make)


def _npy(value: Any) -> bytes | None:
    return None if value is None else ArrayOf().encode(value)


def _flat(value: Any, dtype: np.dtype[Any]) -> Any:
    if value.dtype != dtype:
        raise SampleError(f"an array of dtype {value.dtype}, the first ones have {dtype}")
    return np.ascontiguousarray(value, dtype.newbyteorder("=")).reshape(-1)


def _lists(arrow: Any, item: Any, dtype: np.dtype[Any]) -> Callable[[list[Any]], Any]:
    def make(values: list[Any]) -> Any:
        for value in values:
            if value is not None and value.ndim != 1:
                raise SampleError(f"an array of shape {value.shape}; the first ones are flat")
        cells = [None if value is None else _flat(value, dtype) for value in values]
        return arrow.array(cells, arrow.list_(item))

    return make


def _ragged(arrow: Any, known: Any, dtype: np.dtype[Any]) -> Callable[[list[Any]], Any]:
    def make(values: list[Any]) -> Any:
        cells = [
            None if value is None else {"data": _flat(value, dtype), "shape": list(value.shape)}
            for value in values
        ]
        return arrow.array(cells, known)

    return make


def _tensors(
    arrow: Any, known: Any, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> Callable[[list[Any]], Any]:
    def make(values: list[Any]) -> Any:
        for value in values:
            if value is None or value.shape != shape:
                found = "None" if value is None else f"an array of shape {value.shape}"
                raise SampleError(f"{found}; the first ones have shape {shape}")
        flat = np.concatenate([_flat(value, dtype) for value in values])
        width = int(np.prod(shape))
        storage = arrow.FixedSizeListArray.from_arrays(arrow.array(flat), width)
        return arrow.ExtensionArray.from_storage(known, storage)

    return make
