"""The tar format: a strict walk over members, and headers that are always the same.

This stays ours because Python's ``tarfile`` and the readers built on it stop silently at a damaged
header, at a stray zero block or where the end is missing, and so lose samples unnoticed. This walk
accepts what all readers of tar understand alike (see ``docs/tar-dialect.md``) and reports
everything else with its offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, cast
from zlib import adler32

from atdata.errors import ShardError
from atdata.shards.blocks import find_block
from atdata.shards.names import (
    SAMPLE,
    check_folder,
    check_header_name,
    member_name,
    sample_name,
    split_name,
)
from atdata.shards.pax import (
    HINT,
    MAX_BYTES,
    Extended,
    is_text,
    read_global,
    read_long_name,
    read_pax,
    refused,
)

if TYPE_CHECKING:
    from atdata.shards.window import Window

BLOCK = 512
END = bytes(2 * BLOCK)
PADS = tuple(bytes(n) for n in range(BLOCK))  # zeros that fill a payload's last block
MAX_PAYLOAD = 2**31  # bounds what a hostile stream can make a reader hold

_MAX_PADDING = 1 << 20  # zero bytes allowed after the end; tar itself pads to 10 KiB
_OCTAL = re.compile(rb" *([0-7]+)[ \0]*")
_BLANK = re.compile(rb"\0+")
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"K": "a long link name of GNU tar",
    b"S": "a sparse file",
}
_WITHOUT_PAYLOAD = b"123456S"
_TRUNCATED = "The file is truncated: fetch or write it again."

Member = tuple[str, str, int, memoryview]
"""Key, extension, offset of the header from the start of the shard, payload."""


class Skipped:
    """A placeholder for a payload that was too long to gather; ``len()`` is that of the payload."""

    __slots__ = ("_size",)

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


def walk(
    window: Window, position: int = 0, *, gather: int = MAX_PAYLOAD, blocks: bool = False
) -> Iterator[Member]:
    """Yield every member of a shard, in order; payloads are views of the window's bytes.

    Args:
        window: The bytes.
        position: Where in the window to begin: at a header.
        gather: Payloads longer than this that are not in the window are skipped without being
            held in memory; a :class:`Skipped` replaces each.
        blocks: Yield consecutive samples of equal form together: a
            :class:`~atdata.shards.blocks.SampleBlock` replaces their payloads, with the key and the
            offset of the first.

    Raises:
        ShardError: The archive is damaged, truncated, or holds anything but plain files.
            Members before the damage have been yielded by then. ``code`` names the
            damage; ``resume`` is the offset where a walk may go on, if it may.
    """
    data, view, end, start = window.state()
    extended: Extended | None = None  # the header before this one, if it describes this one
    lead = 0  # its bytes
    while True:
        if end - position < BLOCK:
            position = window.refill(position, BLOCK)
            data, view, end, start = window.state()
            if end - position < BLOCK:
                raise _no_end(window, start + position, start + end)
        block = data[position : position + BLOCK]
        if not block[0]:
            return _finish(window, position, extended)
        try:
            kind, raw, size = parse_header(block)
            if extended is not None:
                raw = _described(kind, raw, size, extended)
            key, extension = split_name(raw) if kind == b"0" else _check_other(kind, raw, size)
        except ShardError as error:
            raise _placed(error, window, start + position, block) from None
        body = BLOCK + size
        pad = -size % BLOCK
        if end - position < body + pad:
            if size > gather and kind == b"0":
                offset = start + position
                position = _pass_over(window, position, size, f"{key}.{extension}")
                data, view, end, start = window.state()
                yield key, extension, offset, cast("memoryview", Skipped(size))
                extended = None
                continue
            position = window.refill(position, body + pad)
            data, view, end, start = window.state()
            if end - position < body + pad:
                there = max(0, end - position - BLOCK)
                raise _cut_off(window, start + position, size, there)
        stop = position + body
        if pad and data[stop : stop + pad] != PADS[pad]:
            raise _bad_padding(window, start + stop, pad, f"{key}.{extension}" if key else None)
        if kind != b"0":
            try:
                extended = _read_other(kind, data[position + BLOCK : stop], extended)
            except ShardError as error:
                raise _placed(error, window, start + position, block) from None
            lead = body + pad
            position += lead
            continue
        found = None
        if blocks and extension == SAMPLE:
            before = lead if extended else 0
            found = find_block(data, end, position, start + position, size, before)
        if found is not None:
            yield key, extension, start + position, cast("memoryview", found)
            position = found.end
        else:
            yield key, extension, start + position, view[position + BLOCK : stop]
            position = stop + pad
        extended = None


def _described(kind: bytes, raw: bytes, size: int, extended: Extended) -> bytes:
    """Return the name of a member that an extended header describes.

    Raises:
        ShardError: The header belongs to no member, or gives it another size.
    """
    if kind not in (b"0", b"5"):
        raise refused("a pax record or long name before another one, without a member between")
    if extended.size not in (None, size):
        raise refused(f"a pax record of {extended.size} bytes where the header says {size}")
    return raw if extended.name is None else extended.name


def _check_other(kind: bytes, raw: bytes, size: int) -> tuple[str, str]:
    """Check name and size of a header that is not a file's; return an empty key and extension."""
    if kind == b"5":
        check_folder(raw)
        if size:
            raise ShardError("a directory with a payload", hint=HINT, code="TAR_MEMBER_KIND")
        return "", ""
    check_header_name(raw)
    if size > MAX_BYTES:
        raise refused(f"a pax record or long name of {size} bytes; the limit is {MAX_BYTES}")
    return "", ""


