"""Member names of a shard: ``key.extension``, checked strictly.

WebDataset cuts a name at the first dot after the last slash: the part before is the key of the
sample, the part after is the name of the field. atdata's samples are the field ``msgpack``.
"""

from __future__ import annotations

import re

from atdata.errors import ShardError

SAMPLE = "msgpack"

_PICKLES = frozenset({"pickle", "pkl", "pt", "pth", "pyd"})
_COMPRESSED = re.compile(r"(?:\.(?:gz|bz2|xz|zst))+$")
# tarfile opens an archive that starts like this as bzip2.
_BZIP2 = re.compile(r"(?:^|/)BZh.1AY&SY")
_SUFFIX = b".msgpack"
_NAME_FIELD, _PREFIX_FIELD = 100, 155  # bytes for a name in a USTAR header

_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_META = re.compile(r"__[^/]*__(?:$|/)")


def is_pickle(extension: str) -> bool:
    """Return whether stock readers unpickle such a field, which can run code.

    They ignore case and undo compression first: ``PKL`` and ``pyd.gz`` are pickles too.
    """
    plain = _COMPRESSED.sub("", extension.lower())
    return plain.rpartition(".")[2] in _PICKLES


def split_name(raw: bytes) -> tuple[str, str]:
    """Return the key and extension of a member name, as read from a tar header.

    Raises:
        ShardError: The name could lead out of a folder, is hidden, or is one that WebDataset
            readers skip silently.
    """
    if raw.endswith(_SUFFIX) and (stem := raw[:-8]).isalnum():
        return stem.decode("ascii"), SAMPLE  # nearly every member of nearly every shard
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ShardError("the member's name is not UTF-8", code="NAME_UNSAFE") from None
    return _split(name)


def sample_name(key: str) -> tuple[bytes, bytes]:
    """Return the ``name`` and ``prefix`` fields of a USTAR header for the sample of this key.

    Raises:
        ShardError: Not a name that :func:`split_name` would read back as this key, or too long
            for a USTAR header.
    """
    if key.isalnum() and key.isascii() and len(key) <= _NAME_FIELD - len(_SUFFIX):
        return key.encode() + _SUFFIX, b""  # nearly every key
    name = f"{key}.{SAMPLE}"
    if _split(name) != (key, SAMPLE):
        raise ShardError(
            "the key contains a dot",
            member=repr(name),
            hint="Use a key without dots: WebDataset ends keys at the first one.",
        )
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        raise ShardError("the key is text that UTF-8 cannot encode", member=repr(name)) from None
    return _fields(encoded, name)


def _fields(encoded: bytes, name: str) -> tuple[bytes, bytes]:
    if len(encoded) <= _NAME_FIELD:
        return encoded, b""
    # The standard cuts a long name at a slash, which is then not stored.
    cut = encoded.rfind(b"/", 0, _PREFIX_FIELD + 1)
    if cut < 0 or len(encoded) - cut - 1 > _NAME_FIELD:
        raise ShardError(
            f"the name is too long for a tar header: {len(encoded)} bytes",
            member=repr(name),
            hint=f"Use keys of at most {_NAME_FIELD - len(_SUFFIX)} bytes.",
        )
    return encoded[cut + 1 :], encoded[:cut]


def _split(name: str) -> tuple[str, str]:
    parts = name.split("/")
    stem, dot, extension = parts[-1].partition(".")
    problem, code = None, "NAME_UNSAFE"
    if _CONTROL.search(name):
        problem = "holds a control character or backslash"
    elif "" in parts or "." in parts or ".." in parts:
        problem = "is not a plain relative path"
    elif _META.match(name) or (stem.startswith("__") and stem.endswith("__")):
        problem, code = "is reserved: WebDataset readers skip names like __this__", "NAME_RESERVED"
    elif _BZIP2.search(name):
        problem = "looks like the start of a bzip2 file"
    elif not stem:
        problem, code = "has no key before its first dot", "NAME_HIDDEN"
    elif not (dot and extension):
        problem, code = "has no extension", "NAME_NO_EXTENSION"
    if problem:
        raise ShardError(f"the member's name {problem}", member=repr(name), code=code)
    return name[: len(name) - len(extension) - 1], extension
