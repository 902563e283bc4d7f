"""The contents of members: how a field is written as the bytes of one, and read back.

The extension decides where it has a conventional content, else the kind of the field:

===================================  ==============  ==========================================
extension                            content         kinds of fields
===================================  ==============  ==========================================
``json jsn``                         JSON            all but ``bytes``, media and ``bfloat16``;
                                                     arrays as lists
``txt text transcript caption html   text            ``str``, ``int``, ``float``, ``bool``,
htm md srt vtt``                                     ``datetime``, ``date``, ``Literal``, enums
``cls cls2 class id index inx        ASCII integer   the same; ``bool`` as 0 and 1
count``
``npy``                              ``.npy``        arrays and tensors
``npz``                              ``np.savez``    ``dict[str, NDArray]``, classes of arrays
``cbor``, ``msgpack mp msg``         plain data      all; arrays as ``.npy`` bytes
``jpg png … wav flac … mp4 …``       a media file    media, ``bytes``
any other                            by kind         text for those above; ``.npy`` for arrays,
                                                     npz for a dict of them; a file for media;
                                                     JSON for lists, dicts and classes
any                                  as they are     ``bytes``
===================================  ==============  ==========================================
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from atdata.errors import SampleError, SchemaError
from atdata.samples import extensions, kinds
from atdata.samples.cbor import cbor_bytes, parse_cbor
from atdata.samples.compiler import array_reader
from atdata.samples.fields import fields_of
from atdata.samples.json_arrays import (
    from_lists,
    holds_arrays,
    holds_bfloat16,
    stored_array,
    to_lists,
    walk_kinds,
)
from atdata.samples.json_text import json_bytes, parse_json
from atdata.samples.kinds import Kind
from atdata.samples.npz import npz_bytes, parse_npz
from atdata.samples.plain import to_int, unfit, unwrap
from atdata.samples.wire import pack, unpack_plain

_INTEGER = re.compile(rb"\s*[+-]?[0-9]{1,20}\s*")
_SHORT = 19  # digits, which have 64 bits at most
_MAX_NUMBER = 400  # characters
_BOOLS: Final = {
    **dict.fromkeys((b"true", b"True", b"1"), True),
    **dict.fromkeys((b"false", b"False", b"0"), False),
}

_OF_FILES: Final = (None, *extensions.MEDIA)

Read = Callable[[bytes], Any]
Write = Callable[[Any], bytes]


@dataclass(frozen=True, slots=True)
class Content:
    """A content of members: from the bytes of one to a field's value, and back.

    ``read`` raises :class:`SampleError` or ``ValueError`` for bytes that are not sound, ``write``
    for values that do not fit. Where ``holds_none`` is false, None is an absent member.
    """

    read: Read
    write: Write
    holds_none: bool = False


def content_for(kind: Kind, extension: str) -> Content:
    """Return the content of members of an extension that hold fields of a kind.

    Raises:
        SchemaError: Such members can't hold such values.
    """
    extensions.check_content(extension)
    inner = kind.inner if isinstance(kind, kinds.Nullable) else kind
    conventional = extensions.content_of(extension)
    if inner == kinds.Scalar(bytes):
        return Content(bytes, inner.encode)
    if isinstance(inner, kinds.MediaOf) and conventional in _OF_FILES:
        return Content(inner.type, inner.encode)
    made = _MAKERS[conventional or _usual(inner)](kind)
    if made is None:
        raise SchemaError(
            f"a member {extension!r} can't hold {inner}",
            hint=_advice(inner, conventional),
        )
    return made


def is_file(kind: Kind) -> bool:
    """Return whether values of this kind are bytes, or the bytes of a file."""
    return kind == kinds.Scalar(bytes) or isinstance(kind, kinds.MediaOf)


def _advice(kind: Kind, conventional: str | None) -> str:
    if conventional is not extensions.MSGPACK and any(map(is_file, walk_kinds(kind))):
        return 'Annotate it, as in Annotated[T, Member("name.msgpack")], which can hold bytes.'
    return 'Name a member that can, as in Annotated[T, Member("name.json")].'


def _usual(kind: Kind) -> str:
    """Return the content of members whose extension has no convention."""
    if stored_array(kind):
        return extensions.NPY
    if isinstance(kind, kinds.Map) and stored_array(kind.value):
        return extensions.NPZ
    if isinstance(kind, kinds.Scalar | kinds.Temporal) or _is_of_texts(kind):
        return extensions.TEXT
    return extensions.JSON


# JSON, CBOR and msgpack: one document of plain data.


def _json(kind: Kind) -> Content | None:
    if any(map(is_file, walk_kinds(kind))) or holds_bfloat16(kind):
        return None
    if holds_arrays(kind):
        return Content(
            lambda payload: kind.decode(from_lists(kind, parse_json(payload))),
            lambda value: json_bytes(to_lists(kind, kind.encode(value))),
            holds_none=True,
        )
    convert = _json_converter(kind)
    return Content(
        (lambda payload: convert(parse_json(payload))) if convert else parse_json,
        lambda value: json_bytes(kind.encode(value)),
        holds_none=True,
    )


def _json_converter(kind: Kind) -> Callable[[Any], Any] | None:
    """Return the conversion of parsed JSON; it is plain data already, so no walk is needed."""
    if kind == kinds.Plain():
        return None
    if kind == kinds.Map(kinds.Plain()):
        return _dict
    return kind.decode


def _dict(data: Any) -> dict[str, Any]:
    if type(data) is not dict:
        raise unfit("a dict", data)
    return data


def _cbor(kind: Kind) -> Content:
    return Content(
        lambda payload: kind.decode(parse_cbor(payload)),
        lambda value: cbor_bytes(kind.encode(value)),
        holds_none=True,
    )


def _msgpack(kind: Kind) -> Content:
    return Content(
        lambda payload: kind.decode(unpack_plain(payload, "the member")),
        lambda value: pack(kind.encode(value)),
        holds_none=True,
    )


# Arrays.


def _npy(kind: Kind) -> Content | None:
    inner = _inner(kind)
    if isinstance(inner, kinds.ArrayOf):
        return Content(array_reader(inner), inner.encode)
    return Content(inner.decode, inner.encode) if stored_array(inner) else None


def _npz(kind: Kind) -> Content | None:
    inner = _inner(kind)
    match inner:
        case kinds.Plain() | kinds.Map(kinds.Plain()):
            pass
        case kinds.Map(value) if stored_array(value):
            pass
        case kinds.Nested(cls) if all(stored_array(field.kind) for field in fields_of(cls)):
            pass
        case _:
            return None

    def write(value: Any) -> bytes:
        wire = inner.encode(value)
        if not isinstance(wire, dict):
            raise unfit("a dict of arrays", value)
        return npz_bytes(wire)

    return Content(lambda payload: inner.decode(parse_npz(payload)), write)


# Text and numbers.


def _text(kind: Kind) -> Content | None:
    inner = _inner(kind)
    match inner:
        case kinds.Scalar(plain):
            read, show = _SCALARS[plain]
            return Content(read, lambda value: show(inner.encode(value)).encode())
        case kinds.Temporal() | kinds.Choice() | kinds.EnumMember():
            if isinstance(inner, kinds.Temporal) or _is_of_texts(inner):
                return Content(
                    lambda payload: inner.decode(str(payload, "utf-8")),
                    lambda value: inner.encode(value).encode(),
                )
            if not _has_texts(inner):  # JSON of numbers and bools is their text
                return Content(
                    lambda payload: inner.decode(parse_json(payload)),
                    lambda value: json_bytes(inner.encode(value)),
                )
        case kinds.Plain():
            return Content(_read_text, lambda value: _plain_text(inner.encode(value)))
    return None


def _integer(kind: Kind) -> Content | None:
    inner = _inner(kind)
    if inner == kinds.Scalar(bool):
        return Content(_read_bool, lambda value: b"1" if inner.encode(value) else b"0")
    if inner == kinds.Plain():
        return _text(kinds.Scalar(int))
    return _text(kind)


def _inner(kind: Kind) -> Kind:
    return kind.inner if isinstance(kind, kinds.Nullable) else kind


def _values(kind: Kind) -> list[Any]:
    if isinstance(kind, kinds.Choice):
        return list(kind.values)
    if isinstance(kind, kinds.EnumMember):
        members: list[enum.Enum] = list(kind.type)
        return [unwrap(member.value) for member in members]
    return []


def _is_of_texts(kind: Kind) -> bool:
    values = _values(kind)
    return bool(values) and all(isinstance(value, str) for value in values)


def _has_texts(kind: Kind) -> bool:
    return any(isinstance(value, str) for value in _values(kind))


def _plain_text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise unfit("str", value)
    return value.encode()


def _read_text(payload: bytes) -> str:
    return str(payload, "utf-8")


def _read_int(payload: bytes) -> int:
    if len(payload) < _SHORT and payload.isdigit():
        return int(payload)  # nearly every one
    if not _INTEGER.fullmatch(payload):
        raise _no_number("an integer", payload)
    return to_int(int(payload))


def _read_float(payload: bytes) -> float:
    if len(payload) > _MAX_NUMBER or b"_" in payload:
        raise _no_number("a number", payload)
    try:
        return float(payload)
    except ValueError:
        raise _no_number("a number", payload) from None


def _read_bool(payload: bytes) -> bool:
    found = _BOOLS.get(payload.strip())
    if found is None:
        raise _no_number("true or false", payload)
    return found


def _no_number(expected: str, payload: bytes) -> SampleError:
    return SampleError(f"expected the text of {expected}, got {payload[:40]!r}")


_SCALARS: dict[type, tuple[Read, Callable[[Any], str]]] = {
    str: (_read_text, str),
    int: (_read_int, str),
    float: (_read_float, repr),
    bool: (_read_bool, lambda value: str(value).lower()),
}
_MAKERS: dict[str, Callable[[Kind], Content | None]] = {
    extensions.JSON: _json,
    extensions.TEXT: _text,
    extensions.INTEGER: _integer,
    extensions.NPY: _npy,
    extensions.NPZ: _npz,
    extensions.CBOR: _cbor,
    extensions.MSGPACK: _msgpack,
    **dict.fromkeys(extensions.MEDIA, lambda _: None),
}
