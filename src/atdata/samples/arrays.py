"""NumPy arrays as ``.npy`` bytes, written and parsed here, without pickle.

The bytes are what ``np.save`` writes and ``np.load`` reads (NumPy enhancement proposal 1):
magic, version, length of the header, a Python literal padded to 64 bytes, the elements.
Object arrays need pickle, which runs code when it is read, so they are refused on both sides.

Arrays that are read are views of the ``.npy`` bytes, without a copy, and **read-only**.
``array.copy()`` gives a writable one; a stacked column of a batch is writable already.
Shape, byte order and Fortran order are kept.

The earlier implementation of atdata (forecast-bio/atdata, from 0.3 on) stores arrays in a compact
form instead, which is read as well, and never written: the length of the dtype's text in one byte,
the text, the number of axes in one byte, each axis as int64 (little endian), the elements in C
order. The two can't be confused: the first byte of ``.npy`` would be a text of 147 bytes.
"""

from __future__ import annotations

import ast
import math
import re
import struct
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from atdata.errors import SampleError

MAGIC = b"\x93NUMPY"

# np.save aligns the first element to 64 bytes, and leaves room for the longest axis to grow.
_ALIGN = 64
_AXIS_DIGITS = 21
# The limit of NumPy's own reader: literal_eval is not safe on texts of any length.
_MAX_HEADER = 10_000
_MAX_CACHED = 4_096
# Payloads are shorter. Only arrays without elements could claim more, up to what NumPy, or a
# batch of them, can't hold.
_MAX_BYTES = 2**40
# The length of nearly every header, so the first slice that is looked up.
USUAL_HEAD = 128

# Kind and size of a plain dtype, with the unit of dates.
_DESCR = re.compile(r"[|<>][biufcmMSUV]\d{1,9}(\[\d{0,9}[a-zA-Zμ]{1,7}\])?")
# The same in the compact form, with its length before and the number of axes after it.
_COMPACT = re.compile(
    rb"([\3-\x1c])([|<>][biufcmMSUV]\d{1,9}(?:\[\d{0,9}[a-zA-Z]{1,7}\])?)([\0-\x20])"
)
# What literal_eval and NumPy raise on text that is not a header.
_UNSOUND = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
)

