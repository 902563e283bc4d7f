"""Member names of a shard: ``key.extension``, checked strictly.

WebDataset cuts a name at the first dot after the last slash: the part before is the key of the
sample, the part after is the name of the field. atdata's samples are the field ``msgpack``.
"""

from __future__ import annotations

import re

from atdata.errors import ShardError
from atdata.samples.extensions import is_pickle as is_pickle

SAMPLE = "msgpack"

# tarfile opens an archive that starts like this as a compressed one.
_BZIP2 = re.compile(r"(?:^|/)BZh.1AY&SY")
_MAGIC = re.compile(rb"BZh.1AY&SY|\x1f\x8b|\x28\xb5\x2f\xfd|\xfd7zXZ|\x5d\0\0\x80")
_SUFFIX = b".msgpack"
_NAME_FIELD, _PREFIX_FIELD = 100, 155  # bytes for a name in a USTAR header

_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_META = re.compile(r"__[^/]*__(?:$|/)")


def split_name(raw: bytes) -> tuple[str, str]:
    """Return the key and extension of a member name, as read from a tar header.

    Raises:
        ShardError: The name could lead out of a folder, is hidden, or is one that WebDataset
            readers skip silently.
    """
    if raw.endswith(_SUFFIX) and (stem := raw[:-8]).isalnum():
        return stem.decode("ascii"), SAMPLE  # nearly every member of nearly every shard
    stem, _, extension = raw.partition(b".")
    if stem.isalnum() and extension.isalnum():
        return stem.decode("ascii"), extension.decode("ascii")
    return _split(_decoded(raw))


def check_folder(raw: bytes) -> None:
    """Check the name of a directory member.

    Raises:
        ShardError: It could lead out of a folder.
    """
    name = _decoded(raw)
    plain = name.removesuffix("/")
    if plain != "." and (problem := _path_problem(plain)):
        raise ShardError(f"the member's name {problem}", member=repr(name), code="NAME_UNSAFE")


def check_header_name(raw: bytes) -> None:
    """Check the name of a header that only describes the next member.

    Readers ignore it, unless it is the start of the file and looks like that of another format.

    Raises:
        ShardError: It looks like the start of a compressed file.
    """
    if _MAGIC.match(raw):
        raise ShardError("the name of a header looks like a compressed file", code="NAME_UNSAFE")


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ShardError("the member's name is not UTF-8", code="NAME_UNSAFE") from None


def sample_name(key: str) -> tuple[bytes, bytes]:
    """Return the ``name`` and ``prefix`` fields of a USTAR header for the sample of this key.

    Raises:
        ShardError: Not a name that :func:`split_name` would read back as this key, or too long
            for a USTAR header.
    """
    if key.isalnum() and key.isascii() and len(key) <= _NAME_FIELD - len(_SUFFIX):
        return key.encode() + _SUFFIX, b""  # nearly every key
    return member_name(key, SAMPLE)


def member_name(key: str, extension: str) -> tuple[bytes, bytes]:
    """Return the ``name`` and ``prefix`` fields of a USTAR header for one member of a sample.

    Raises:
        ShardError: As :func:`sample_name`.
    """
    name = f"{key}.{extension}"
    if _split(name) != (key, extension):
        raise ShardError(
            "the key contains a dot, or the extension a slash",
            member=repr(name),
            hint="Use a key without dots: WebDataset ends keys at the first one.",
        )
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        raise ShardError("the key is text that UTF-8 cannot encode", member=repr(name)) from None
    return _fields(encoded, name, _NAME_FIELD - len(encoded) + len(key.encode()))


def _fields(encoded: bytes, name: str, longest: int) -> tuple[bytes, bytes]:
    if len(encoded) <= _NAME_FIELD:
        return encoded, b""
    # The standard cuts a long name at a slash, which is then not stored.
    cut = encoded.rfind(b"/", 0, _PREFIX_FIELD + 1)
    if cut < 0 or len(encoded) - cut - 1 > _NAME_FIELD:
        raise ShardError(
            f"the name is too long for a tar header: {len(encoded)} bytes",
            member=repr(name),
            hint=f"Use keys of at most {longest} bytes.",
        )
    return encoded[cut + 1 :], encoded[:cut]


def _split(name: str) -> tuple[str, str]:
    plain = name.removeprefix("./")
    stem, dot, extension = plain.rpartition("/")[2].partition(".")
    problem, code = _path_problem(name), "NAME_UNSAFE"
    if not problem:
        if _META.match(plain) or (stem.startswith("__") and stem.endswith("__")):
            problem = "is reserved: WebDataset readers skip names like __this__"
            code = "NAME_RESERVED"
        elif not stem:
            problem, code = "has no key before its first dot", "NAME_HIDDEN"
        elif not (dot and extension):
            problem, code = "has no extension", "NAME_NO_EXTENSION"
    if problem:
        raise ShardError(f"the member's name {problem}", member=repr(name), code=code)
    return name[: len(name) - len(extension) - 1], extension


def _path_problem(name: str) -> str | None:
    """Return why a name is not a plain path below the current folder; None if it is one."""
    parts = name.removeprefix("./").split("/")
    if _CONTROL.search(name):
        return "holds a control character or backslash"
    if "" in parts or "." in parts or ".." in parts:
        return "is not a plain relative path"
    if _BZIP2.search(name):
        return "looks like the start of a bzip2 file"
    return None