def _read_other(kind: bytes, payload: bytes, extended: Extended | None) -> Extended | None:
    """Return what is known of the next member, after a header that is not a file's."""
    if kind == b"x":
        return read_pax(payload)
    if kind == b"L":
        return read_long_name(payload)
    if kind == b"g":
        read_global(payload)
    return None


def parse_header(block: bytes) -> tuple[bytes, bytes, int]:
    """Return kind, name and size from one header block.

    Kinds are ``b"0"`` (file), ``b"5"`` (directory), ``b"x"`` and ``b"g"`` (pax records of the next
    member and of the archive) and ``b"L"`` (GNU tar's long name of the next member).

    Raises:
        ShardError: The checksum is wrong, or shards can't have such a header.
    """
    # The checksum is the sum of all bytes, its own eight counted as spaces. The low half of
    # Adler-32 is one more than the sum of all, modulo 65,521, and about thirty times faster than
    # a Python loop. The sum of ASCII bytes is always smaller; others are added one by one.
    total = (adler32(block) & 0xFFFF) - 1 if block.isascii() else sum(block)
    if total != _sum(block[148:156]):
        raise ShardError(
            "this is not a tar header, or a damaged one: its checksum is wrong",
            hint="If the file should be a shard, fetch or write it again.",
            code="TAR_BAD_CHECKSUM",
        )
    kind, prefix = _fixed(block[156:])
    size = _size(block[124:136])
    _check_numbers(block[100:124] + block[136:148])
    name = block[:100].rstrip(b"\0")
    if size > MAX_PAYLOAD:
        raise ShardError(
            f"a member announces {size} bytes; the limit is {MAX_PAYLOAD}", code="TAR_TOO_LARGE"
        )
    return kind, (prefix + b"/" + name if prefix else name), size


def member_size(size: int) -> int:
    """Return the bytes that a payload of this size takes in a shard, with header and padding."""
    return BLOCK + size + -size % BLOCK


def build_header(key: str, size: int, extension: str = SAMPLE) -> bytes:
    """Return the header block of a member; see :func:`member_header`."""
    return b"".join(member_header(key, size, extension))


def member_header(key: str, size: int, extension: str = SAMPLE) -> tuple[bytes, bytes, bytes]:
    """Return the parts of the header of a member: mode 0644, owner and time zero, so always equal.

    Args:
        key: Key of the sample.
        size: Length of the payload.
        extension: Of the member.

    Raises:
        ShardError: The key is not allowed, or the payload is too long.
    """
    name, prefix = sample_name(key) if extension == SAMPLE else member_name(key, extension)
    if size > MAX_PAYLOAD:
        raise payload_too_large(size, f"{key}.{extension}")
    return header_parts(name, prefix, size)


def payload_too_large(size: int, member: str) -> ShardError:
    """Return the error for a sample that is longer than the limit."""
    return ShardError(f"a sample of {size} bytes; the limit is {MAX_PAYLOAD}", member=member)


