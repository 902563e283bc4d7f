"""Export: samples as Arrow tables, Parquet files, data frames of pandas and Polars, and torch.

:func:`atdata.export.hugging_face.to_hf` has features of its own.

Samples are read a batch at a time. The field's annotation and the first batch determine a column;
a later sample that does not fit raises an error that names the column.

=========================================  ====================================================
field                                      column
=========================================  ====================================================
numeric arrays, all one-dimensional        list of numbers
numeric arrays, all of one shape           ``arrow.fixed_shape_tensor``
numeric arrays of several shapes           struct of ``data`` (flat, in C order) and ``shape``
arrays of other dtypes                     binary, in ``.npy`` format
``Image``, ``Audio``, ``Video``            struct of ``bytes`` and ``path`` (null)
``str``, ``bytes``, ``bool``, ``float``    the same
``int``                                    64 bits, signed
``date``                                   date
``datetime``                               timestamp in microseconds: in UTC, or without zone
an ``Enum`` class, ``Literal``             its values; JSON text where they are of several types
``list[T]``, ``tuple[T, ...]``             list
``tuple[A, B]``                            struct of ``0``, ``1``
``dict[str, T]``                           map
a packable class                           struct of its fields
``Any``, and samples without a class       as Arrow infers from the first batch
=========================================  ====================================================

Tensors are arrays here, and bfloat16 is float32, which holds it exactly.
Inside of lists, maps and structs, arrays are binary (``.npy``) and times text (ISO 8601). Times are
text too if the first batch has none, or some with a zone and some without. Arrays of one shape are
structs too if they may be None, are of bools, or have no axes or an empty one. None is null
everywhere.
The metadata of a column of arrays contains their dtype (``atdata.dtype``). That of the schema names
the columns of media and of lists of them for Hugging Face's ``datasets`` (``huggingface``), which
decodes them. It does not read maps and tensors; ``to_hf()`` gives it everything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from atdata.base.disk import move_file
from atdata.base.extras import require
from atdata.base.scratch import scratch_folder
from atdata.errors import AtdataError, StorageError
from atdata.export.batches import MOST, record_batches, row_maker
from atdata.export.source import Exportable
from atdata.reading.order import Uneven
from atdata.shards.build import build_root

if TYPE_CHECKING:
    from atdata.export.torch import TorchDataset

T = TypeVar("T")
_SCRATCH = ".atdata-export-"


def to_parquet(
    dataset: Exportable[T],
    path: str | os.PathLike[str],
    sample_map: Callable[[T], Mapping[str, Any]] | None = None,
    maxcount: int | None = None,
) -> list[Path]:
    """Write the samples as Parquet (see :mod:`atdata.export.formats` for the columns).

    Args:
        dataset: The samples.
        path: The file.
        sample_map: Makes a row of a sample; by default the row of its fields.
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
    batches = record_batches(dataset, sample_map, most=min(MOST, maxcount or MOST))
    rest: Any = next(batches)
    try:
        # Beside the files, so that a rename puts them in place.
        with scratch_folder(target.parent, _SCRATCH) as work:
            while rest is not None:
                number = f"-{len(written):06d}" if maxcount else ""
                place = target.with_name(f"{target.stem}{number}{target.suffix or '.parquet'}")
                written.append(place if maxcount else target)
                unfinished = work / written[-1].name
                with parquet.ParquetWriter(str(unfinished), rest.schema) as writer:
                    rest = _write(writer, rest, batches, maxcount)
                move_file(unfinished, written[-1])
    except OSError as error:
        if isinstance(error, AtdataError):
            raise
        message = f"the file can't be written: {error.strerror or error}"
        raise StorageError(message, uri=str(written[-1] if written else target)) from error
    return written


def _write(writer: Any, rest: Any, batches: Iterator[Any], room: int | None) -> Any:
    """Fill one file; return the batch that does not fit into it."""
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


def to_arrow(dataset: Exportable[Any]) -> Any:
    """Return all samples as a ``pyarrow.Table``; raises as :func:`to_parquet`."""
    arrow = require("pyarrow", extra="arrow")
    return arrow.Table.from_batches(record_batches(dataset))


def to_pandas(dataset: Exportable[Any]) -> Any:
    """Return all samples as a ``pandas.DataFrame``; fixed-shape tensors keep their shape.

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


def to_polars(dataset: Exportable[Any]) -> Any:
    """Return all samples as a ``polars.DataFrame``; fixed-shape tensors become ``pl.Array``.

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


def to_dict(dataset: Exportable[Any], limit: int | None = None) -> dict[str, list[Any]]:
    """Return the samples as a dict of columns: for each field, the list of its values.

    Args:
        dataset: The samples.
        limit: Most samples to return; None for all.

    Raises:
        ShardError, SampleError: A shard or sample is not sound.
    """
    _, row = row_maker(dataset.sample_type, None)
    columns: dict[str, list[Any]] = {}
    samples = dataset.ordered()
    for number, sample in enumerate(samples if limit is None else samples.take(limit)):
        values = row(sample)
        for name in values:
            columns.setdefault(name, [None] * number)
        for name, column in columns.items():
            column.append(values.get(name))
    return columns


def to_webdataset(
    dataset: Exportable[Any],
    folder: str | os.PathLike[str],
    *,
    maxcount: int = 10_000,
    maxsize: int | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write the samples as shards that WebDataset reads without atdata: one member a field.

    The folder is as :func:`atdata.write_shards` writes it, so ``Dataset(folder)`` reads it too.
    Programs without atdata decode a member by its extension: a field of the name ``jpg``, ``json``,
    ``txt``, ``cls`` or ``npy``, or with :class:`atdata.Member` (``Annotated[str, Member("txt")]``).

    Args:
        dataset: The samples.
        folder: The folder to write.
        maxcount: Largest number of samples in a shard.
        maxsize: Largest number of bytes in a shard; None for no limit.
        overwrite: Replace an earlier dataset with other data.

    Returns:
        The shards, in order.

    Raises:
        SampleError: There are no samples, or a member can't hold a field of one.
        SchemaError: The samples have no declared type, or a member can't hold a field.
        EntryConflict: The folder holds a dataset with other data.
        StorageError: The folder can't be written.
    """
    _, paths = build_root(
        dataset.ordered(),
        Path(folder),
        layout="members",
        maxcount=maxcount,
        maxsize=maxsize,
        overwrite=overwrite,
    )
    return paths


def to_torch(
    dataset: Exportable[Any],
    *,
    shuffle: bool = False,
    seed: int | None = 0,
    batch_size: int | None = None,
    drop_last: bool = False,
    uneven: Uneven = "exact",
) -> TorchDataset:
    """Make a dataset for PyTorch's ``DataLoader``: a :class:`atdata.export.torch.TorchDataset`.

    Args:
        dataset: The samples.
        shuffle: Use a random order, a new one for each epoch (``set_epoch``).
        seed: As for :meth:`atdata.Dataset.shuffled`. None gives a new order each time, which
            processes and workers that share one order can't have.
        batch_size: Samples in a batch; None to leave batching to the ``DataLoader``.
        drop_last: Leave out a last batch that is smaller.
        uneven: As for :meth:`atdata.Dataset.split`, between the processes of a job.

    Raises:
        MissingExtra: PyTorch is not installed.
        ValueError: The seed is not an integer, or ``batch_size`` or ``uneven`` has no such value.
    """
    from atdata.export.torch import TorchDataset

    return TorchDataset(
        dataset,
        shuffle=shuffle,
        seed=seed,
        batch_size=batch_size,
        drop_last=drop_last,
        uneven=uneven,
    )
