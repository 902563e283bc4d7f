"""The AT Protocol data model: what any value must satisfy, known to a lexicon or not.

A value is read from its JSON form (``{"$link": …}``, ``{"$bytes": …}``) or from plain data
(``Link``, ``bytes``), and comes out as plain data. Limits: AT Protocol data model specification.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any, Final

from . import cid
from .errors import Issues, add, nest, only, shown
from .values import Blob, Link

MAX_DEPTH: Final = 32
MAX_ENTRIES: Final = 131_072
MAX_KEY_BYTES: Final = 8_192
MAX_CBOR_BYTES: Final = 1_048_576
MAX_JSON_BYTES: Final = 2_097_152

_NO_KEYS: Final[frozenset[str]] = frozenset()
_base64 = re.compile("[A-Za-z0-9+/]*={0,2}").fullmatch


def read_data(value: Any, depth: int) -> Any:
    """Check any value that is not a record's own; ``depth`` is that of its container."""
    kind = type(value)
    if kind is str:
        return value if is_unicode(value) else only("unicode", "half a surrogate pair")
    if kind is bool or value is None or kind is bytes:
        return value
    if kind is int:
        if -(2**63) <= value < 2**63:
            return value
        return only("integer-range", "does not fit into a signed 64-bit integer")
    if kind is dict:
        return _read_object(value, depth + 1)
    if kind is list:
        return _read_array(value, depth + 1)
    if kind is Link:
        return read_link(value)
    if kind is float:
        return only("float", f"{shown(value)} is a float; AT Protocol data has only integers")
    return only("type", f"{kind.__name__} is not a kind of AT Protocol data")


def _read_array(value: list[Any], depth: int) -> Any:
    if depth > MAX_DEPTH:
        return only("depth", f"nested deeper than {MAX_DEPTH} levels")
    if len(value) > MAX_ENTRIES:
        return only("entries", f"{len(value)} items are more than {MAX_ENTRIES}")
    issues = None
    items = []
    for index, item in enumerate(value):
        read = read_data(item, depth)
        if type(read) is Issues:
            issues = nest(issues, (index,), read)
        items.append(read)
    return items if issues is None else issues


def _read_object(value: dict[Any, Any], depth: int) -> Any:
    if "$link" in value:
        return read_link(value)
    if "$bytes" in value:
        return read_bytes(value)
    if depth > MAX_DEPTH:
        return only("depth", f"nested deeper than {MAX_DEPTH} levels")
    if len(value) > MAX_ENTRIES:
        return only("entries", f"{len(value)} entries are more than {MAX_ENTRIES}")
    if value.get("$type") == "blob":
        blob = read_blob(value)
        return blob if type(blob) is Issues else blob.to_data()
    entries: dict[str, Any] = {}
    issues = read_entries(value, depth, None, _NO_KEYS, entries)
    return entries if issues is None else issues


def read_entries(
    value: dict[Any, Any],
    depth: int,
    issues: Issues | None,
    known: frozenset[str],
    entries: dict[str, Any],
    nullable: frozenset[str] = _NO_KEYS,
) -> Issues | None:
    """Read into ``entries`` what an object holds beside its ``known`` keys.

    The caller reads those itself, all but the nulls that may not be, which are reported here.
    """
    if len(value) > MAX_ENTRIES:
        return add(issues, (), "entries", f"{len(value)} entries are more than {MAX_ENTRIES}")
    for key, item in value.items():
        if key in known:
            if item is None and key not in nullable:
                issues = add(issues, (key,), "null", "null is not allowed here")
        elif (problem := _key_problem(key)) is not None:
            issues = add(issues, (), *problem)
        elif key == "$type" and (type(item) is not str or not item):
            issues = add(issues, (key,), "type-name", f"{shown(item)} is not a type name")
        else:
            read = read_data(item, depth)
            if type(read) is Issues:
                issues = nest(issues, (key,), read)
            else:
                entries[key] = read
    return issues


def _key_problem(key: Any) -> tuple[str, str] | None:
    if type(key) is not str:
        return "key", f"the key {shown(key)} is not a string"
    if not is_unicode(key):
        return "unicode", "half a surrogate pair in a key"
    if len(key) > MAX_KEY_BYTES // 4 and len(key.encode()) > MAX_KEY_BYTES:
        return "key", f"a key is longer than {MAX_KEY_BYTES} bytes"
    return None