def file_header(name: bytes, prefix: bytes, size: int) -> bytes:
    """Return the header block of a plain file; see :func:`header_parts`."""
    return b"".join(header_parts(name, prefix, size))


def header_parts(name: bytes, prefix: bytes, size: int) -> tuple[bytes, bytes, bytes]:
    """Return the parts of the header block of a plain file, most of which many headers share.

    Args:
        name: At most 100 bytes, cut as :func:`sample_name` cuts it.
        prefix: At most 155 bytes, usually empty.
        size: Length of the payload; less than 8 GiB, the limit of eleven octal digits.
    """
    middle, fixed = _middle(size)
    # The low half of Adler-32 as in parse_header: a name is too short for it to wrap around.
    total = fixed + (adler32(name) & 0xFFFF) - 1
    return name.ljust(100, b"\0"), middle, _ending(total, prefix)


@lru_cache(maxsize=1024)
def _middle(size: int) -> tuple[bytes, int]:
    """Return bytes 100 to 147 of a header, and its checksum without name and prefix."""
    digits = b"%011o" % size
    return _OWNER + digits + _TIME, _FIXED_SUM + sum(digits)


@lru_cache(maxsize=1024)
def _ending(total: int, prefix: bytes) -> bytes:
    """Return bytes 148 to 511 of a header, from its checksum without the prefix on."""
    end = _TAIL[:189] + prefix.ljust(155, b"\0") + _TAIL[344:]
    return b"%06o\0 %b" % (total + sum(prefix), end)


_OWNER = b"0000644\x000000000\x000000000\0"
_TIME = b"\x0000000000000\0"  # ends the size field, then mtime
_TAIL = (b"0".ljust(101, b"\0") + b"ustar\x0000").ljust(BLOCK - 156, b"\0")
_FIXED_SUM = sum(_OWNER) + sum(_TIME) + sum(_TAIL) + 8 * ord(" ")


@lru_cache(maxsize=1024)
def _sum(field: bytes) -> int:
    """Return the sum of all bytes that a header with this checksum field must have."""
    match = _OCTAL.fullmatch(field)
    return int(match[1], 8) - 8 * ord(" ") + sum(field) if match else -1


@lru_cache(maxsize=4096)
def _size(field: bytes) -> int:
    match = _OCTAL.fullmatch(field)
    number = int(match[1], 8) if match else _base256(field)
    if number is None or number < 0:
        raise _bad_number("size")
    return number


@lru_cache(maxsize=1024)
def _check_numbers(fields: bytes) -> None:
    """Check mode, owner and time: bytes 100 to 123 and 136 to 147 of a header."""
    for name, start, stop in (("mode", 0, 8), ("uid", 8, 16), ("gid", 16, 24), ("mtime", 24, 36)):
        field = fields[start:stop]
        if name == "mode" or _base256(field) is None:
            _check_number(name, field)


def _base256(field: bytes) -> int | None:
    """Return a number in GNU tar's binary form, used where octal digits are too few.

    None if it is in another form, or so large that readers refuse it: more than 32 bits as an
    owner, or more than 40 as a size or time.
    """
    if field[0] not in (0x80, 0xFF):
        return None
    number = int.from_bytes(field, signed=True) if field[0] & 0x40 else int.from_bytes(field[1:])
    if len(field) == 8:
        return number if 0 <= number < 2**32 - 1 else None
    return number if abs(number) < 2**40 else None


def _check_number(name: str, field: bytes) -> None:
    """Refuse other than octal digits or zero bytes: some readers stop silently at such fields."""
    if not (_OCTAL.fullmatch(field) or _BLANK.fullmatch(field)):
        raise _bad_number(name)


def _bad_number(name: str) -> ShardError:
    message = f"the {name} in a tar header is not octal"
    return ShardError(message, hint=HINT, code="TAR_BAD_NUMBER")


