"""HDF5 files, through h5py: datasets are columns, groups are nested, attributes describe.

==================================  ===========================================================
HDF5                                field
==================================  ===========================================================
numbers, bools, compounds, arrays   see :mod:`atdata.importing.array_columns`
text, of fixed or variable length   ``str``
an enumeration                      ``IntEnum`` of its names
arrays of variable length           array with one axis of any length
opaque data                         ``bytes``
attribute ``description``,          description of the field
``long_name`` or ``units``
references, soft and external       refused, with their path
links, data in other files
==================================  ===========================================================
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from atdata.base.extras import require
from atdata.errors import SchemaError
from atdata.importing.array_columns import (
    MAX_COLUMNS,
    ArrayColumn,
    Form,
    Values,
    array_column,
    array_form,
    description_of,
)
from atdata.importing.array_files import opened, read_arrays
from atdata.importing.readers import Table
from atdata.importing.schema import class_name

_SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5")
_MAX_DEPTH = 16  # of groups: hard links can put a group into itself


def accepts(source: Any) -> bool:
    """Return whether the source is a path of an HDF5 file."""
    return isinstance(source, Path) and source.suffix.lower() in _SUFFIXES and source.is_file()


def read(source: Path) -> Table:
    """Return the datasets of an HDF5 file as a table.

    Raises:
        MissingExtra: h5py is not installed.
        SchemaError: Samples can't hold a dataset, or it is not as long as the others.
        SampleError: The file is not a sound HDF5 file.
    """
    return read_arrays(open_hdf5, source)


def open_hdf5(path: Path) -> AbstractContextManager[Sequence[ArrayColumn]]:
    """Open an HDF5 file, for the length of a block."""
    h5py = require("h5py", extra="hdf5")

    def find(stack: ExitStack) -> Sequence[ArrayColumn]:
        file = stack.enter_context(h5py.File(path, "r"))
        columns = list(islice(_Walk(h5py, path).columns(file), MAX_COLUMNS + 1))
        if len(columns) > MAX_COLUMNS:
            raise SchemaError(f"more than {MAX_COLUMNS} datasets", uri=str(path))
        return columns

    return opened(path, "an HDF5 file", find)


class _Walk:
    """Finds the datasets of a file; whatever leads out of it is refused."""

    def __init__(self, h5py: Any, path: Path) -> None:
        self._h5py, self._path = h5py, path

    def columns(self, group: Any, prefix: str = "") -> Iterator[ArrayColumn]:
        """Yield the datasets of a group and of those in it, in the file's order."""
        if prefix.count("/") > _MAX_DEPTH:
            raise self._refused(prefix, f"is in more than {_MAX_DEPTH} groups")
        for name in group:
            place = prefix + name
            if not isinstance(group.get(name, getlink=True), self._h5py.HardLink):
                raise self._refused(place, "is a soft or external link")
            found = group[name]
            if isinstance(found, self._h5py.Group):
                yield from self.columns(found, f"{place}/")
            elif isinstance(found, self._h5py.Dataset):
                yield self._column(place, found)

    def _column(self, name: str, dataset: Any) -> ArrayColumn:
        if dataset.external or dataset.is_virtual:
            raise self._refused(name, "has its data in other files")
        if not dataset.shape:
            raise self._refused(name, "is one value, without rows")
        # Values of variable length are elsewhere in the file, which bounds their average size.
        average = self._path.stat().st_size // max(1, dataset.shape[0])
        return array_column(
            name,
            dataset,
            self._path,
            special=self._form,
            row_bytes=average if dataset.dtype.hasobject else 0,
            description=description_of(dataset.attrs),
            chunk=dataset.chunks[0] if dataset.chunks else 1,
        )

    def _form(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Form | None:
        """Return the form of dtypes that NumPy does not have."""
        if self._h5py.check_string_dtype(dtype) is not None:
            return Form(_lists_of(str, len(shape)), _texts)
        if (members := self._h5py.check_enum_dtype(dtype)) is not None and not shape:
            return Form(_enum(name, tuple(members.items())), lambda block: block.tolist())
        if (item := self._h5py.check_vlen_dtype(dtype)) is not None and not shape:
            return array_form(name, np.dtype(item), (None,))
        if self._h5py.check_ref_dtype(dtype) is not None:
            raise self._refused(name, "holds references")
        return None

    def _refused(self, name: str, reason: str) -> SchemaError:
        return SchemaError(
            f"column {name!r:.80} {reason}",
            hint="Copy the other columns into a file of their own.",
            uri=str(self._path),
            path=name,
        )


def _lists_of(item: Any, depth: int) -> Any:
    return list[_lists_of(item, depth - 1)] if depth else item  # type: ignore[misc]


def _texts(block: Any) -> Values:
    return [_text(item) for item in block.tolist()]


def _text(item: Any) -> Any:
    return [_text(one) for one in item] if isinstance(item, list) else str(item, "utf-8")


@lru_cache(maxsize=256)
def _enum(name: str, members: tuple[tuple[str, int], ...]) -> Any:
    return enum.IntEnum(class_name(name.rpartition("/")[2]), list(members))
