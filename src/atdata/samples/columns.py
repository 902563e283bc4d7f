"""Reading many samples of one form at once: columns cut out of the bytes by a template.

Samples of a class that have the same length mostly have the same form: the same names, the same
array headers, numbers of the same width. A template holds the positions of the values of one
sample, and the bytes around them that define the form. If all samples have the same such bytes, a
column is a strided view of the buffer, made in one call. If one differs, or the lengths do, the
samples are read as :mod:`atdata.samples.ragged` describes, or by the compiled decoder one by one.
Results and errors are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from atdata.errors import SampleError
from atdata.samples import packed
from atdata.samples.arrays import read_layout
from atdata.samples.fields import Field
from atdata.samples.kinds import ArrayOf, Kind, MediaOf, Nullable, Scalar
from atdata.samples.packed import Column, Cuts, NoColumnsError, PackedBlock
from atdata.samples.ragged import RaggedReader
from atdata.samples.tensors import Bfloat16, TensorOf
from atdata.samples.wire import map_head, pack

Array = np.ndarray[Any, np.dtype[Any]]


class ColumnCodec(Protocol):
    """The codec whose samples are read as columns."""

    sample_type: type
    fields: tuple[Field, ...]
    decode: Callable[[bytes], Any]


class _Even(NamedTuple):
    """Samples of equal size: their bytes, and the positions of their payloads."""

    buffer: Any
    starts: range

    def cut(self, offset: int, dtype: Any, shape: tuple[int, ...], order: str = "C") -> Array:
        """Return a view of the values at one place of each payload."""
        dtype = np.dtype(dtype)
        steps, step = [], dtype.itemsize
        for axis in shape if order == "F" else reversed(shape):
            steps.append(step)
            step *= axis
        inner = steps if order == "F" else steps[::-1]
        places = self._places(offset)
        strides = (places.step, *inner)
        return np.ndarray((len(places), *shape), dtype, self.buffer, places.start, strides)

    def parts(self, offset: int, size: int) -> Cuts:
        """Return the bytes at one place of each payload."""
        return Cuts(self.buffer, self._places(offset), self._places(offset + size))

    def _places(self, offset: int) -> range:
        first, last, step = self.starts.start, self.starts.stop, self.starts.step
        return range(first + offset, last + offset, step)


_Cut = Callable[[_Even], Column]


class Template:
    """The form of one sample, found by reading its payload.

    Args:
        codec: Of the class, whose decoder has accepted the payload.
        payload: The sample's bytes.
    """

    def __init__(self, codec: ColumnCodec, payload: bytes) -> None:
        self._payload = payload
        self._position = 0
        self._fixed: list[tuple[int, int]] = []
        self.cuts: list[_Cut] = []
        self._expect(map_head(len(codec.fields)))
        for field in codec.fields:
            self._expect(pack(field.name))
            self.cuts.append(self._value(field.kind))
        if self._position != len(payload):
            raise NoColumnsError

    def columns(self, block: _Even) -> list[Column] | None:
        """Return the columns of all samples; None if one of them has another form."""
        payload = self._payload
        for start, stop in self._merged():
            wanted = np.frombuffer(payload, np.uint8, stop - start, start)
            if not (block.cut(start, np.uint8, (stop - start,)) == wanted).all():
                return None
        try:
            return [cut(block) for cut in self.cuts]
        except (NoColumnsError, UnicodeDecodeError):
            return None

    def _merged(self) -> list[tuple[int, int]]:
        merged: list[tuple[int, int]] = []
        for start, stop in self._fixed:
            if merged and merged[-1][1] == start:
                start = merged.pop()[0]
            merged.append((start, stop))
        return merged

    def _expect(self, data: bytes) -> None:
        stop = self._position + len(data)
        if self._payload[self._position : stop] != data:
            raise NoColumnsError
        self._fix(len(data))

    def _fix(self, count: int) -> int:
        """Skip bytes that are the same in all samples; return the position after them."""
        start = self._position
        self._position += count
        self._fixed.append((start, self._position))
        return self._position

    def _value(self, kind: Kind) -> _Cut:
        mark = self._payload[self._position]
        if isinstance(kind, Nullable):
            if mark == packed.NIL:
                self._fix(1)
                return lambda block: [None] * len(block.starts)
            kind = kind.inner
        if isinstance(kind, ArrayOf):
            return self._array(mark)
        if isinstance(kind, Scalar):
            return self._scalar(kind.type, mark)
        if isinstance(kind, Bfloat16 | TensorOf):
            convert, arrays = kind.column, self._array(mark)
            return lambda block: convert(arrays(block))
        if isinstance(kind, MediaOf):
            media, files = kind.type, self._text(bytes, mark)
            return lambda block: files(block).made(media)
        raise NoColumnsError

    def _scalar(self, plain: type, mark: int) -> _Cut:
        if plain in packed.LENGTHS:
            return self._text(plain, mark)
        if plain is bool:
            return self._byte(_bools)
        number = packed.NUMBERS[plain].get(mark)
        if number is None:
            if plain is int and (mark < 0x80 or mark >= 0xE0):
                return self._byte(_small_integers)
            raise NoColumnsError
        at = self._fix(1)
        self._position += np.dtype(number).itemsize
        return lambda block: block.cut(at, number, ()).tolist()

    def _byte(self, read: Callable[[Array], list[Any]]) -> _Cut:
        at = self._position
        self._position += 1
        return lambda block: read(block.cut(at, np.uint8, ()))

    def _text(self, plain: type, mark: int) -> _Cut:
        size = self._length(plain, mark)
        at = self._position
        self._position += size
        if plain is bytes:
            return lambda block: block.parts(at, size)
        return lambda block: list(map(bytes.decode, block.parts(at, size)))

    def _length(self, plain: type, mark: int) -> int:
        if plain is str and mark in packed.SHORT_TEXT:
            self._fix(1)
            return mark - packed.SHORT_TEXT.start
        width = packed.LENGTHS[plain].get(mark)
        if width is None:
            raise NoColumnsError
        stop = self._fix(1 + width)
        return int.from_bytes(self._payload[stop - width : stop], "big")

    def _array(self, mark: int) -> _Cut:
        size = self._length(bytes, mark)
        start = self._position
        layout = read_layout(self._payload[start : start + size])
        # A row of a column without axes would be a number, not an array; and the column has one
        # axis more, of at most 32 in NumPy 1.
        if not 0 < len(layout.shape) < 32:
            raise NoColumnsError
        at = self._fix(layout.offset)
        self._position = start + size
        return lambda block: block.cut(at, layout.dtype, layout.shape, layout.order)


def _bools(marks: Array) -> list[bool]:
    if (marks & 0xFE != 0xC2).any():
        raise NoColumnsError
    return (marks == 0xC3).tolist()  # type: ignore[no-any-return]


def _small_integers(marks: Array) -> list[int]:
    values = marks.view(np.int8)
    if (values < -32).any():
        raise NoColumnsError
    return values.tolist()  # type: ignore[no-any-return]


class ColumnReader:
    """Reads the columns of a class; templates are kept from one call to the next.

    ``names`` maps fields to their places; ``direct`` is whether a sample's attributes are the
    values in the columns.
    """

    __slots__ = ("_codec", "_ragged", "_templates", "direct", "names")

    _MOST_TEMPLATES = 256

    def __init__(self, codec: ColumnCodec) -> None:
        self._codec = codec
        self.names = {field.name: index for index, field in enumerate(codec.fields)}
        # If the constructor does more than to keep its arguments, columns do not have all values.
        made = getattr(codec.sample_type.__init__, "__code__", None)  # type: ignore[misc]
        self.direct = not hasattr(codec.sample_type, "__post_init__") and (
            made is not None and made.co_filename == "<string>"
        )
        self._templates: dict[int, Template | None] = {}
        self._ragged = RaggedReader(codec.fields)

    def read(self, block: PackedBlock) -> list[Column] | None:
        """Return one column a field, in order; None if the samples have to be read one by one."""
        if not self._codec.fields:
            return None
        starts, columns = block.starts, None
        if isinstance(starts, range):
            columns = self._even(_Even(block.buffer, starts), block.sizes[0])
        return columns or self._ragged.read(block)

    def _even(self, block: _Even, size: int) -> list[Column] | None:
        if size in self._templates:
            template = self._templates[size]
            columns = template.columns(block) if template else None
            if columns is not None:
                return columns
        start = block.starts[0]
        template = self._find(block.buffer[start : start + size])
        if len(self._templates) < self._MOST_TEMPLATES:
            self._templates[size] = template
        return template.columns(block) if template else None

    def _find(self, payload: bytes) -> Template | None:
        try:
            self._codec.decode(payload)
            return Template(self._codec, payload)
        except (SampleError, NoColumnsError):
            return None
