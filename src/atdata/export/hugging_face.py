"""Export to Hugging Face's ``datasets``, with the features of :mod:`atdata.export.features`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from shutil import rmtree
from typing import Any

from atdata.base.extras import require
from atdata.base.scratch import lasting_folder
from atdata.errors import AtdataError, StorageError
from atdata.export.arrow import Column
from atdata.export.batches import (
    MakeColumn,
    SampleMap,
    find_columns,
    record_batches,
    schema_of,
)
from atdata.export.source import Exportable


def to_hf(
    dataset: Exportable[Any], *, streaming: bool = False, sample_map: SampleMap | None = None
) -> Any:
    """Return the samples as a dataset of Hugging Face's ``datasets``, with their features.

    Images, audio and videos are passed on as they are encoded; ``datasets`` decodes them.

    Args:
        dataset: The samples.
        streaming: Return an ``IterableDataset`` that reads the shards as it is iterated over, and
            that workers and nodes share by shards. By default a ``Dataset``: its samples are copied
            to an Arrow file in the system's temporary folder (``TMPDIR``), which is removed when
            the process ends; ``save_to_disk`` keeps them. Memory is bounded either way, and
            nothing is written to the cache of ``datasets``.
        sample_map: Makes a row of a sample; by default the row of its fields.

    Raises:
        MissingExtra: ``datasets`` is not installed.
        SampleError: There are no samples, or one does not fit the features of the first ones.
        StorageError: The temporary file can't be written.
    """
    datasets = require("datasets", extra="datasets")
    if not streaming:
        return datasets.Dataset.from_file(str(_written(dataset, sample_map)))
    iterable = require("datasets.iterable_dataset", extra="datasets")
    names = dataset.list_shards()
    shares = [dataset.split(number, len(names)) for number in range(len(names))]
    tables = Tables(dataset, sample_map)
    info = datasets.DatasetInfo(features=datasets.Features.from_arrow_schema(tables.schema))
    return datasets.IterableDataset(
        iterable.ArrowExamplesIterable(tables, {"shares": shares}), info=info
    )


class Tables:
    """Yields samples as Arrow tables of one schema, in any process.

    The columns are functions, which are not sent to other processes: each finds them again.
    """

    def __init__(self, dataset: Exportable[Any], sample_map: SampleMap | None) -> None:
        self._dataset = dataset
        self._sample_map = sample_map

    @cached_property
    def columns(self) -> list[Column]:
        """The columns of all tables."""
        return find_columns(self._dataset, self._sample_map, _make_column())

    @property
    def schema(self) -> Any:
        """The Arrow schema of all tables."""
        return schema_of(require("pyarrow", extra="arrow"), self.columns)

    def __call__(self, shares: list[Exportable[Any]]) -> Iterator[tuple[str, Any]]:
        """Yield a name and a table for each batch, as ``datasets`` expects."""
        arrow = require("pyarrow", extra="arrow")
        for share, dataset in enumerate(shares):
            batches = record_batches(dataset, self._sample_map, columns=self.columns)
            for number, batch in enumerate(batches):
                yield f"{share}-{number}", arrow.Table.from_batches([batch])

    def __getstate__(self) -> dict[str, Any]:
        return {"_dataset": self._dataset, "_sample_map": self._sample_map}


def _make_column() -> MakeColumn:
    from atdata.export.features import feature_column  # imports datasets

    return feature_column


def _written(dataset: Exportable[Any], sample_map: SampleMap | None) -> Path:
    """Write the samples to an Arrow file of this process; remove it if that fails."""
    batches = record_batches(dataset, sample_map, make_column=_make_column())
    first = next(batches)
    try:
        # A folder of its own: ``datasets`` puts the results of ``map`` beside the file.
        folder = Path(tempfile.mkdtemp(dir=lasting_folder()))
    except OSError as error:
        raise _unwritten(tempfile.gettempdir(), error) from error
    try:
        _write(folder / "samples.arrow", first.schema, chain([first], batches))
    except BaseException:
        rmtree(folder, ignore_errors=True)
        raise
    return folder / "samples.arrow"


def _write(path: Path, schema: Any, batches: Iterable[Any]) -> None:
    ipc = require("pyarrow.ipc", extra="arrow")
    try:
        with path.open("wb") as file, ipc.new_stream(file, schema) as stream:
            for batch in batches:
                stream.write_batch(batch)
    except OSError as error:
        if isinstance(error, AtdataError):
            raise
        raise _unwritten(path, error) from error


def _unwritten(path: Path | str, error: OSError) -> StorageError:
    return StorageError(
        f"the samples can't be written: {error.strerror or error}",
        uri=str(path),
        hint="Set TMPDIR to a folder with enough space.",
    )
