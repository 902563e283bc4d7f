"""NumPy files: each array of an ``.npz`` is a column, an ``.npy`` is one column ``data``.

An ``.npy`` of records (a structured dtype) has a column for each of their fields. Nothing is
unpickled. Members of an ``.npz`` are read as a stream; those in Fortran order are unpacked into a
temporary file.
"""

from __future__ import annotations

import math
import shutil
import zipfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np

from atdata.base.scratch import temporary_folder
from atdata.errors import SampleError, SchemaError
from atdata.importing.array_columns import ArrayColumn, array_column
from atdata.importing.array_files import check_extent, opened, read_arrays
from atdata.importing.readers import Table
from atdata.samples.arrays import Array, Layout, read_layout

_HEAD = 10_012  # bytes; the longest header of a NumPy file
_PIECE = 2**20
_STORED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what NumPy writes


def accepts(source: Any) -> bool:
    """Return whether the source is a path of a NumPy file."""
    return isinstance(source, Path) and source.suffix.lower() in (".npz", ".npy")


def read(source: Path) -> Table:
    """Return the arrays of a NumPy file as a table.

    Raises:
        SchemaError: An array is a pickle, or is not as long as the others.
        SampleError: The file is not a sound NumPy file.
    """
    if source.suffix.lower() == ".npy":
        return read_arrays(open_npy, source)
    return read_arrays(open_npz, source, seeks=False)


def open_npy(path: Path) -> AbstractContextManager[Sequence[ArrayColumn]]:
    """Open an ``.npy`` file: memory-mapped, so that rows are read when they are needed."""
    return opened(path, "an .npy file", lambda stack: _fields(_mapped(path, "data"), path))


def open_npz(path: Path) -> AbstractContextManager[Sequence[ArrayColumn]]:
    """Open an ``.npz`` file: its members are streams, from which rows are read in order."""

    def find(stack: ExitStack) -> Sequence[ArrayColumn]:
        archive = stack.enter_context(zipfile.ZipFile(path))
        return [_column(stack, archive, member, path) for member in archive.infolist()]

    return opened(path, "an .npz file", find)


def _fields(array: Array, path: Path) -> list[ArrayColumn]:
    if array.dtype.names is None or array.ndim != 1:
        return [array_column("data", array, path)]
    return [array_column(name, array[name], path) for name in array.dtype.names]


def _column(
    stack: ExitStack, archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path
) -> ArrayColumn:
    name = member.filename.removesuffix(".npy")
    if name == member.filename or member.compress_type not in _STORED or member.flag_bits & 1:
        raise SchemaError(
            f"column {member.filename!r:.80} is not an array that NumPy wrote",
            hint="Remove it from the file.",
            uri=str(path),
            path=name,
        )
    stream = stack.enter_context(archive.open(member))
    check_extent(member.file_size, path.stat().st_size, path)
    layout = _layout(stream, member.file_size, path, name)
    if layout.order == "C" or len(layout.shape) < 2:
        return array_column(name, _Streamed(stream, layout), path)
    return array_column(name, _unpacked(stack, stream, path, name), path)


class _Streamed:
    """An array of which slices are read in ascending order."""

    def __init__(self, stream: IO[bytes], layout: Layout) -> None:
        self._stream, self._row = stream, 0
        self._row_bytes = math.prod(layout.shape[1:]) * layout.dtype.itemsize
        self.shape, self.dtype = layout.shape, layout.dtype

    def __getitem__(self, rows: slice) -> Array:
        size = (rows.stop - self._row) * self._row_bytes
        data = self._stream.read(size)
        if rows.start != self._row or len(data) != size:
            raise ValueError("the file is cut off")
        self._row = rows.stop
        return np.frombuffer(data, self.dtype).reshape(-1, *self.shape[1:])


def _unpacked(stack: ExitStack, stream: IO[bytes], path: Path, name: str) -> Array:
    folder = stack.enter_context(temporary_folder())
    stream.seek(0)
    with (folder / "array.npy").open("xb") as file:
        shutil.copyfileobj(stream, file, _PIECE)
    return _mapped(folder / "array.npy", name)


def _mapped(path: Path, name: str) -> Array:
    with path.open("rb") as file:
        layout = _layout(file, path.stat().st_size, path, name)
    if 0 in layout.shape:  # no file of no bytes can be mapped
        return np.empty(layout.shape, layout.dtype)
    place: Any = {"offset": layout.offset, "shape": layout.shape, "order": layout.order}
    return np.asarray(np.memmap(path, layout.dtype, "r", **place))


def _layout(file: IO[bytes], size: int, path: Path, name: str) -> Layout:
    """Return the layout that a file's header promises, and go to its end."""
    try:
        layout = read_layout(file.read(_HEAD))
        if layout.size != size:
            raise SampleError(f"its header promises {layout.size} bytes, it has {size}")
    except SampleError as error:
        raise SampleError(
            f"column {name!r:.80}: {error.message}", hint=error.hint, uri=str(path), path=name
        ) from None
    file.seek(layout.offset)
    return layout
