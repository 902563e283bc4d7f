"""Comparison of many headers with one that is sound, in a few NumPy calls.

The functions mark headers that differ from the first in digits only, whose checksums are right.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Bytes = np.ndarray[Any, np.dtype[np.uint8]]
    Words = np.ndarray[Any, np.dtype[np.uint64]]
    Mask = np.ndarray[Any, np.dtype[np.bool_]]

Range = tuple[int, int]

BLOCK = 512
LEAD = 2 * BLOCK  # bytes of a pax header with its records

_SIZE, _SIZE_DIGITS, _TIME, _SUM = (124, 136), (124, 135), (136, 147), (148, 156)
_FRONT = 160  # bytes of a header with all that may differ, in whole words
_RECORD = re.compile(rb"\d\d mtime=\d{1,12}\.")  # of a pax header, up to the decimals
_MOST_DECIMALS = 8
_TEXT = (BLOCK, BLOCK + 32)  # such a record, and zeros after it
_FORM_WORDS = 8  # those of a pax header that hold size, checksum and record
_ALL = 2**64 - 1
_ALL_TRUE = int.from_bytes(b"\1" * 8)  # eight booleans in a word
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)


def headers_alike(words: Words, name: int, *, even: bool) -> Mask:
    """Mark headers that differ from the first in digits of key, size and time only.

    Two neighbours with one key are not alike.

    Args:
        words: The headers, one a row.
        name: Bytes of a key.
        even: The sizes have to be the same too.
    """
    import numpy as np

    front = np.ascontiguousarray(words[:, : _FRONT // 8])
    parts = [((0, name), b"9"), (_TIME, b"7"), *([] if even else [(_SIZE_DIGITS, b"7")])]
    fine = same(front, (*(part for part, _ in parts), _SUM))
    fine &= same(words[:, _FRONT // 8 :])
    sums = np.zeros(len(words), np.int32)
    text = front.view(np.uint8)
    for (start, stop), highest in parts:
        # Turned, so that each operation goes over a long line of bytes.
        digits = np.ascontiguousarray(text[:, start:stop].T)
        fine &= _digits_alike(digits, highest)
        sums += digits.sum(0, dtype=np.int32)
        if start == 0:
            fine[1:] &= (digits[:, 1:] != digits[:, :-1]).any(0)
    fine &= _sums_right(text[:, slice(*_SUM)], words[0].tobytes(), sums)
    return fine


def times_alike(words: Words) -> Mask:
    """Mark pax headers of a time that are like the first, in the form for their length.

    Args:
        words: The headers with their records, one a row.
    """
    import numpy as np

    first = words[0].tobytes()
    record = _RECORD.match(first, BLOCK)
    if not record:
        return np.zeros(len(words), np.bool_)
    forms = _time_forms(first[:BLOCK], without_digits(record[0]))
    fine = same(words, (_SIZE, _SUM, _TEXT))
    found = _form_words(words)
    text = found.view(np.uint8)[:, 8 * _FORM_WORDS - (_TEXT[1] - _TEXT[0]) :]
    size = (text[:, 0] - ord("0")) * 10 + (text[:, 1] - ord("0"))
    text -= (text - ord("0")) * _are_digits(text, b"9")
    equal = found == forms[np.where(size < len(forms), size, 0)]
    fine &= equal.view(np.uint64)[:, 0] == _ALL_TRUE
    return fine


def same(words: Words, free: tuple[Range, ...] = ()) -> Mask:
    """Mark rows that have the same bytes as the first.

    Args:
        words: The rows.
        free: Bytes of a row that may differ.
    """
    import numpy as np

    fine = np.ones(len(words), np.bool_)
    runs, parts = _fixed(words.shape[1], free)
    for start, stop in runs:
        equal = words[:, start:stop] == words[0, start:stop]
        if not equal.all():
            fine &= equal.all(1)
    for place, mask in parts:
        fine &= (words[:, place] ^ words[0, place]) & np.uint64(mask) == 0
    return fine


@lru_cache(maxsize=256)
def _fixed(count: int, free: tuple[Range, ...]) -> tuple[list[Range], list[tuple[int, int]]]:
    """Return runs of whole words that are fixed; and words that are in part, with their masks."""
    import numpy as np

    mask = np.full(8 * count, 255, np.uint8)
    for start, stop in free:
        mask[start:stop] = 0
    masks = mask.view(np.uint64)
    whole = np.concatenate(([False], masks == _ALL, [False]))
    edges = np.flatnonzero(whole[1:] != whole[:-1]).tolist()
    parts = np.flatnonzero((masks != _ALL) & (masks != 0)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True)), [(n, int(masks[n])) for n in parts]


def without_digits(text: bytes) -> bytes:
    """Return a text with zeros as digits."""
    return text.translate(_DIGITS)


def _are_digits(part: Bytes, highest: bytes) -> Mask:
    return part - ord("0") <= ord(highest) - ord("0")  # what is less than 0 wraps around


def _digits_alike(part: Bytes, highest: bytes) -> Mask:
    """Mark columns that differ from the first only in digits."""
    digits = _are_digits(part, highest)
    fine: Mask = ((part == part[:, :1]) | (digits & digits[:, :1])).all(0)
    return fine


def _sums_right(fields: Bytes, header: bytes, sums: np.ndarray[Any, Any]) -> Mask:
    """Mark checksums that are right, given the first header and the sums of what differs."""
    import numpy as np

    lowest = int(sums.min())
    rest = _checksum(header) - int(sums[0])
    texts = b"".join(_sum_field(rest + n) for n in range(lowest, int(sums.max()) + 1))
    right = np.frombuffer(texts, np.uint64)[sums - lowest]
    fine: Mask = np.ascontiguousarray(fields).view(np.uint64)[:, 0] == right
    return fine


def _checksum(header: bytes) -> int:
    return sum(header) - sum(header[slice(*_SUM)]) + 8 * ord(" ")


def _sum_field(total: int) -> bytes:
    return b"%06o\0 " % total


@lru_cache(maxsize=8)
def _time_forms(header: bytes, record: bytes) -> Words:
    """Return what pax headers with a time look like, by the length of their record.

    Args:
        header: The header of one.
        record: Its record, up to the decimals, with zeros as digits.

    Returns:
        For each length the words of the header that depend on it, and the text of the record with
        zeros as digits; zeros for lengths that are not allowed.
    """
    import numpy as np

    forms = np.zeros((_TEXT[1] - _TEXT[0] + 1, 8 * _FORM_WORDS), np.uint8)
    for decimals in range(_MOST_DECIMALS + 1):
        whole = record + b"0" * decimals + b"\n"
        block = header[: _SIZE[0]] + b"%011o\0" % len(whole) + header[_SIZE[1] :]
        block = block[: _SUM[0]] + _sum_field(_checksum(block)) + block[_SUM[1] :]
        row = block[120:136] + block[144:160] + whole
        forms[len(whole), : len(row)] = np.frombuffer(row, np.uint8)
    return forms.view(np.uint64)


def _form_words(words: Words) -> Words:
    """Return the words of pax headers that :func:`_time_forms` returns."""
    import numpy as np

    text = slice(_TEXT[0] // 8, _TEXT[1] // 8)
    return np.concatenate((words[:, 15:17], words[:, 18:20], words[:, text]), 1)
