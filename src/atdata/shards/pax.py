"""Extended headers of tar: what they say about the next member.

A pax header (``x``) holds records ``length keyword=value``, a GNU header (``L``) a long name. Only
what all readers understand alike is accepted; see ``docs/tar-dialect.md``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from atdata.errors import ShardError

MAX_BYTES = 4096  # of an extended header

_RECORD = re.compile(rb"([1-9]\d{0,3}) ([^=\n\0]+)=")
# Times of up to twelve digits: GNU tar rejects longer ones.
_TIME = re.compile(rb"-?\d{1,12}(?:\.\d{0,30})?")
_ID = re.compile(rb"[0-3]?\d{1,9}")  # less than 32 bits
_SIZE = re.compile(rb"\d{1,12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Values of any bytes, without the end of a line, at which some readers begin another record.
_ANY = re.compile(rb"[^\n]*")
# Python's tarfile searches the whole header for these words, also in values.
_SEARCHED = re.compile(rb"hdrcharset|GNU\.sparse")

_HARMLESS = {
    b"mtime": _TIME,
    b"atime": _TIME,
    b"ctime": _TIME,
    b"LIBARCHIVE.creationtime": _TIME,
    b"uid": _ID,
    b"gid": _ID,
}
"""Records that change neither a member's name nor its bytes."""
_TEXTS = (b"uname", b"gname", b"comment")
"""More of them, of any text."""
_VENDOR = re.compile(
    rb"SCHILY\.(?:dev|ino|nlink|fflags|acl\.[!-~]+|xattr\.[!-~]+)"
    rb"|LIBARCHIVE\.xattr\.[!-~]+|RHT\.security\.selinux"
)
HINT = "Write shards with atdata or webdataset, or with: tar --format=ustar."


class Extended(NamedTuple):
    """What an extended header says about the next member.

    Attributes:
        name: Its name, when the header replaces it.
        size: Its size, when the header repeats it.
    """

    name: bytes | None = None
    size: int | None = None


def read_pax(payload: bytes) -> Extended:
    """Return what the records of a pax header say.

    Raises:
        ShardError: A record is damaged, is there twice, or is understood differently by readers.
    """
    found: dict[bytes, bytes] = {}
    position = 0
    while position < len(payload):
        keyword, value, position = _record(payload, position)
        if keyword in found:
            raise refused(f"a pax record of {_shown(keyword)} twice")
        found[keyword] = value
    if not found or _SEARCHED.search(payload):
        raise refused("a pax record that readers understand differently")
    name, size = found.pop(b"path", None), found.pop(b"size", None)
    if size is not None and not _SIZE.fullmatch(size):
        raise refused("a pax record of a size that is not a number")
    for keyword, value in found.items():
        _check_harmless(keyword, value)
    return Extended(name, None if size is None else int(size))


def read_global(payload: bytes) -> None:
    """Check the records of a pax header for the whole archive, which may not name a member.

    Raises:
        ShardError: As :func:`read_pax`.
    """
    if read_pax(payload) != Extended():
        raise refused("a pax record for the whole archive that names a member")


def read_long_name(payload: bytes) -> Extended:
    """Return the name that a GNU header holds."""
    return Extended(payload.removesuffix(b"\0"))


def _record(payload: bytes, position: int) -> tuple[bytes, bytes, int]:
    match = _RECORD.match(payload, position)
    stop = position + int(match[1]) if match else 0
    if match is None or not match.end() < stop <= len(payload) or payload[stop - 1] != ord("\n"):
        raise refused("a pax record that is damaged")
    return match[2], payload[match.end() : stop - 1], stop


def _check_harmless(keyword: bytes, value: bytes) -> None:
    form = _HARMLESS.get(keyword, _ANY)
    if form is _ANY and not (keyword in _TEXTS or _VENDOR.fullmatch(keyword)):
        raise refused(f"a pax record of {_shown(keyword)}, which shards don't have")
    if not (is_text(value) if keyword in _TEXTS else form.fullmatch(value)):
        raise refused(f"a pax record of {_shown(keyword)} with a value that can't be one")


def is_text(value: bytes) -> bool:
    """Return whether a value is UTF-8 without control characters."""
    try:
        return not _CONTROL.search(value.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _shown(keyword: bytes) -> str:
    return repr(keyword[:64].decode("ascii", "backslashreplace"))


def refused(message: str) -> ShardError:
    """Return the error for an extended header that is not accepted."""
    return ShardError(message, hint=HINT, code="TAR_PAX")
