"""Comparison of many headers with one that is sound, in a few NumPy calls.

The functions mark headers whose keys differ from the first in letters and digits only, other fields
in digits only, and whose checksums are right.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Bytes = np.ndarray[Any, np.dtype[np.uint8]]
    Words = np.ndarray[Any, np.dtype[np.uint64]]
    Mask = np.ndarray[Any, np.dtype[np.bool_]]
    Sizes = np.ndarray[Any, np.dtype[np.int64]]

Range = tuple[int, int]

BLOCK = 512
LEAD = 2 * BLOCK  # bytes of a pax header with its records

_SIZE, _SIZE_DIGITS, _TIME, _SUM = (124, 136), (124, 135), (136, 147), (148, 156)
_MAGIC = 32  # the word of a header that begins with "\0ustar"
_FRONT = 160  # bytes of a header with all that may differ, in whole words
_RECORD = re.compile(rb"\d\d mtime=\d{1,12}\.")  # of a pax header, up to the decimals
_MOST_DECIMALS = 8
_TEXT = (BLOCK, BLOCK + 32)  # such a record, and zeros after it
# The words of a pax header that hold size, checksum and record; and how many these are.
_FORM = [(15, 17), (18, 20), (_TEXT[0] // 8, _TEXT[1] // 8)]
_FORM_WORDS = 8
_PART = 120_000  # bytes that are compared at once: they fit into the processor's cache
_ALL_TRUE = int.from_bytes(b"\1" * 8)  # eight booleans in a word
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_LETTERS = (string.ascii_letters + string.digits).encode()
_WITHOUT_LETTERS = bytes.maketrans(_LETTERS, b"0" * len(_LETTERS))


class Rows:
    """Rows of words, such as headers.

    Args:
        words: The words; a view, rows of which may overlap.
        numbers: Which rows, in order; None for all.
    """

    def __init__(self, words: Words, numbers: Sizes | None = None) -> None:
        self._words, self._numbers = words, numbers

    def __len__(self) -> int:
        return len(self._words if self._numbers is None else self._numbers)

    def parts(self) -> Iterator[Words]:
        """Yield the rows, some at a time: copies of more would be slow to get memory for."""
        import numpy as np

        step = _PART // (8 * self._words.shape[1] + 1) or 1
        for start in range(0, len(self), step):
            part = slice(start, start + step)
            which = part if self._numbers is None else self._numbers[part]
            yield np.ascontiguousarray(self._words[which])

    def columns(self, start: int, stop: int) -> Words:
        """Return some words of all rows."""
        which = slice(None) if self._numbers is None else self._numbers
        return self._words[which, start:stop]

    def first(self) -> bytes:
        """Return the bytes of the first row."""
        row = 0 if self._numbers is None else self._numbers[0]
        return bytes(self._words[row])


def free_bytes(name: int, lead: int, *, even: bool) -> tuple[Range, ...]:
    """Return the bytes in which headers of one form may differ; :func:`same` takes them.

    Args:
        name: Bytes of a key.
        lead: Bytes of the pax header before the header; 0 if there is none.
        even: Their sizes have to be the same.
    """
    ranges = [(0, name), _TIME, _SUM, *([] if even else [_SIZE_DIGITS])]
    before = (_SIZE, _SUM, _TEXT) if lead else ()
    return (*before, *((lead + start, lead + stop) for start, stop in ranges))


def same(rows: Rows, free: tuple[Range, ...]) -> Mask:
    """Mark rows that have the same bytes as the first, at least up to one that has not.

    Args:
        rows: The rows.
        free: Bytes of a row that may differ.
    """
    import numpy as np

    fine, done = np.zeros(len(rows), np.bool_), 0
    first = np.frombuffer(rows.first(), np.uint64)
    mask = _fixed_bits(len(first), free)
    for part in rows.parts():
        stop = done + len(part)
        if ((_varying(part) | (part[0] ^ first)) & mask).any():
            fine[done:stop] = ((part ^ first) & mask == 0).all(1)
            break
        fine[done:stop] = True
        done = stop
    return fine


def headers_right(rows: Rows, lead: int, name: int, *, even: bool) -> Mask:
    """Mark headers that differ from the first as this module says, and whose checksums are right.

    Two neighbours with one key are not right. Other bytes than :func:`free_bytes` were compared.

    Args:
        rows: The headers, one a row.
        lead: Bytes before the header in a row.
        name: Bytes of a key.
        even: The sizes are the same.
    """
    import numpy as np

    words = rows.columns(lead // 8, (lead + _FRONT) // 8)
    text = np.ascontiguousarray(words).view(np.uint8)
    parts = [((0, name), b"9"), (_TIME, b"7"), *([] if even else [(_SIZE_DIGITS, b"7")])]
    fine = np.ones(len(text), np.bool_)
    sums = np.zeros(len(text), np.int32)
    for (start, stop), highest in parts:
        # Turned, so that each operation goes over a long line of bytes.
        digits = np.ascontiguousarray(text[:, start:stop].T)
        alike = _digits_alike(digits, highest)
        if start == 0:
            if not alike.all():
                alike = _letters_alike(digits)
            alike[1:] &= (digits[:, 1:] != digits[:, :-1]).any(0)
        fine &= alike
        sums += digits.sum(0, dtype=np.int32)
    fine &= _sums_right(text[:, slice(*_SUM)], rows.first()[lead : lead + BLOCK], sums)
    return fine


def times_right(rows: Rows) -> Mask:
    """Mark pax headers with the record of a time, in the form for its length.

    Other bytes than :func:`free_bytes` were compared.

    Args:
        rows: The headers with their records, one a row, and what comes after.
    """
    import numpy as np

    first = rows.first()
    record = _RECORD.match(first, BLOCK)
    if not record:
        return np.zeros(len(rows), np.bool_)
    forms = _time_forms(first[:BLOCK], without_digits(record[0]))
    found = np.concatenate([rows.columns(*part) for part in _FORM], 1)
    text = found.view(np.uint8)[:, 8 * _FORM_WORDS - (_TEXT[1] - _TEXT[0]) :]
    size = (text[:, 0] - ord("0")) * 10 + (text[:, 1] - ord("0"))
    text -= (text - ord("0")) * _are_digits(text, b"9")
    equal = found == forms[np.where(size < len(forms), size, 0)]
    fine: Mask = equal.view(np.uint64)[:, 0] == _ALL_TRUE
    return fine


def padding_right(blocks: Rows, used: Sizes) -> Mask:
    """Mark the last blocks of payloads whose bytes after the payload are zero.

    Args:
        blocks: The blocks, one a row.
        used: Bytes of the payload in each; 0 for all.
    """
    import numpy as np

    fine, done, bits = np.ones(len(used), np.bool_), 0, _padding_bits()
    for part in blocks.parts():
        stop = done + len(part)
        part &= bits[used[done:stop]]
        if np.bitwise_or.reduce(part, 0).any():
            fine[done:stop] = (part == 0).all(1)
        done = stop
    return fine


def headers_among(words: Words) -> Sizes:
    """Return the numbers of rows that look like the first one, by magic and start of the name.

    Args:
        words: Rows that begin at each block of an archive, with a pax header or without.
    """
    import numpy as np

    like = words[:, _MAGIC - BLOCK // 8] == words[0, _MAGIC - BLOCK // 8]
    if words.shape[1] > BLOCK // 8:
        like &= words[:, 0] == words[0, 0]
    return np.flatnonzero(like)


def leading(fine: Mask) -> int:
    """Return the number of marks before the first that is not set."""
    return len(fine) if fine.all() else int(fine.argmin())


def sizes_of(rows: Rows, lead: int) -> Sizes:
    """Return the sizes in headers, whose fields were not checked.

    Args:
        rows: The headers, one a row.
        lead: Bytes before the header in a row.
    """
    import numpy as np

    start, stop = _SIZE_DIGITS[0] // 8, _SIZE_DIGITS[1] // 8 + 1
    words = rows.columns(lead // 8 + start, lead // 8 + stop)
    text = np.ascontiguousarray(words).view(np.uint8)
    digits = text[:, _SIZE_DIGITS[0] - 8 * start : _SIZE_DIGITS[1] - 8 * start]
    sizes: Sizes = (digits & 7) @ (8 ** np.arange(10, -1, -1))
    return sizes


def _varying(words: Words) -> Words:
    """Return the bits that are not the same in all rows."""
    import numpy as np

    varying: Words = np.bitwise_or.reduce(words, 0) ^ np.bitwise_and.reduce(words, 0)
    return varying


@lru_cache(maxsize=256)
def _fixed_bits(count: int, free: tuple[Range, ...]) -> Words:
    """Return words of a row with a one for each bit that may not differ."""
    import numpy as np

    mask = np.full(8 * count, 255, np.uint8)
    for start, stop in free:
        mask[start:stop] = 0
    return mask.view(np.uint64)


@lru_cache(maxsize=1)
def _padding_bits() -> Words:
    """Return, for each number of used bytes, a block with ones after them."""
    import numpy as np

    used = np.arange(BLOCK)
    mask = np.where(used >= used[:, None], np.uint8(255), np.uint8(0))
    mask[0] = 0
    return mask.view(np.uint64)


def without_digits(text: bytes) -> bytes:
    """Return a text with zeros as digits."""
    return text.translate(_DIGITS)


def without_letters(text: bytes) -> bytes:
    """Return a text with zeros as ASCII letters and digits."""
    return text.translate(_WITHOUT_LETTERS)


def _are_digits(part: Bytes, highest: bytes) -> Mask:
    return part - ord("0") <= ord(highest) - ord("0")  # what is less than 0 wraps around


def _digits_alike(part: Bytes, highest: bytes) -> Mask:
    """Mark columns that differ from the first only in digits."""
    digits = _are_digits(part, highest)
    fine: Mask = ((part == part[:, :1]) | (digits & digits[:, :1])).all(0)
    return fine


def _letters_alike(part: Bytes) -> Mask:
    """Mark columns that differ from the first only in ASCII letters and digits."""
    lower_case = part | 0x20  # of letters; it makes no letter of another byte
    letters = (lower_case - ord("a") <= ord("z") - ord("a")) | _are_digits(part, b"9")
    fine: Mask = ((part == part[:, :1]) | (letters & letters[:, :1])).all(0)
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
