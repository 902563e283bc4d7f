"""What a format gives to the importer: columns, and rows in parts; and the known formats.

A format is a module of this room with two functions, which import the format's library when they
are called (:func:`atdata.base.extras.require`), not before:

* ``accepts(source) -> bool``: whether a path or object looks like the format. It is cheap, never
  raises, and opens nothing that it could not read.
* ``read(source) -> Table``: the columns and parts.

The importer calls :meth:`Part.rows` in worker processes, makes samples of the rows and writes
them. Parts depend on the data alone, never on the machine or the number of processes, so that the
same data always gives the same shards.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from atdata.errors import (
    AtdataError,
    MissingFile,
    SampleError,
    SchemaError,
    StorageError,
    UrlError,
)

FORMATS: dict[str, str] = {
    "hugging_face": "atdata.importing.hugging_face",
    "frame": "atdata.importing.frames",
    "webdataset": "atdata.importing.webdataset",
    "numpy": "atdata.importing.npz",
    "hdf5": "atdata.importing.hdf5",
    "zarr": "atdata.importing.zarr",
    "mds": "atdata.importing.mds",
    "litdata": "atdata.importing.litdata",
    "tfrecord": "atdata.importing.tfrecord",
    "images": "atdata.importing.image_folder",
    "csv": "atdata.importing.delimited",
    "jsonl": "atdata.importing.json_lines",
    "arrow": "atdata.importing.arrow_files",
}
"""The module of each format by name, in the order in which they are asked."""

WHOLE = ""
"""The name of the only split of data without named splits."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the source.

    Attributes:
        name: Its name in the source, which may be any text. Fields get names made from it, see
            :mod:`atdata.importing.schema`.
        annotation: What a field for it may be annotated with, as an object (``int``,
            ``str | None``, ``np.ndarray[tuple[int], np.dtype[np.float32]]``, a sample type for
            nested values): see :mod:`atdata.samples.kinds`.
        description: Text about it, for the schema.
    """

    name: str
    annotation: Any
    description: str | None = None


class Part(Protocol):
    """Consecutive rows of one split, which one process reads.

    A small object that can be pickled (a frozen dataclass): it says where its rows are, and opens
    the file by itself. Objects in memory are held by it.
    """

    @property
    def count(self) -> int:
        """Number of its rows, exactly: keys are numbers of rows in the split."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the source that it reads, about: for progress and for grouping small parts."""
        ...

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield its rows one at a time: a value for each column, in the order of the columns.

        A value is what a field of the column's annotation holds, or its wire form where that is
        simpler: a map of its fields for a sample type, text for a date, encoded bytes for media.

        Raises:
            AtdataError: The data can't be read, or :func:`refused` for one value.
        """
        ...


@dataclass(frozen=True, slots=True)
class Table:
    """What a source contains.

    Attributes:
        columns: Its columns, in order; of all splits.
        splits: The parts of each split, in order. :data:`WHOLE` is the name of the only split of
            data without named splits.
        state: Text that is another one when the source has changed, such as
            :func:`files_state`. An import that was stopped goes on only if it is the same; if it
            is empty, from the start.
    """

    columns: tuple[Column, ...]
    splits: Mapping[str, Sequence[Part]]
    state: str = ""


def read_table(source: Any, format: str | None = None) -> Table:  # noqa: A002 - the public word
    """Return what a source contains.

    Args:
        source: A path or other text, or an object that a format accepts. Formats get the path of
            an existing file or folder as a :class:`~pathlib.Path`, other text as ``str``.
        format: Name of the format, one of :data:`FORMATS`; found out if None.

    Raises:
        MissingFile: There is no such file or folder.
        UrlError: No format accepts the source, or the name is unknown.
        MissingExtra: The format's library is not installed.
        SchemaError, SampleError, StorageError: The source can't be read as this format.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        source = path if path.exists() else os.fspath(source)
    try:
        with naming(source):
            table: Table = _module(source, format).read(source)
    except AtdataError:
        raise
    except OSError as error:
        raise StorageError(
            f"can't be read: {error.strerror or error}", uri=str(error.filename or source)
        ) from error
    return table


@contextmanager
def naming(source: Any) -> Iterator[None]:
    """Name the file or folder of a source in errors about its data that name no file."""
    try:
        yield
    except (SampleError, SchemaError) as error:
        is_placed = error.uri is not None or error.shard is not None
        if is_placed or not isinstance(source, str | os.PathLike):
            raise
        place = {**error.place(), "uri": os.fspath(source)}
        raise type(error)(error.message, hint=error.hint, **place) from error.__cause__


def _module(source: Any, name: str | None) -> Any:
    if name is not None:
        if name not in FORMATS:
            raise UrlError(
                f"the format {name!r:.80} is unknown", hint=f"Choose one of: {', '.join(FORMATS)}."
            )
        return import_module(FORMATS[name])
    modules = map(import_module, FORMATS.values())
    found = next((module for module in modules if module.accepts(source)), None)
    if found is not None:
        return found
    if isinstance(source, str):
        raise MissingFile("no such file or folder", uri=source)
    known = f"Name its format, one of: {', '.join(FORMATS)}."
    if isinstance(source, Path):
        raise UrlError("the format is not known", uri=str(source), hint=known)
    raise UrlError(f"the format of a {type(source).__name__} is not known", hint=known)


def files_state(paths: Sequence[Path]) -> str:
    """Return a text that is another one when a file is added, removed, or written again.

    Raises:
        OSError: A file is not there.
    """
    states = ((path, path.stat()) for path in paths)
    return "\n".join(f"{path}\0{state.st_size}\0{state.st_mtime_ns}" for path, state in states)


def refused(
    reason: str, *, uri: str, row: int, column: str | None = None, hint: str | None = None
) -> SampleError:
    """Return the error for a value that samples can't hold.

    Args:
        reason: What is wrong with it.
        uri: The file that it is in.
        row: Number of its row in the file or split, from 0.
        column: Name of its column in the source; None if the row itself is wrong.
        hint: What to do next.
    """
    where = f"row {row}" if column is None else f"row {row}, column {column!r:.80}"
    return SampleError(f"{where}: {reason}", uri=uri, hint=hint, path=column)