@lru_cache(maxsize=64)
def _fixed(tail: bytes) -> tuple[bytes, bytes]:
    """Return kind and name prefix, from bytes 156 to 511 of a header, which rarely vary."""
    magic = tail[101:109]
    # GNU tar may keep times and parts of sparse files where others keep the start of the name.
    if magic != b"ustar\x0000" and (magic != b"ustar  \0" or tail[189:].strip(b"\0")):
        raise ShardError(
            "a header that is not of the POSIX ustar format or GNU tar's",
            hint=HINT,
            code="TAR_NOT_USTAR",
        )
    kind = b"0" if tail[:1] == b"\0" else tail[:1]
    if kind not in (b"0", b"5", b"x", b"g", b"L"):
        what = _KINDS.get(kind, f"of an unknown kind {kind!r}")
        raise ShardError(
            f"a member that is {what}; shards hold files and directories only",
            hint=HINT,
            code="TAR_MEMBER_KIND",
        )
    if tail[1:101].strip(b"\0") or tail[344:].strip(b"\0"):
        raise ShardError(
            "a plain file whose header names a link", hint=HINT, code="TAR_MEMBER_KIND"
        )
    _check_owner(tail[109:141])
    _check_owner(tail[141:173])
    _check_number("device number", tail[173:181])
    _check_number("device number", tail[181:189])
    return kind, tail[189:344].rstrip(b"\0")


def _check_owner(field: bytes) -> None:
    if not is_text(field.rstrip(b"\0")):
        raise ShardError("an owner that is not text", hint=HINT, code="TAR_NOT_USTAR")


def _finish(window: Window, position: int, extended: Extended | None) -> None:
    """Check the end of the archive: zero blocks, and nothing but zeros after them.

    There should be two, but tar reads archives with one, and no member is lost there.
    """
    _, _, _, start = window.state()
    offset = start + position
    if extended is not None:
        raise _broken(window, offset, "TAR_PAX", "the archive ends after a pax record", None)
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
                "TAR_AFTER_END",
                "data after the end of the archive",
                "two shards glued together, or a damaged one: fetch or write it again",
            )
        seen += len(rest)
        position += len(rest)
        if seen > _MAX_PADDING:
            message = "endless zeros after the archive"
            raise _broken(window, start + position, "TAR_AFTER_END", message, None)
    if seen < len(END) and seen != BLOCK:
        raise _no_end(window, offset, start + end)


def _pass_over(window: Window, position: int, size: int, member: str) -> int:
    """Skip a member whose payload is not gathered; return the position after it."""
    *_, start = window.state()
    offset, pad = start + position, -size % BLOCK
    position = window.skip(position, BLOCK + size)
    *_, start = window.state()
    there = start + position - offset - BLOCK
    position = window.refill(position, pad)
    data, _, end, start = window.state()
    if there < size or end - position < pad:
        raise _cut_off(window, offset, size, max(0, there))
    if data[position : position + pad] != PADS[pad]:
        raise _bad_padding(window, start + position, pad, member)
    return position + pad


def _no_end(window: Window, offset: int, size: int) -> ShardError:
    if not size:
        message, hint = "the file is empty", "Fetch or write it again."
        return _broken(window, offset, "TAR_EMPTY", message, hint)
    message, hint = "the shard has no end of archive", _TRUNCATED
    return _broken(window, offset, "TAR_NO_END", message, hint)


def _cut_off(window: Window, offset: int, size: int, there: int) -> ShardError:
    message = f"the shard ends inside a member: {size} bytes announced, {there} there"
    return _broken(window, offset, "TAR_TRUNCATED", message, _TRUNCATED)


def _bad_padding(window: Window, offset: int, pad: int, member: str | None) -> ShardError:
    message = "bytes after a member that should be zero"
    error = _broken(window, offset, "TAR_PADDING", message, None)
    error.member, error.resume = member, offset + pad
    return error


def _broken(window: Window, offset: int, code: str, message: str, hint: str | None) -> ShardError:
    return ShardError(message, hint=hint, shard=window.shard, offset=offset, code=code)


def _placed(error: ShardError, window: Window, offset: int, block: bytes) -> ShardError:
    error.shard, error.offset = window.shard, offset
    # The size of a member can be trusted when its header's checksum was right. Links and the
    # like have no payload, whatever their size field contains, so it has to be zero.
    kind, size = block[156:157], _OCTAL.fullmatch(block[124:136])
    if (
        error.code.startswith("NAME_")
        or (error.code == "TAR_MEMBER_KIND" and size)
        or (error.code == "TAR_PAX" and kind in b"xgL")
    ):
        length = int(size[1], 8) if size else 0
        if length <= MAX_PAYLOAD and (not length or kind not in _WITHOUT_PAYLOAD):
            error.resume = offset + member_size(length)
    return error
