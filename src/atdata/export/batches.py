"""Samples as record batches of Arrow, with bounds on their samples and bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from atdata.base.extras import require
from atdata.errors import SampleError
from atdata.export.arrow import Column, column_of, vars_of
from atdata.export.source import Exportable
from atdata.samples import DictSample
from atdata.samples.codec import codec_of
from atdata.samples.kinds import Kind, Nullable
from atdata.samples.media import Media
from atdata.samples.tensors import Bfloat16, TensorOf

MOST = 1024
"""Most samples in a batch."""
_BYTES = 2**26  # of a batch's values, or one sample
_NUMBERS = frozenset((int, float, bool, type(None)))

SampleMap = Callable[[Any], Mapping[str, Any]]
MakeColumn = Callable[[Any, str, Kind | None, list[Any]], Column]
Rows = list[Mapping[str, Any]]


def record_batches(
    dataset: Exportable[Any],
    sample_map: SampleMap | None = None,
    *,
    most: int = MOST,
    make_column: MakeColumn = column_of,
    columns: list[Column] | None = None,
) -> Iterator[Any]:
    """Yield the samples as record batches of one schema, at least one.

    Args:
        dataset: The samples.
        sample_map: Makes a row of a sample; by default the row of its fields.
        most: Most samples in a batch.
        make_column: Makes the column of a field from its kind and the values of the first batch.
        columns: Columns that were found before; there may be no samples then.

    Raises:
        SampleError: There are no samples, or one does not fit the columns.
    """
    arrow = require("pyarrow", extra="arrow")
    kinds, make_row = row_maker(dataset.sample_type, sample_map)
    for rows in _groups(map(make_row, dataset.ordered()), most):
        if columns is None:
            columns = _found(arrow, rows, kinds, make_column)
        arrays = [column.array(rows) for column in columns]
        yield arrow.RecordBatch.from_arrays(arrays, schema=schema_of(arrow, columns))
    if columns is None:
        raise _no_samples()


def find_columns(
    dataset: Exportable[Any], sample_map: SampleMap | None, make_column: MakeColumn
) -> list[Column]:
    """Return the columns that annotations and the first batch determine.

    Raises:
        SampleError: There are no samples, or values of a field have nothing in common.
    """
    arrow = require("pyarrow", extra="arrow")
    kinds, make_row = row_maker(dataset.sample_type, sample_map)
    for rows in _groups(map(make_row, dataset.ordered()), MOST):
        return _found(arrow, rows, kinds, make_column)
    raise _no_samples()


def schema_of(arrow: Any, columns: Iterable[Column]) -> Any:
    """Return the Arrow schema of columns, with what Hugging Face's ``datasets`` reads in it."""
    features = {one.field.name: one.feature for one in columns if one.feature is not None}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})} if features else None
    return arrow.schema([column.field for column in columns], metadata)


def row_maker(sample_type: Any, sample_map: SampleMap | None) -> tuple[dict[str, Kind], SampleMap]:
    """Return the kinds of the columns that a class declares, and a function that makes rows."""
    if sample_map is not None:
        return {}, sample_map
    if issubclass(sample_type, DictSample):
        return {}, sample_type.to_dict
    kinds = {field.name: field.kind for field in codec_of(sample_type).fields}
    arrays = {name: found for name, kind in kinds.items() if (found := _tensor_kind(kind))}

    def make_row(sample: Any) -> dict[str, Any]:
        row = dict(zip(kinds, vars_of(sample, kinds), strict=True))
        for name, kind in arrays.items():
            row[name] = None if row[name] is None else kind.to_numpy(row[name])
        return row

    return kinds | {name: _numpy_kind(kinds[name], kind) for name, kind in arrays.items()}, make_row


def _tensor_kind(kind: Kind) -> TensorOf | Bfloat16 | None:
    inner = kind.inner if isinstance(kind, Nullable) else kind
    return inner if isinstance(inner, TensorOf | Bfloat16) else None


def _numpy_kind(kind: Kind, tensor: TensorOf | Bfloat16) -> Kind:
    return Nullable(tensor.numpy_kind) if isinstance(kind, Nullable) else tensor.numpy_kind


def _found(
    arrow: Any, rows: Rows, kinds: Mapping[str, Kind], make_column: MakeColumn
) -> list[Column]:
    return [
        make_column(arrow, name, kinds.get(name), [row.get(name) for row in rows])
        for name in rows[0]
    ]


def _no_samples() -> SampleError:
    return SampleError("the dataset has no samples to find the columns from")


def _groups(rows: Iterable[Mapping[str, Any]], most: int) -> Iterator[Rows]:
    group: Rows = []
    held = 0
    for row in rows:
        group.append(row)
        held += sum(map(_size, row.values()))
        if len(group) == most or held >= _BYTES:
            yield group
            group, held = [], 0
    if group:
        yield group


def _size(value: Any) -> int:
    """Return about how many bytes a value holds."""
    kind = type(value)
    if kind in _NUMBERS:
        return 8
    if kind is np.ndarray:
        return int(value.nbytes)
    if isinstance(value, str | bytes | Media):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return sum(map(_size, vars(value).values())) if is_dataclass(value) else 8
