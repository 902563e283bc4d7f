"""Examples of values, made without chance: valid ones, and ones with one thing wrong."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from lexgen import ir
from lexgen.runtime import cid
from lexgen.runtime.checks import check_text

Path = tuple[str | int, ...]

MAX_DEPTH: Final = 4
"""Optional fields deeper than this are left out: definitions may contain themselves."""
MAX_SIZE: Final = 4_000
"""Limits above this are not tried: the files would be large, and no reader fails there only."""

FORMATS: Final = {
    "at-identifier": "alice.example.com",
    "at-uri": "at://did:plc:abcdefghijklmnopqrstuvwx/com.example.thing/self",
    "cid": cid.of_bytes(b"example"),
    "datetime": "2024-02-29T12:30:45.123Z",
    "did": "did:plc:abcdefghijklmnopqrstuvwx",
    "handle": "alice.example.com",
    "language": "pt-BR",
    "nsid": "com.example.thing",
    "record-key": "self",
    "tid": "3jzfcijpj2z2a",
    "uri": "https://example.com/data/{000000..000009}.tar",
}
BAD_FORMATS: Final = {
    "at-identifier": "@alice",
    "at-uri": "at://alice.example.com/",
    "cid": "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR",
    "datetime": "2023-02-29T12:30:45Z",
    "did": "did:PLC:abc",
    "handle": "alice",
    "language": "de-1901-1901",
    "nsid": "com.example.3thing",
    "record-key": "..",
    "tid": "zzzzzzzzzzzzz",
    "uri": "example.com/no scheme",
}


class Examples:
    """Makes examples of the definitions of a catalog."""

    def __init__(self, catalog: ir.Catalog) -> None:
        self._catalog = catalog

    def object(
        self, definition: ir.Object, *, full: bool, typed: bool = False, depth: int = 0
    ) -> dict[str, Any]:
        """A valid object: with every field, or with the required ones only."""
        typed = typed or definition.is_record
        value: dict[str, Any] = {"$type": definition.id.full} if typed else {}
        for field in definition.fields:
            if field.required or (full and depth < MAX_DEPTH):
                value[field.key] = self.value(field.type, full=full, depth=depth + 1)
        return value

    def value(self, kind: ir.Type, *, full: bool = True, depth: int = 0) -> Any:
        """A valid value of a type."""
        match kind:
            case ir.Boolean():
                return True if kind.const is None else kind.const
            case ir.Integer():
                return _integer(kind)
            case ir.String():
                return text(kind)
            case ir.Bytes():
                return bytes_of(max(kind.min_length or 0, min(kind.max_length or 5, 5)))
            case ir.Link():
                return {"$link": cid.from_digest(bytes(32), cid.DAG_CBOR)}
            case ir.Blob():
                return _blob(kind)
            case ir.Unknown() | ir.Opaque():
                return {"anything": [1, True, None]}
            case ir.Array():
                count = max(kind.min_length or 0, min(2 if full else 0, kind.max_length or 2))
                item = self.value(kind.items, full=full, depth=depth)
                return [deepcopy(item) for _ in range(count)]
            case ir.Ref(target=target):
                return self.object(self._catalog.object(target), full=full, depth=depth)
            case ir.Union(members=members):
                if not members:
                    return {"$type": "com.example.unheard#of"}
                definition = self._catalog.object(members[0])
                return self.object(definition, full=full, typed=True, depth=depth)

    def edges(self, kind: ir.Type) -> Iterator[tuple[str, Any]]:
        """Valid values at the limits of a type."""
        match kind:
            case ir.Integer() if kind.const is None and kind.enum is None:
                yield "minimum", -(2**63) if kind.minimum is None else kind.minimum
                # JSON readers in other languages lose integers beyond this.
                yield "maximum", min(2**53 - 1, kind.maximum or 2**53 - 1)
            case ir.String() if kind.const is None and kind.enum is None and kind.format is None:
                yield from _text_edges(kind)
            case ir.Array() if kind.max_length is not None and kind.max_length <= 100:
                yield "longest", [self.value(kind.items, full=False)] * kind.max_length
            case ir.Union(closed=False):
                yield "unknown type", {"$type": "com.example.unheard#of", "n": 1}

    def breakages(self, kind: ir.Type) -> Iterator[tuple[str, Path, Any, str]]:
        """Invalid values: what is wrong, where in the value, the value, and the issue's code."""
        yield "float", (), 0.5, "float" if isinstance(kind, ir.Opaque) else "type"
        if isinstance(kind, ir.Boolean | ir.Integer | ir.String):
            yield from _other_values(kind)
        match kind:
            case ir.Integer() if kind.const is None and kind.enum is None:
                if kind.minimum is not None:
                    yield "too small", (), kind.minimum - 1, "minimum"
                if kind.maximum is not None:
                    yield "too large", (), kind.maximum + 1, "maximum"
            case ir.String() if kind.const is None and kind.enum is None:
                yield from _bad_texts(kind)
            case ir.Bytes():
                yield "not base64", (), {"$bytes": "?"}, "bytes"
                if kind.max_length is not None and kind.max_length <= MAX_SIZE:
                    yield "too long", (), bytes_of(kind.max_length + 1), "max-length"
            case ir.Link():
                yield "CID version 0", (), {"$link": BAD_FORMATS["cid"]}, "link"
            case ir.Blob():
                yield from _bad_blobs(kind)
            case ir.Array():
                if kind.min_length:
                    yield "too short", (), [], "min-length"
                yield "null inside", (0,), [None, *self._rest(kind)], "type"
            case ir.Union(closed=closed):
                yield "no type name", ("$type",), {"n": 1}, "required"
                if closed:
                    yield "another type", ("$type",), {"$type": "com.example.other"}, "union"
            case ir.Unknown():
                yield "bytes", (), {"$bytes": ""}, "type"

    def _rest(self, kind: ir.Array) -> list[Any]:
        item = self.value(kind.items, full=False)
        return [deepcopy(item) for _ in range((kind.min_length or 1) - 1)]