_NO_PICKLE = (
    "object arrays are stored as pickles, which run code when read: convert to a plain dtype"
)

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Layout(NamedTuple):
    """The content of a header: the layout of the bytes after it."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: Literal["C", "F"]
    offset: int
    size: int  # of header and elements together, in bytes


_heads: dict[tuple[np.dtype[Any], tuple[int, ...], bool], bytes] = {}
_layouts: dict[bytes, Layout] = {}


def to_npy(array: Array) -> bytes:
    """Return the array as ``.npy`` bytes.

    Raises:
        SampleError: The dtype can't be kept without pickle, or the array is masked.
    """
    return b"".join(npy_parts(array))


def npy_parts(array: Array) -> tuple[bytes, Any]:
    """Return header and elements of the ``.npy`` form; elements are copied only if necessary.

    Raises:
        SampleError: As :func:`to_npy`.
    """
    if type(array) is not np.ndarray:
        array = _plain(array)
    flags = array.flags
    fortran = flags.f_contiguous and not flags.c_contiguous
    key = (array.dtype, array.shape, fortran)
    head = _heads.get(key)
    if head is None:
        head = remember(_heads, key, _head(*key))
    if fortran:
        array = array.T
    elif not flags.c_contiguous:
        array = np.ascontiguousarray(array)
    # Dates have no buffer interface; their bytes do.
    return head, array.tobytes() if array.dtype.kind in "mM" else array


def from_npy(payload: bytes) -> Array:
    """Return the array in ``.npy`` bytes (or the compact form), as a read-only view of them.

    Raises:
        SampleError: Not sound bytes of ``.npy`` format 1 to 3, nor of the compact form; an object
            dtype, or a length that does not fit the shape.
    """
    layout = _layouts.get(payload[:USUAL_HEAD]) or read_layout(payload)
    if layout.size != len(payload):
        raise SampleError(
            f"the array's header promises {layout.size} bytes, the payload has {len(payload)}"
        )
    return np.ndarray(layout.shape, layout.dtype, payload, layout.offset, None, layout.order)


def read_layout(payload: bytes) -> Layout:
    """Parse (or recall) the header at the start of the bytes of an array.

    Raises:
        SampleError: As :func:`from_npy`, except for a wrong length.
    """
    compact = _COMPACT.match(payload)
    if compact is not None:
        return _compact_layout(payload, compact)
    start, end = _header_bounds(payload)
    head = payload[:end]
    layout = _layouts.get(head)
    if layout is None:
        layout = remember(_layouts, head, _parse(payload[start:end], payload[6]))
    return layout


def is_compact(payload: bytes) -> bool:
    """Return whether bytes are an array in the compact form, to the last byte."""
    try:
        return bool(_COMPACT.match(payload)) and read_layout(payload).size == len(payload)
    except SampleError:
        return False


def check_dtype(dtype: np.dtype[Any]) -> None:
    """Refuse a dtype that ``.npy`` can't keep without pickle.

    Raises:
        SampleError: It holds objects, has no bytes, or its description loses something.
    """
    if dtype.hasobject:
        raise SampleError(f"arrays of dtype {dtype} are refused", hint=_NO_PICKLE)
    try:
        kept = np.lib.format.descr_to_dtype(np.lib.format.dtype_to_descr(dtype)) == dtype
    except (TypeError, ValueError) as error:
        raise SampleError(f"dtype {dtype} can't be kept in .npy form: {error}") from error
    if not kept or dtype.subdtype is not None:
        raise SampleError(f"dtype {dtype} can't be kept in .npy form")


def _plain(array: Any) -> Array:
    if not isinstance(array, np.ndarray):
        raise SampleError(f"expected a NumPy array, got {type(array).__name__}")
    if isinstance(array, np.ma.MaskedArray):
        raise SampleError(
            "a masked array would lose its mask", hint="Store data and mask as two arrays."
        )
    return np.asarray(array)


def _head(dtype: np.dtype[Any], shape: tuple[int, ...], fortran: bool) -> bytes:
    check_dtype(dtype)
    _check_extent(dtype, shape)
    descr = np.lib.format.dtype_to_descr(dtype)
    text = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape!r}, }}"
    if shape:
        text += " " * (_AXIS_DIGITS - len(repr(shape[-1 if fortran else 0])))
    try:
        version, width, body = 1, 2, text.encode("latin-1")
    except UnicodeEncodeError:
        version, width, body = 3, 4, text.encode()
    if len(body) > _MAX_HEADER - _ALIGN:
        raise SampleError(f"a header of {len(body)} bytes; readers stop at {_MAX_HEADER}")
    body += b" " * (-(len(MAGIC) + 2 + width + len(body) + 1) % _ALIGN) + b"\n"
    return MAGIC + bytes((version, 0)) + len(body).to_bytes(width, "little") + body


def _header_bounds(payload: bytes) -> tuple[int, int]:
    if payload[:6] != MAGIC:
        raise SampleError(
            "expected .npy bytes, which start with \\x93NUMPY", hint=_pickle_hint(payload)
        )
    version = tuple(payload[6:8])
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise SampleError(f"unknown .npy format {'.'.join(map(str, version)) or 'of no version'}")
    start = 10 if version == (1, 0) else 12
    end = start + int.from_bytes(payload[8:start], "little")
    if len(payload) < max(start, end) or end - start > _MAX_HEADER:
        raise SampleError(f".npy header of {end - start} bytes is cut off or too long")
    return start, end


def _compact_layout(payload: bytes, start: re.Match[bytes]) -> Layout:
    length, descr, axes = start.groups()
    end = start.end() + 8 * axes[0]
    head = payload[:end]
    layout = _layouts.get(head)
    if layout is None:
        if length[0] != len(descr) or len(head) != end:
            raise SampleError("the array's compact header is cut off, or has another length")
        layout = remember(_layouts, head, _parse_compact(head, descr.decode(), start.end()))
    return layout


def _parse_compact(head: bytes, descr: str, axes: int) -> Layout:
    shape = struct.unpack_from(f"<{(len(head) - axes) // 8}q", head, axes)
    if any(length < 0 for length in shape):
        raise SampleError(f"unsound array of shape {shape}")
    try:
        dtype = np.dtype(descr)
    except TypeError as error:
        raise SampleError(f"unsound array: {error}") from None
    # Raw bytes have no order; ml_dtypes gives them one.
    if dtype.str[1:] != descr[1:] or (dtype.str[0] != descr[0] and dtype.kind != "V"):
        raise SampleError(f"unsound array of dtype {descr}, which is written {dtype.str}")
    check_dtype(dtype)
    return Layout(
        dtype, shape, "C", len(head), len(head) + _check_extent(dtype, shape) * dtype.itemsize
    )


def _pickle_hint(payload: bytes) -> str | None:
    return (
        "Write it again without pickle: pickles are never read." if payload[:1] == b"\x80" else None
    )


def _parse(header: bytes, version: int) -> Layout:
    try:
        fields = ast.literal_eval(header.decode("utf-8" if version == 3 else "latin-1"))
        descr, fortran, shape = fields["descr"], fields["fortran_order"], fields["shape"]
        if len(fields) != 3 or type(fortran) is not bool:
            raise ValueError("three fields are expected")
        if type(shape) is not tuple or any(type(n) is not int or n < 0 for n in shape):
            raise ValueError(f"shape {shape!r}")
        _check_descr(descr)
        dtype = np.lib.format.descr_to_dtype(descr)
    except SampleError:
        raise
    except _UNSOUND as error:
        # Python's message about a malformed literal contains memory addresses.
        reason = str(error).partition(": <ast.")[0]
        raise SampleError(f"unsound .npy header: {type(error).__name__}: {reason}") from None
    check_dtype(dtype)
    count = _check_extent(dtype, shape)
    offset = (10 if version == 1 else 12) + len(header)
    return Layout(dtype, shape, "F" if fortran else "C", offset, offset + count * dtype.itemsize)


def _check_descr(descr: Any) -> None:
    """Refuse descriptions that ``np.save`` does not write; NumPy's own parser accepts far more."""
    if isinstance(descr, str):
        if descr.lstrip("|<>=").startswith("O"):
            raise SampleError("an array of objects is refused", hint=_NO_PICKLE)
        if not _DESCR.fullmatch(descr):
            raise ValueError(f"dtype {descr[:40]!r}")
    elif isinstance(descr, tuple):
        _check_descr(descr[0])
    else:
        for field in descr:
            _check_descr(field[1])


def _check_extent(dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    """Return the number of elements; refuse those of 0 bytes, whose number would be unbounded."""
    count = math.prod(shape)
    if dtype.itemsize == 0 and count:
        raise SampleError(f"elements of dtype {dtype} have no bytes")
    extent = math.prod(length for length in shape if length) * dtype.itemsize
    if len(shape) > 32 or max(shape, default=0) >= 2**62 or extent > _MAX_BYTES:
        raise SampleError(f"shape of {len(shape)} axes is beyond what NumPy can hold")
    return count


def remember(cache: dict[Any, Any], key: Any, value: Any) -> Any:
    """Put a value into a cache of heads, and return it."""
    # Full caches are emptied: ragged arrays may have as many headers as there are samples.
    if len(cache) >= _MAX_CACHED:
        cache.clear()
    cache[key] = value
    return value