def is_unicode(text: str) -> bool:
    """Whether text has an encoding: no half of a surrogate pair."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_link(value: Any) -> Any:
    """Read ``{"$link": cid}`` or a ``Link``."""
    if type(value) is Link:
        text: Any = value
    elif type(value) is dict and "$link" in value:
        if len(value) != 1:
            return only("link", 'a link has no key but "$link"')
        text = value["$link"]
    else:
        return only("type", f'expected a link ({{"$link": cid}}), not {shown(value)}')
    if not isinstance(text, str) or not cid.is_cid(text):
        return only("link", f"{shown(text)} is not a CIDv1 (sha2-256, raw or dag-cbor, base32)")
    return Link(text)


def read_bytes(value: Any) -> Any:
    """Read ``{"$bytes": base64}`` or bytes."""
    if type(value) is bytes:
        return value
    if type(value) is not dict or "$bytes" not in value:
        return only("type", f'expected bytes ({{"$bytes": base64}}), not {shown(value)}')
    if len(value) != 1:
        return only("bytes", 'bytes have no key but "$bytes"')
    text = value["$bytes"]
    if type(text) is not str or not _base64(text):
        return only("bytes", f"{shown(text)} is not base64 (RFC 4648, section 4)")
    bare = text.rstrip("=")
    if len(bare) % 4 == 1 or (len(text) != len(bare) and len(text) % 4):
        return only("bytes", f"{shown(text)} is not base64: its length is wrong")
    try:
        return b64decode(bare + "=" * (-len(bare) % 4))
    except Base64Error:
        return only("bytes", f"{shown(text)} is not base64")


_BLOB_KEYS: Final = {"$type", "ref", "mimeType", "size"}


def read_blob(
    value: Any,
    lenient: bool = False,
    accept: tuple[str, ...] | None = None,
    max_size: int | None = None,
) -> Any:
    """Read a blob reference, and check it against what its field accepts."""
    kind = type(value)
    if kind is Blob:
        value = value.to_data()
    elif kind is not dict:
        return only("type", f"expected a blob, not {shown(value)}")
    if lenient and "$type" not in value and value.keys() == {"cid", "mimeType"}:
        return _read_legacy_blob(value, accept)
    issues = None
    name = value.get("$type")
    if name != "blob":
        issues = add(issues, ("$type",), "blob", f'expected "blob", not {shown(name)}')
    if value.keys() != _BLOB_KEYS:
        issues = add(issues, (), "blob", "a blob has the keys $type, ref, mimeType and size")
    link = read_link(value.get("ref"))
    if type(link) is Issues:
        issues = nest(issues, ("ref",), link)
    elif not lenient and not link.startswith("bafkrei"):
        issues = add(issues, ("ref",), "blob", "the reference of a blob has the codec raw")
    mime_type, size = value.get("mimeType"), value.get("size")
    if type(size) is not int or not 0 <= size < 2**63:
        issues = add(issues, ("size",), "blob", f"{shown(size)} is not a length in bytes")
    elif max_size is not None and size > max_size:
        issues = add(issues, ("size",), "max-size", f"{size} bytes are more than {max_size}")
    issues = _check_mime_type(mime_type, accept, issues)
    if issues is not None:
        return issues
    return Blob(ref=link, mime_type=mime_type, size=size)


def _read_legacy_blob(value: dict[str, Any], accept: tuple[str, ...] | None) -> Any:
    text, mime_type = value["cid"], value["mimeType"]
    issues = None
    if type(text) is not str or not text:
        issues = add(issues, ("cid",), "blob", f"{shown(text)} is not a CID")
    issues = _check_mime_type(mime_type, accept, issues)
    return Blob(ref=Link(text), mime_type=mime_type) if issues is None else issues


def _check_mime_type(
    mime_type: Any, accept: tuple[str, ...] | None, issues: Issues | None
) -> Issues | None:
    if type(mime_type) is not str or not mime_type or not is_unicode(mime_type):
        return add(issues, ("mimeType",), "blob", f"{shown(mime_type)} is not a media type")
    if accept is not None and not any(_accepts(pattern, mime_type) for pattern in accept):
        wanted = shown(", ".join(accept))
        return add(issues, ("mimeType",), "accept", f"{shown(mime_type)} is not one of {wanted}")
    return issues


def _accepts(pattern: str, mime_type: str) -> bool:
    if pattern == "*/*":
        return True
    if pattern.endswith("/*"):
        return mime_type.startswith(pattern[:-1])
    return mime_type == pattern


def read_unknown(value: Any, depth: int) -> Any:
    """Read a field of type ``unknown``: an object of any shape, not bytes, a link or a blob."""
    if type(value) is not dict:
        return only("type", f"expected an object, not {shown(value)}")
    if "$link" in value or "$bytes" in value:
        return only("type", "expected an object, not bytes or a link")
    if value.get("$type") == "blob":
        return only("type", "expected an object, not a blob")
    return read_data(value, depth)
