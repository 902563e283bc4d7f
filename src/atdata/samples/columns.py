"""Reading many samples of one form at once: columns cut out of the bytes by a template.

Samples of a class that have the same length mostly have the same form: the same names, the same
array headers, numbers of the same width. A template holds the positions of the values of one
sample, and the bytes around them that define the form. If all samples have the same such bytes, a
column is a strided view of the buffer, made in one call. If one differs, the compiled decoder
reads each sample; so results and errors are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from atdata.errors import SampleError
from atdata.samples.arrays import read_layout
from atdata.samples.fields import Field
from atdata.samples.kinds import ArrayOf, Kind, MediaOf, Nullable, Scalar
from atdata.samples.tensors import Bfloat16, TensorOf
from atdata.samples.wire import map_head, pack

_NIL = 0xC0
# msgpack's marks of numbers, and NumPy's names of what follows.
_NUMBERS: dict[type, dict[int, str]] = {
    int: {
        0xCC: ">u1", 0xCD: ">u2", 0xCE: ">u4", 0xCF: ">u8",
        0xD0: ">i1", 0xD1: ">i2", 0xD2: ">i4", 0xD3: ">i8",
    },
    float: {0xCB: ">f8"},
}  # fmt: skip
_LENGTHS: dict[type, dict[int, int]] = {
    str: {0xD9: 1, 0xDA: 2, 0xDB: 4},
    bytes: {0xC4: 1, 0xC5: 2, 0xC6: 4},
}

Column = Any
"""An array with the samples as its first axis, or a list of values."""
Buffer = memoryview
Array = np.ndarray[Any, np.dtype[Any]]


class ColumnCodec(Protocol):
    """The codec whose samples are read as columns."""

    sample_type: type
    fields: tuple[Field, ...]
    decode: Callable[[bytes], Any]


@dataclass(frozen=True, slots=True)
class PackedBlock:
    """Samples that are packed, all of one size: the positions of their payloads.

    Their columns make an :class:`atdata.samples.blocks.Block`.

    Attributes:
        buffer: Bytes that hold them.
        start: Position of the first payload.
        size: Length of each.
        stride: Bytes from one to the next.
        count: Number of payloads.
    """

    buffer: Buffer
    start: int
    size: int
    stride: int
    count: int

    def cut(self, offset: int, dtype: Any, shape: tuple[int, ...], order: str = "C") -> Array:
        """Return a view of the values at one place of each payload."""
        dtype = np.dtype(dtype)
        steps, step = [], dtype.itemsize
        for axis in shape if order == "F" else reversed(shape):
            steps.append(step)
            step *= axis
        inner = steps if order == "F" else steps[::-1]
        return np.ndarray(
            (self.count, *shape), dtype, self.buffer, self.start + offset, (self.stride, *inner)
        )


class _NoTemplateError(Exception):
    """Samples of this form have to be read one by one."""


Cut = Callable[[PackedBlock], Column]


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
        self.cuts: list[Cut] = []
        self._expect(map_head(len(codec.fields)))
        for field in codec.fields:
            self._expect(pack(field.name))
            self.cuts.append(self._value(field.kind))
        if self._position != len(payload):
            raise _NoTemplateError

    def columns(self, block: PackedBlock) -> list[Column] | None:
        """Return the columns of all samples; None if one of them has another form."""
        payload = self._payload
        for start, stop in self._merged():
            wanted = np.frombuffer(payload, np.uint8, stop - start, start)
            if not (block.cut(start, np.uint8, (stop - start,)) == wanted).all():
                return None
        try:
            return [cut(block) for cut in self.cuts]
        except (_NoTemplateError, UnicodeDecodeError):
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
            raise _NoTemplateError
        self._fix(len(data))

    def _fix(self, count: int) -> int:
        """Skip bytes that are the same in all samples; return the position after them."""
        start = self._position
        self._position += count
        self._fixed.append((start, self._position))
        return self._position

    def _value(self, kind: Kind) -> Cut:
        mark = self._payload[self._position]
        if isinstance(kind, Nullable):
            if mark == _NIL:
                self._fix(1)
                return lambda block: [None] * block.count
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
            return lambda block: list(map(media, files(block)))
        raise _NoTemplateError

    def _scalar(self, plain: type, mark: int) -> Cut:
        if plain in _LENGTHS:
            return self._text(plain, mark)
        if plain is bool:
            return self._byte(_bools)
        number = _NUMBERS[plain].get(mark)
        if number is None:
            if plain is int and (mark < 0x80 or mark >= 0xE0):
                return self._byte(_small_integers)
            raise _NoTemplateError
        at = self._fix(1)
        self._position += np.dtype(number).itemsize
        return lambda block: block.cut(at, number, ()).tolist()

    def _byte(self, read: Callable[[Array], list[Any]]) -> Cut:
        at = self._position
        self._position += 1
        return lambda block: read(block.cut(at, np.uint8, ()))

    def _text(self, plain: type, mark: int) -> Cut:
        size = self._length(plain, mark)
        at = self._position
        self._position += size
        if plain is bytes:
            return lambda block: _payload_parts(block, at, size)
        return lambda block: [part.decode() for part in _payload_parts(block, at, size)]

    def _length(self, plain: type, mark: int) -> int:
        if plain is str and 0xA0 <= mark <= 0xBF:
            self._fix(1)
            return mark - 0xA0
        width = _LENGTHS[plain].get(mark)
        if width is None:
            raise _NoTemplateError
        stop = self._fix(1 + width)
        return int.from_bytes(self._payload[stop - width : stop], "big")

    def _array(self, mark: int) -> Cut:
        size = self._length(bytes, mark)
        start = self._position
        layout = read_layout(self._payload[start : start + size])
        # A row of a column without axes would be a number, not an array; and the column has one
        # axis more, of at most 32 in NumPy 1.
        if not 0 < len(layout.shape) < 32:
            raise _NoTemplateError
        at = self._fix(layout.offset)
        self._position = start + size
        return lambda block: block.cut(at, layout.dtype, layout.shape, layout.order)


def _payload_parts(block: PackedBlock, at: int, size: int) -> list[bytes]:
    buffer, first = block.buffer, block.start + at
    starts = range(first, first + block.count * block.stride, block.stride)
    return [bytes(buffer[start : start + size]) for start in starts]


def _bools(marks: Array) -> list[bool]:
    if (marks & 0xFE != 0xC2).any():
        raise _NoTemplateError
    return (marks == 0xC3).tolist()  # type: ignore[no-any-return]


def _small_integers(marks: Array) -> list[int]:
    values = marks.view(np.int8)
    if (values < -32).any():
        raise _NoTemplateError
    return values.tolist()  # type: ignore[no-any-return]


class ColumnReader:
    """Reads the columns of a class; templates are kept from one call to the next.

    ``names`` maps fields to their places; ``direct`` is whether a sample's attributes are the
    values in the columns.
    """

    __slots__ = ("_codec", "_templates", "direct", "names")

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

    def read(self, block: PackedBlock) -> list[Column] | None:
        """Return one column a field, in order; None if the samples have to be read one by one."""
        size = block.size
        if size in self._templates:
            template = self._templates[size]
            columns = template.columns(block) if template else None
            if columns is not None:
                return columns
        template = self._find(bytes(block.buffer[block.start : block.start + size]))
        if len(self._templates) < self._MOST_TEMPLATES:
            self._templates[size] = template
        return template.columns(block) if template else None

    def _find(self, payload: bytes) -> Template | None:
        if not self._codec.fields:
            return None
        try:
            self._codec.decode(payload)
            return Template(self._codec, payload)
        except (SampleError, _NoTemplateError):
            return None
