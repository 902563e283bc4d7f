"""The tar format, strictly: a walk that believes nothing, and headers that never vary.

Python's ``tarfile`` and the readers built on it stop in silence at a damaged header, at a stray
zero block or where the end is missing, and so lose samples unnoticed. This walk accepts what
shards are made of (regular members of the POSIX ustar format, preceded at most by pax records of
times, which webdataset's own writer emits) and reports everything else with its offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING
from zlib import adler32

from atdata.errors import ShardError
from atdata.shards.names import sample_name, split_name

if TYPE_CHECKING:
    from atdata.shards.window import Window

BLOCK = 512
END = bytes(2 * BLOCK)
PADS = tuple(bytes(n) for n in range(BLOCK))  # zeros that fill a payload's last block
MAX_PAYLOAD = 2**32  # the longest value that msgpack can say

_MAX_PAX = 4096
_MAX_PADDING = 1 << 20  # zero bytes allowed after the end; tar itself pads to 10 KiB
_OCTAL = re.compile(rb" *([0-7]+)[ \0]*")
_PAX = re.compile(rb"(\d+) (?:mtime|atime|ctime)=-?\d+(?:\.\d*)?\n")
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"5": "a directory",
    b"6": "a pipe",
    b"g": "a pax header for the whole archive",
    b"L": "a long name of GNU tar",
    b"K": "a long link name of GNU tar",
    b"S": "a sparse file",
}
_HINT = "write shards with atdata or webdataset, or with: tar --format=ustar"

Member = tuple[str, str, int, memoryview]
"""Key, extension, offset of the header from the start of the shard, payload."""


def walk(window: Window) -> Iterator[Member]:
    """Every member of a shard, in order; payloads are views of the window's bytes.

    Raises:
        ShardError: The archive is damaged, truncated, or holds anything but plain files.
            Members before the damage have been yielded by then.
    """
    data, view, end, start = window.state()
    position = 0
    pax = False
    while True:
        if end - position < BLOCK:
            position = window.refill(position, BLOCK)
            data, view, end, start = window.state()
            if end - position < BLOCK:
                raise _broken(window, start + position, *_no_end(start + end))
        block = data[position : position + BLOCK]
        if not block[0]:
            return _finish(window, position, pax)
        try:
            kind, raw, size = parse_header(block)
            key, extension = split_name(raw) if kind == b"0" else ("", "")
        except ShardError as error:
            raise _placed(error, window, start + position) from None
        body = BLOCK + size
        pad = -size % BLOCK
        if end - position < body + pad:
            position = window.refill(position, body + pad)
            data, view, end, start = window.state()
            if end - position < body + pad:
                raise _broken(
                    window,
                    start + position,
                    f"the shard ends inside a member: {size} bytes announced, "
                    f"{max(0, end - position - BLOCK)} there",
                    "the file is truncated: fetch or write it again",
                )
        stop = position + body
        if pad and data[stop : stop + pad] != PADS[pad]:
            raise _broken(window, start + stop, "bytes after a member that should be zero", None)
        if kind == b"0":
            yield key, extension, start + position, view[position + BLOCK : stop]
            pax = False
        else:
            _check_pax(window, start + position, data[position + BLOCK : stop], pax)
            pax = True
        position = stop + pad


def parse_header(block: bytes) -> tuple[bytes, bytes, int]:
    """Kind (``b"0"`` file, ``b"x"`` pax record), name and size from one header block.

    Raises:
        ShardError: The checksum is wrong, or it is a header that shards don't have.
    """
    # The checksum is the sum of all bytes, its own eight counted as spaces. The low half of
    # Adler-32 is such a sum, some thirty times faster than a Python loop.
    if adler32(block) & 0xFFFF != _adler(block[148:156]):
        raise ShardError(
            "this is not a tar header, or a damaged one: its checksum is wrong",
            hint="if the file should be a shard, fetch or write it again",
        )
    kind, prefix = _fixed(block[156:])
    size = _octal(block[124:136])
    name = block[:100].rstrip(b"\0")
    if size > MAX_PAYLOAD:
        raise ShardError(f"a member announces {size} bytes; the limit is {MAX_PAYLOAD}")
    return kind, (prefix + b"/" + name if prefix else name), size


def member_size(size: int) -> int:
    """How much of a shard a payload of this size takes, with its header and padding."""
    return BLOCK + size + -size % BLOCK


def build_header(key: str, size: int) -> bytes:
    """The header block of a sample: mode 0644, owner and time zero, so equal bytes every time.

    Raises:
        ShardError: A key that no reader should meet, or a payload that is too long.
    """
    name, prefix = sample_name(key)
    if size > MAX_PAYLOAD:
        raise ShardError(
            f"a sample of {size} bytes; the limit is {MAX_PAYLOAD}", member=f"{key}.msgpack"
        )
    digits = b"%011o" % size
    tail = _TAIL[:189] + prefix.ljust(155, b"\0") + _TAIL[344:] if prefix else _TAIL
    total = _FIXED_SUM + sum(name) + sum(digits) + sum(prefix)
    return b"%b%b%b%b%06o\0 %b" % (name.ljust(100, b"\0"), _OWNER, digits, _TIME, total, tail)


_OWNER = b"0000644\x000000000\x000000000\0"
_TIME = b"\x0000000000000\0"  # ends the size field, then mtime
_TAIL = (b"0".ljust(101, b"\0") + b"ustar\x0000").ljust(BLOCK - 156, b"\0")
_FIXED_SUM = sum(_OWNER) + sum(_TIME) + sum(_TAIL) + 8 * ord(" ")


@lru_cache(maxsize=1024)
def _adler(field: bytes) -> int:
    """What the low half of Adler-32 must be over a header with this checksum field."""
    match = _OCTAL.fullmatch(field)
    return (1 + int(match[1], 8) - 8 * ord(" ") + sum(field)) % 65521 if match else -1


@lru_cache(maxsize=1024)
def _octal(field: bytes) -> int:
    match = _OCTAL.fullmatch(field)
    if match is None:
        raise ShardError("a number in a tar header is not octal", hint=_HINT)
    return int(match[1], 8)


@lru_cache(maxsize=64)
def _fixed(tail: bytes) -> tuple[bytes, bytes]:
    """Kind and name prefix, from the part of a header that hardly varies: bytes 156 to 511."""
    if tail[101:109] != b"ustar\x0000":
        raise ShardError("a header that is not of the POSIX ustar format", hint=_HINT)
    kind = b"0" if tail[:1] == b"\0" else tail[:1]
    if kind not in (b"0", b"x"):
        what = _KINDS.get(kind, f"of an unknown kind {kind!r}")
        raise ShardError(f"a member that is {what}; shards hold plain files only", hint=_HINT)
    if tail[1:101].strip(b"\0") or tail[344:].strip(b"\0"):
        raise ShardError("a plain file whose header names a link", hint=_HINT)
    return kind, tail[189:344].rstrip(b"\0")


def _check_pax(window: Window, offset: int, payload: bytes, after_pax: bool) -> None:
    position = 0
    while not after_pax and position < len(payload) <= _MAX_PAX:
        match = _PAX.match(payload, position)
        if match is None or int(match[1]) != match.end() - position:
            break
        position = match.end()
    if position != len(payload) or not payload:
        raise _broken(window, offset, "a pax record of something else than times", _HINT)


def _finish(window: Window, position: int, pax: bool) -> None:
    """The end of the archive: two zero blocks, and nothing but zeros behind them."""
    _, _, _, start = window.state()
    offset = start + position
    if pax:
        raise _broken(window, offset, "the archive ends after a pax record", None)
    seen = 0
    while True:
        position = window.refill(position, 1)
        data, _, end, start = window.state()
        rest = data[position : position + (1 << 16)]
        if not rest:
            break
        if rest.count(0) != len(rest):
            raise _broken(
                window,
                start + position + len(rest) - len(rest.lstrip(b"\0")),
                "data behind the end of the archive",
                "two shards glued together, or a damaged one: fetch or write it again",
            )
        seen += len(rest)
        position += len(rest)
        if seen > _MAX_PADDING:
            raise _broken(window, start + position, "endless zeros behind the archive", None)
    if seen < len(END):
        raise _broken(window, offset, *_no_end(start + end))


def _no_end(size: int) -> tuple[str, str]:
    if not size:
        return "the file is empty", "fetch or write it again"
    return "the shard has no end of archive", "the file is truncated: fetch or write it again"


def _broken(window: Window, offset: int, message: str, hint: str | None) -> ShardError:
    return ShardError(message, hint=hint, shard=window.shard, offset=offset)


def _placed(error: ShardError, window: Window, offset: int) -> ShardError:
    error.shard, error.offset = window.shard, offset
    return error
