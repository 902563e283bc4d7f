"""Arrays with one common first axis as columns: what HDF5, NumPy and Zarr files hold.

==================================  ===========================================================
elements of a row                   value
==================================  ===========================================================
one number or bool                  ``int``, ``float``, ``bool``
one text, one byte string           ``str``, ``bytes``
one record (a compound dtype)       a class of its fields
one element of another dtype        array without axes: complex numbers, dates, long doubles
several                             array of that dtype and shape
objects                             refused: they are pickles
==================================  ===========================================================
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from atdata.errors import SampleError, SchemaError
from atdata.importing.readers import Column, refused
from atdata.importing.schema import class_name, guessed_type
from atdata.samples import kinds
from atdata.samples.annotations import annotation_of
from atdata.samples.arrays import check_dtype
from atdata.samples.fields import fields_of

_PLAIN: dict[str, type] = {"b": bool, "i": int, "u": int, "f": float, "S": bytes, "U": str}
_MAX_ROW = 2**30  # bytes; no field is larger
MAX_CHUNK = 2**30  # bytes that a library unpacks at once
_MAX_ROWS = 2**16  # at once: small ones are larger as Python objects
_BLOCK = 2**24  # bytes that are read at once, unless one row or chunk has more

MAX_COLUMNS = 1_000
_DESCRIBING = ("description", "long_name", "units")  # attributes
_MAX_DESCRIPTION = 1_000
# What libraries and NumPy raise for files that are not sound.
UNREADABLE = (
    *(OSError, RuntimeError, MemoryError, EOFError, SystemError),
    *(ValueError, TypeError, LookupError, ArithmeticError),
    *(zlib.error, zipfile.BadZipFile),
)

Values = Sequence[Any]


class Rows(Protocol):
    """An array in a file, of which slices are read, in ascending order."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes; the first is the number of rows."""
        ...

    @property
    def dtype(self) -> Any:
        """The NumPy dtype of the elements."""
        ...

    def __getitem__(self, rows: slice, /) -> Any:
        """Return these rows as a NumPy array."""
        ...


@dataclass(frozen=True)
class Form:
    """The annotation of a column, and a function from a block of rows to their values."""

    annotation: Any
    values: Callable[[Any], Values]


@dataclass(frozen=True)
class ArrayColumn:
    """An array of a file as a column.

    ``chunk`` rows are stored together; ``row_bytes`` is the size of a row in memory, about.
    """

    name: str
    rows: Rows
    form: Form
    row_bytes: int
    file: str
    description: str | None = None
    chunk: int = 1

    @property
    def described(self) -> Column:
        """The column as the importer knows it."""
        return Column(self.name, self.form.annotation, self.description)

    def values(self, first: int, last: int) -> Values:
        """Return the values of rows ``first`` to ``last``, without the last.

        Raises:
            SampleError: They can't be read; column and rows are named.
        """
        try:
            block = self.rows[first:last]
        except UNREADABLE as error:
            reason = f"rows {first} to {last - 1}, column {self.name!r:.80}: {error}"
            raise SampleError(reason, uri=self.file, path=self.name) from error
        try:
            return self.form.values(block)
        except UNREADABLE as error:
            raise self._refused(block, first, error) from error

    def _refused(self, block: Any, first: int, error: Exception) -> SampleError:
        """Return the error for the first row of a block that has no value."""
        for row in range(len(block)):
            try:
                self.form.values(block[row : row + 1])
            except UNREADABLE:
                return refused(str(error), uri=self.file, row=first + row, column=self.name)
        return SampleError(str(error), uri=self.file, path=self.name)


@dataclass(frozen=True)
class GroupColumn:
    """A group of a file as a column: its values are dicts of the columns in it."""

    name: str
    columns: tuple[ArrayColumn | GroupColumn, ...]
    annotation: Any
    row_bytes: int
    chunk: int

    @property
    def described(self) -> Column:
        """The column as the importer knows it."""
        return Column(self.name, self.annotation)

    def values(self, first: int, last: int) -> Values:
        """Return the values of rows ``first`` to ``last``, without the last."""
        names = [field.name for field in fields_of(self.annotation)]
        return [dict(zip(names, row, strict=True)) for row in _block(self.columns, first, last)]


Columns = Sequence[ArrayColumn | GroupColumn]


Special = Callable[[str, np.dtype[Any], tuple[int, ...]], Form | None]
"""As :func:`form_of`, for dtypes that only a format's library knows; None for all others."""


def array_column(
    name: str,
    rows: Rows,
    file: Path,
    *,
    special: Special | None = None,
    row_bytes: int = 0,
    description: str | None = None,
    chunk: int = 1,
) -> ArrayColumn:
    """Return the column of an array.

    Args:
        name: Its name or path in the file.
        rows: The array.
        file: What it is in, for errors.
        special: Forms of dtypes that only the format's library knows.
        row_bytes: Bytes of a row that the dtype and shape do not show.
        description: Of the field.
        chunk: How many rows are stored together.

    Raises:
        SchemaError: Samples can't hold its rows; the column is named.
    """
    form = form_of(name, rows.dtype, rows.shape[1:], special)
    size = max(row_bytes, math.prod(rows.shape[1:]) * rows.dtype.itemsize, 1)
    if chunk * size > MAX_CHUNK:
        raise SchemaError(f"column {name!r:.80} is stored in chunks of {chunk} rows", path=name)
    return ArrayColumn(name, rows, form, size, str(file), description, chunk)