def _integer(kind: ir.Integer) -> int:
    if kind.const is not None:
        return kind.const
    if kind.enum is not None:
        return kind.enum[0]
    low = 0 if kind.minimum is None else kind.minimum
    return low if kind.maximum is None else min(max(low, 1), kind.maximum)


def text(kind: ir.String) -> str:
    """A valid string."""
    if kind.const is not None or kind.enum is not None:
        return kind.const if kind.const is not None else (kind.enum or ("",))[0]
    if kind.format is not None:
        return FORMATS[kind.format]
    least = max(kind.min_length or 0, kind.min_graphemes or 0)
    most = min(kind.max_length or 2**63, kind.max_graphemes or 2**63)
    if least <= most:
        return (
            ("example " * (least // 8 + 1))[: max(least, min(7, most))].rstrip().ljust(least, ".")
        )
    # More bytes than graphemes: wide ones.
    return "👩‍🔬" * (kind.max_graphemes or 0)


def _text_edges(kind: ir.String) -> Iterator[tuple[str, str]]:
    candidates = {
        "shortest": "x" * max(kind.min_length or 0, kind.min_graphemes or 0),
        "most bytes": "x" * (kind.max_length or 0),
        "bytes that are not characters": "é" * ((kind.max_length or 0) // 2),
        "most graphemes": "👩‍🔬" * (kind.max_graphemes or 0),
    }
    for name, value in candidates.items():
        if value and len(value.encode()) <= MAX_SIZE and _problem(kind, value) is None:
            yield name, value


def _bad_texts(kind: ir.String) -> Iterator[tuple[str, Path, str, str]]:
    if kind.format is not None:
        yield "bad format", (), BAD_FORMATS[kind.format], "format"
        return
    candidates = {
        "empty": "",
        "one character too long": "x" * ((kind.max_length or 0) + 1),
        "one byte too long": "é" * ((kind.max_length or 0) // 2 + 1),
        "one grapheme too many": "👩‍🔬" * ((kind.max_graphemes or 0) + 1),
    }
    for name, value in candidates.items():
        problem = _problem(kind, value)
        if problem is not None and len(value.encode()) <= MAX_SIZE:
            yield name, (), value, problem


def _problem(kind: ir.String, value: str) -> str | None:
    limits = (kind.min_length, kind.max_length, kind.min_graphemes, kind.max_graphemes)
    low, high, least, most = limits
    wrong = check_text(
        value,
        low or 0,
        2**63 if high is None else high,
        least or 0,
        2**63 if most is None else most,
    )
    return None if wrong is None else wrong[0]


def _other_values(
    kind: ir.Boolean | ir.Integer | ir.String,
) -> Iterator[tuple[str, Path, Any, str]]:
    if isinstance(kind, ir.Boolean):
        if kind.const is not None:
            yield "another value", (), not kind.const, "const"
        return
    allowed = kind.enum if kind.const is None else (kind.const,)
    if allowed is None:
        return
    code = "enum" if kind.const is None else "const"
    if isinstance(kind, ir.Integer):
        yield "another value", (), next(n for n in range(99) if n not in allowed), code
    else:
        yield "another value", (), "".join(map(str, allowed)) + "x", code


def bytes_of(size: int) -> dict[str, str]:
    """Bytes in their JSON form."""
    return {"$bytes": b64encode(bytes(n % 256 for n in range(size))).decode().rstrip("=")}


def _blob(kind: ir.Blob) -> dict[str, Any]:
    pattern = (kind.accept or ("application/octet-stream",))[0]
    return {
        "$type": "blob",
        "ref": {"$link": cid.from_digest(bytes(32), cid.RAW)},
        "mimeType": pattern.replace("*", "example"),
        "size": min(1000, 1000 if kind.max_size is None else kind.max_size),
    }


def _bad_blobs(kind: ir.Blob) -> Iterator[tuple[str, Path, Any, str]]:
    good = _blob(kind)
    dag_cbor = {"$link": cid.from_digest(bytes(32), cid.DAG_CBOR)}
    yield "codec of the reference", ("ref",), {**good, "ref": dag_cbor}, "blob"
    yield "negative size", ("size",), {**good, "size": -1}, "blob"
    if kind.max_size is not None:
        yield "too large", ("size",), {**good, "size": kind.max_size + 1}, "max-size"
    if kind.accept is not None and "*/*" not in kind.accept:
        yield "media type", ("mimeType",), {**good, "mimeType": "x-none/x-none"}, "accept"
