"""Reading samples of different lengths at once.

A value's place differs from sample to sample, but the fields come in one order. So all samples are
stepped through together, one field after the other: the name is compared, the mark and the length
are read in all of them by a few NumPy calls. If one sample has another form, there are no columns,
and the compiled decoder reads each sample; so results and errors are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import numpy as np

from atdata.errors import SampleError
from atdata.samples import arrays, packed
from atdata.samples.fields import Field
from atdata.samples.kinds import ArrayOf, Kind, MediaOf, Nullable, Scalar
from atdata.samples.packed import Column, Cuts, NoColumnsError, PackedBlock
from atdata.samples.tensors import Bfloat16, TensorOf
from atdata.samples.wire import map_head, pack

Array = np.ndarray[Any, np.dtype[Any]]
_MOST_INTEGER = 2**63
_USUAL = arrays.USUAL_HEAD
_MOST_WIDTH = 8  # bytes of an element, of arrays that are cut as slices


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

    def marks(self, name: bytes) -> Array:
        """Step over the packed name of a field; return the first byte of its values."""
        width = len(name) + 1
        found = self._cut(slice(None), np.dtype((np.void, width))).view(np.uint8).reshape(-1, width)
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

    def spans(self, lengths: Array) -> tuple[Array, Array]:
        """Step over values of these lengths; return positions of, and after, each."""
        starts = self._at
        self._at = starts + lengths
        return starts, self._at.copy()

    def finish(self) -> None:
        """Check that all samples end here."""
        if not (self._at == self._ends).all():
            raise NoColumnsError

    def _cut(self, rows: Any, dtype: Any) -> Array:
        """Return what is here in some samples, and step over it."""
        width, at = np.dtype(dtype).itemsize, self._at[rows]
        if (at + width > self._ends[rows]).any():
            raise NoColumnsError
        found: Array = _windows(self.buffer, width)[at].view(dtype)
        self._at[rows] += width
        return found


_Read = Callable[[_Steps, Array], Column]


class RaggedReader:
    """Reads the columns of a class, whatever the lengths of the samples.

    Args:
        fields: Of the class.
    """

    __slots__ = ("_steps",)

    def __init__(self, fields: Sequence[Field]) -> None:
        self._steps = [(pack(field.name), _reader(field.kind)) for field in fields]
        # The head of the map goes with the first name.
        self._steps[:1] = [(map_head(len(fields)) + name, read) for name, read in self._steps[:1]]

    def read(self, block: PackedBlock) -> list[Column] | None:
        """Return one column a field, in order; None if the samples have to be read one by one."""
        steps = _Steps(block)
        columns = []
        try:
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
        return _ArrayReader(kind)
    if isinstance(kind, Bfloat16 | TensorOf):
        return _converted(_ArrayReader(kind.stored), kind.decode)
    if isinstance(kind, MediaOf):
        media = kind.type
        return lambda steps, marks: _bytes(steps, marks).made(media)
    return _SCALARS[kind.type] if isinstance(kind, Scalar) else _none


def _none(_steps: _Steps, _marks: Array) -> NoReturn:
    raise NoColumnsError


def _nullable(read: _Read) -> _Read:
    def either(steps: _Steps, marks: Array) -> Column:
        return [None] * len(steps) if (marks == packed.NIL).all() else read(steps, marks)

    return either


def _converted(read: _Read, convert: Callable[[Any], Any]) -> _Read:
    return lambda steps, marks: list(map(convert, read(steps, marks)))


def _table(marks: Iterable[int]) -> Array:
    table = np.zeros(256, np.bool_)
    table[list(marks)] = True
    return table


_MARKS = {plain: _table(forms) for plain, forms in (packed.NUMBERS | packed.LENGTHS).items()}


def _are(marks: Array, plain: type) -> Array:
    """Return which marks are followed by a number, or the length, of this type."""
    return _MARKS[plain][marks]


def _integers(steps: _Steps, marks: Array) -> Column:
    values = marks.view(np.int8).astype(np.int64)
    forms = packed.NUMBERS[int]
    if not ((values >= -32) | _are(marks, int)).all():
        raise NoColumnsError
    steps.numbers(marks, forms, values)
    return values.tolist()


def _floats(steps: _Steps, marks: Array) -> Column:
    forms = packed.NUMBERS[float]
    if not _are(marks, float).all():
        raise NoColumnsError
    values = np.empty(len(marks), np.float64)
    steps.numbers(marks, forms, values)
    return values.tolist()


def _bools(_steps: _Steps, marks: Array) -> Column:
    if (marks & 0xFE != 0xC2).any():
        raise NoColumnsError
    return (marks == 0xC3).tolist()


def _bytes(steps: _Steps, marks: Array) -> Cuts:
    starts, stops = _byte_spans(steps, marks)
    return Cuts(steps.buffer, starts.tolist(), stops.tolist())


def _byte_spans(steps: _Steps, marks: Array) -> tuple[Array, Array]:
    widths = packed.LENGTHS[bytes]
    if not _are(marks, bytes).all():
        raise NoColumnsError
    return _spans(steps, marks, widths, np.zeros(len(marks), np.int64))


def _texts(steps: _Steps, marks: Array) -> Column:
    widths = packed.LENGTHS[str]
    short = (marks >= packed.SHORT_TEXT.start) & (marks < packed.SHORT_TEXT.stop)
    if not (short | _are(marks, str)).all():
        raise NoColumnsError
    lengths = marks.astype(np.int64) - packed.SHORT_TEXT.start
    starts, stops = _spans(steps, marks, widths, lengths)
    return list(map(bytes.decode, Cuts(steps.buffer, starts.tolist(), stops.tolist())))


def _spans(
    steps: _Steps, marks: Array, widths: dict[int, int], lengths: Array
) -> tuple[Array, Array]:
    steps.numbers(marks, {mark: f">u{width}" for mark, width in widths.items()}, lengths)
    return steps.spans(lengths)


_SCALARS: dict[type, _Read] = {
    int: _integers,
    float: _floats,
    bool: _bools,
    bytes: _bytes,
    str: _texts,
}


class _ArrayReader:
    """Reads arrays, and parses equal headers once.

    Args:
        kind: Of the arrays.
    """

    def __init__(self, kind: ArrayOf) -> None:
        self._kind = kind
        self._layouts: dict[bytes, arrays.Layout] = {}
        self._sizes: dict[np.dtype[Any], dict[bytes, int]] = {}  # by header, of flat arrays

    def __call__(self, steps: _Steps, marks: Array) -> Column:
        starts, stops = _byte_spans(steps, marks)
        buffer, first = steps.buffer, self._layout(steps.buffer, int(starts[0]), int(stops[0]))
        if _is_flat(first) and starts[-1] + _USUAL <= len(buffer):
            flat = self._flat(buffer, starts, stops, first.dtype)
            if flat is not None:
                return flat
        spans = zip(starts.tolist(), stops.tolist(), strict=True)
        return [self._array(buffer, start, stop) for start, stop in spans]

    def _flat(
        self, buffer: Any, starts: Array, stops: Array, dtype: np.dtype[Any]
    ) -> list[Array] | None:
        """Return arrays of one axis and this dtype; None if some are others.

        A slice of all elements in the buffer is made in a third of the time of an array.
        """
        known = self._sizes.get(dtype)
        if known is None:
            known = arrays.remember(self._sizes, dtype, {})
        heads = _windows(buffer, _USUAL)[starts].tolist()
        found = list(map(known.get, heads))
        if None in found:
            for row in [row for row, size in enumerate(found) if size is None]:
                layout = self._layout(buffer, int(starts[row]), int(stops[row]))
                if not _is_flat(layout) or layout.dtype != dtype:
                    return None
                found[row] = arrays.remember(known, heads[row], layout.size)
        if found != (stops - starts).tolist():
            return None
        width, begins = dtype.itemsize, starts + _USUAL
        views = [np.ndarray((len(buffer) - at) // width, dtype, buffer, at) for at in range(width)]
        parts = (begins % width).tolist(), (begins // width).tolist(), (stops // width).tolist()
        return [views[at][start:stop] for at, start, stop in zip(*parts, strict=True)]

    def _array(self, buffer: Any, start: int, stop: int) -> Array:
        dtype, shape, order, offset, size = self._layout(buffer, start, stop)
        if size != stop - start:
            raise NoColumnsError
        return np.ndarray(shape, dtype, buffer, start + offset, None, order)

    def _layout(self, buffer: Any, start: int, stop: int) -> arrays.Layout:
        layout = self._layouts.get(buffer[start : start + _USUAL])
        if layout is None:
            payload = buffer[start:stop]
            self._kind.decode(payload)
            layout = arrays.read_layout(payload)
            if layout.offset == _USUAL:
                arrays.remember(self._layouts, payload[:_USUAL], layout)
        return layout


def _is_flat(layout: arrays.Layout) -> bool:
    return (
        len(layout.shape) == 1
        and layout.offset == _USUAL
        and 0 < layout.dtype.itemsize <= _MOST_WIDTH
    )


def _windows(buffer: Any, width: int) -> Array:
    """Return the bytes at every position of a buffer, each element overlapping the next."""
    shape, dtype = (len(buffer) - width + 1,), np.dtype((np.void, width))
    return np.ndarray(shape, dtype, buffer, 0, (1,))
