"""Reading samples of different lengths at once.

A value's place differs from sample to sample, but the fields come in one order. So all samples are
stepped through together, one field after the other: the name is compared, the mark and the length
are read in all of them by a few NumPy calls. If one sample has another form, there are no columns,
and the compiled decoder reads each sample; so results and errors are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from atdata.errors import SampleError
from atdata.samples import arrays
from atdata.samples.fields import Field
from atdata.samples.kinds import ArrayOf, Kind, MediaOf, Nullable, Scalar
from atdata.samples.packed import (
    LENGTHS,
    NIL,
    NUMBERS,
    SHORT_TEXT,
    Column,
    Cuts,
    NoColumnsError,
    PackedBlock,
)
from atdata.samples.tensors import Bfloat16, TensorOf
from atdata.samples.wire import map_head, pack

Array = np.ndarray[Any, np.dtype[Any]]
_MOST_INTEGER = 2**63


class _Steps:
    """The places in the samples of a block at which the next value begins.

    Args:
        block: The samples.
    """

    def __init__(self, block: PackedBlock) -> None:
        self.buffer = block.buffer
        self._at = np.array(block.starts, np.int64)
        self._ends = self._at + np.array(block.sizes, np.int64)

    def __len__(self) -> int:
        return len(self._at)

    def expect(self, text: bytes) -> None:
        """Step over bytes that all samples have to contain here."""
        if not (self._next(len(text)) == np.frombuffer(text, np.uint8)).all():
            raise NoColumnsError

    def marks(self, name: bytes) -> Array:
        """Step over the packed name of a field; return the first byte of its values."""
        found = self._next(len(name) + 1)
        if not (found[:, :-1] == np.frombuffer(name, np.uint8)).all():
            raise NoColumnsError
        return found[:, -1]

    def numbers(self, marks: Array, forms: dict[int, str], values: Array) -> None:
        """Step over the numbers after marks, and put them into ``values``."""
        for mark in np.flatnonzero(np.bincount(marks)).tolist():
            if mark in forms:
                rows = np.flatnonzero(marks == mark)
                found = self._cut(rows, forms[mark])
                if found.dtype.kind == "u" and (found >= _MOST_INTEGER).any():
                    raise NoColumnsError
                values[rows] = found

    def spans(self, lengths: Array) -> tuple[list[int], list[int]]:
        """Step over values of these lengths; return positions of, and after, each."""
        starts = self._at.tolist()
        self._at = self._at + lengths
        return starts, self._at.tolist()

    def finish(self) -> None:
        """Check that all samples end here."""
        if not (self._at == self._ends).all():
            raise NoColumnsError

    def _next(self, width: int) -> Array:
        return self._cut(slice(None), np.dtype((np.void, width))).view(np.uint8).reshape(-1, width)

    def _cut(self, rows: Any, dtype: Any) -> Array:
        """Return what is here in some samples, and step over it."""
        width, at = np.dtype(dtype).itemsize, self._at[rows]
        if (at + width > self._ends[rows]).any():
            raise NoColumnsError
        # One element a position of the buffer, each overlapping the next.
        shape = (len(self.buffer) - width + 1,)
        places = np.ndarray(shape, np.dtype((np.void, width)), self.buffer, 0, (1,))
        found: Array = places[at].view(dtype)
        self._at[rows] += width
        return found


_Read = Callable[[_Steps, Array], Column]


class RaggedReader:
    """Reads the columns of a class, whatever the lengths of the samples.

    Args:
        fields: Of the class.
    """

    __slots__ = ("_head", "_steps")

    def __init__(self, fields: Sequence[Field]) -> None:
        self._head = map_head(len(fields))
        self._steps = [(pack(field.name), _reader(field.kind)) for field in fields]

    def read(self, block: PackedBlock) -> list[Column] | None:
        """Return one column a field, in order; None if the samples have to be read one by one."""
        steps = _Steps(block)
        columns = []
        try:
            steps.expect(self._head)
            for name, read in self._steps:
                columns.append(read(steps, steps.marks(name)))
            steps.finish()
        except (NoColumnsError, SampleError, UnicodeDecodeError):
            return None
        return columns


def _reader(kind: Kind) -> _Read:
    if isinstance(kind, Nullable):
        return _nullable(_reader(kind.inner))
    if isinstance(kind, ArrayOf):
        return _array_reader(kind)
    if isinstance(kind, Bfloat16 | TensorOf):
        return _converted(_array_reader(kind.stored), kind.decode)
    if isinstance(kind, MediaOf):
        media = kind.type
        return lambda steps, marks: _bytes(steps, marks).made(media)
    return _SCALARS[kind.type] if isinstance(kind, Scalar) else _none


def _none(_steps: _Steps, _marks: Array) -> NoReturn:
    raise NoColumnsError


def _nullable(read: _Read) -> _Read:
    def either(steps: _Steps, marks: Array) -> Column:
        return [None] * len(steps) if (marks == NIL).all() else read(steps, marks)

    return either


def _converted(read: _Read, convert: Callable[[Any], Any]) -> _Read:
    return lambda steps, marks: list(map(convert, read(steps, marks)))


def _integers(steps: _Steps, marks: Array) -> Column:
    values = marks.view(np.int8).astype(np.int64)
    forms = NUMBERS[int]
    if not ((values >= -32) | np.isin(marks, list(forms))).all():
        raise NoColumnsError
    steps.numbers(marks, forms, values)
    return values.tolist()


def _floats(steps: _Steps, marks: Array) -> Column:
    forms = NUMBERS[float]
    if not np.isin(marks, list(forms)).all():
        raise NoColumnsError
    values = np.empty(len(marks), np.float64)
    steps.numbers(marks, forms, values)
    return values.tolist()


def _bools(_steps: _Steps, marks: Array) -> Column:
    if (marks & 0xFE != 0xC2).any():
        raise NoColumnsError
    return (marks == 0xC3).tolist()


def _bytes(steps: _Steps, marks: Array) -> Cuts:
    widths = LENGTHS[bytes]
    lengths = np.zeros(len(marks), np.int64)
    if not np.isin(marks, list(widths)).all():
        raise NoColumnsError
    return _parts(steps, marks, widths, lengths)


def _texts(steps: _Steps, marks: Array) -> Column:
    widths = LENGTHS[str]
    short = (marks >= SHORT_TEXT.start) & (marks < SHORT_TEXT.stop)
    if not (short | np.isin(marks, list(widths))).all():
        raise NoColumnsError
    lengths = marks.astype(np.int64) - SHORT_TEXT.start
    return list(map(bytes.decode, _parts(steps, marks, widths, lengths)))


def _parts(steps: _Steps, marks: Array, widths: dict[int, int], lengths: Array) -> Cuts:
    steps.numbers(marks, {mark: f">u{width}" for mark, width in widths.items()}, lengths)
    return Cuts(steps.buffer, *steps.spans(lengths))


_SCALARS: dict[type, _Read] = {
    int: _integers,
    float: _floats,
    bool: _bools,
    bytes: _bytes,
    str: _texts,
}


def _array_reader(kind: ArrayOf) -> _Read:
    """Return a function that reads arrays, and parses equal headers once."""
    layouts: dict[bytes, arrays.Layout] = {}
    usual, ndarray = arrays.USUAL_HEAD, np.ndarray

    def layout_of(payload: bytes) -> arrays.Layout:
        kind.decode(payload)
        layout = arrays.read_layout(payload)
        if layout.offset == usual:
            arrays.remember(layouts, payload[:usual], layout)
        return layout

    def read(steps: _Steps, marks: Array) -> Column:
        buffer, column = steps.buffer, []
        parts = _bytes(steps, marks)
        for start, stop in parts.spans():
            layout = layouts.get(buffer[start : start + usual]) or layout_of(buffer[start:stop])
            dtype, shape, order, offset, size = layout
            if size != stop - start:
                raise NoColumnsError
            column.append(ndarray(shape, dtype, buffer, start + offset, None, order))
        return column

    return read