def form_of(
    name: str, dtype: np.dtype[Any], shape: tuple[int, ...], special: Special | None = None
) -> Form:
    """Return the form of rows of this dtype and shape (without the first axis).

    Raises:
        SchemaError: Samples can't hold such rows; the column is named.
    """
    if math.prod(shape) * dtype.itemsize > _MAX_ROW:
        raise SchemaError(f"column {name!r:.80}: rows of shape {shape} are too large", path=name)
    if special is not None and (form := special(name, dtype, shape)) is not None:
        return form
    if not shape and dtype.names is not None:
        return _record(name, dtype, special)
    if dtype.hasobject:
        raise SchemaError(
            f"column {name!r:.80} holds Python objects, which are stored as pickles",
            hint="Write it again with a plain dtype: pickles are never read.",
            path=name,
        )
    if not shape and dtype.kind == "V":
        return Form(bytes, lambda block: [one.tobytes() for one in block])
    if not shape and dtype.kind in _PLAIN and (dtype.kind != "f" or dtype.itemsize <= 8):
        return Form(_PLAIN[dtype.kind], lambda block: block.tolist())
    return array_form(name, dtype, shape)


def array_form(name: str, dtype: np.dtype[Any], shape: tuple[int | None, ...]) -> Form:
    """Return the form of rows that are arrays; None is an axis of any length.

    Raises:
        SchemaError: Arrays of this dtype can't be kept; the column is named.
    """
    try:
        check_dtype(dtype)
    except SampleError as error:
        raise SchemaError(
            f"column {name!r:.80}: {error.message}", hint=error.hint, path=name
        ) from None
    known = annotation_of(kinds.ArrayOf(dtype.type, shape))
    return Form(known, lambda block: [np.asarray(row) for row in block])


def _record(name: str, dtype: np.dtype[Any], special: Special | None) -> Form:
    forms = {
        part: form_of(f"{name}.{part}", *(dtype[part].subdtype or (dtype[part], ())), special)
        for part in dtype.names or ()
    }
    known = nested_type(name, [Column(part, form.annotation) for part, form in forms.items()])
    names = [field.name for field in fields_of(known)]

    def values(block: Any) -> Values:
        parts = [form.values(block[part]) for part, form in forms.items()]
        return [dict(zip(names, row, strict=True)) for row in zip(*parts, strict=True)]

    return Form(known, values)


def description_of(attributes: Any) -> str | None:
    """Return the description of a field in the attributes of an array, or None."""
    for name in _DESCRIBING:
        try:
            text = attributes.get(name)
        except UNREADABLE:  # of a type that the library does not read
            continue
        if isinstance(text, str) and text:
            return text[:_MAX_DESCRIPTION]
    return None


def nested_type(name: str, columns: Sequence[Column]) -> type[Any]:
    """Return the sample type of a nested column; the same one for equal columns."""
    return guessed_type(class_name(name), columns)


def grouped(columns: Sequence[ArrayColumn]) -> list[ArrayColumn | GroupColumn]:
    """Return the columns with those of a group (``group/name``) put together, in order."""
    groups: dict[str, list[ArrayColumn]] = {}
    for column in columns:
        group, slash, rest = column.name.partition("/")
        groups.setdefault(group, []).append(replace(column, name=rest) if slash else column)
    return [_group(name, inner) for name, inner in groups.items()]


def _group(name: str, inner: list[ArrayColumn]) -> ArrayColumn | GroupColumn:
    if len(inner) == 1 and inner[0].name == name:
        return inner[0]
    columns = tuple(grouped(inner))
    known = nested_type(name, [column.described for column in columns])
    return GroupColumn(name, columns, known, row_bytes_of(columns), _chunk_of(columns))


def blocks_of(columns: Columns, start: int, stop: int) -> Iterator[Iterator[tuple[Any, ...]]]:
    """Yield rows ``start`` to ``stop`` as blocks of tuples; memory holds one block.

    Raises:
        SampleError: A block can't be read; column and rows are named.
    """
    step = whole_chunks(columns, _BLOCK)
    for first in range(start, stop, step):
        yield _block(columns, first, min(first + step, stop))


def whole_chunks(columns: Columns, size: int) -> int:
    """Return a number of rows of at most ``size`` bytes, or one, or as many as a chunk has."""
    row, chunk = max(1, row_bytes_of(columns)), _chunk_of(columns)
    return max(1, min(size // row, _MAX_ROWS) // chunk) * chunk


def row_bytes_of(columns: Columns) -> int:
    """Return the bytes of a row of all columns in memory, about."""
    return sum(column.row_bytes for column in columns)


def _chunk_of(columns: Columns) -> int:
    return max(column.chunk for column in columns)


def _block(columns: Columns, first: int, last: int) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.values(first, last) for column in columns), strict=True)
