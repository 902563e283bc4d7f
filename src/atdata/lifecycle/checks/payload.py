"""One sample's payload, checked strictly against its schema.

Ordinary reading is more lenient: it skips fields that a class does not have. Here, anything
that readers could interpret differently is an error: bytes after the map, a duplicate key at any
depth, extension types, fields that the schema does not know.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import msgpack  # type: ignore[import-untyped]

from atdata.errors import SampleError
from atdata.samples.arrays import MAGIC, is_compact
from atdata.samples.codec import codec_of
from atdata.samples.kinds import ArrayOf, Kind, Nullable
from atdata.samples.members import member_codec
from atdata.samples.wire import check_values
from atdata.shards.member_group import MemberGroup

# The header of an array of objects, which are stored as pickles.
_OBJECTS = re.compile(rb"""['"][|<>=]?O\d*['"]""")
_HEADER = 10_000


class PayloadCheck:
    """Checks payloads of one sample type.

    Args:
        sample_type: A sample type, made from the schema.
    """

    def __init__(self, sample_type: type[Any]) -> None:
        codec = codec_of(sample_type)
        self._build = codec.build
        self._names = {field.name for field in codec.fields}
        self._required = {field.name for field in codec.fields if field.required}
        self._arrays = [field.name for field in codec.fields if _is_array(field.kind)]

    def __call__(self, payload: bytes) -> SampleError | None:
        """Return the error of a payload, with a code; None when it is a sample of the type."""
        try:
            fields = _unpack(payload)
        except SampleError as error:
            return error
        if fields.keys() != self._names and (wrong := self._wrong_fields(fields)):
            return wrong
        try:
            self._build(fields)
        except SampleError as error:
            error.code = _field_code(fields, error.path)
            return error
        return self._compact_array(fields)

    def _compact_array(self, fields: dict[str, Any]) -> SampleError | None:
        """Return the error of an array that atdata reads, and that others may not."""
        for name in self._arrays:
            value = fields.get(name)
            if isinstance(value, bytes) and value[:6] != MAGIC and is_compact(value):
                return SampleError(
                    "an array in the compact form of the earlier implementation, not in .npy form",
                    hint="Write the samples again with `atdata migrate`.",
                    path=name,
                    code="FIELD_COMPACT",
                )
        return None

    def _wrong_fields(self, fields: dict[str, Any]) -> SampleError | None:
        for name in sorted(self._required - fields.keys()):
            return SampleError(f"the field {name!r} is missing", path=name, code="FIELD_MISSING")
        for name in sorted(map(str, fields.keys() - self._names)):
            shown = name[:80]
            return SampleError(f"the schema has no field {shown!r}", path=shown, code="FIELD_EXTRA")
        return None


def _is_array(kind: Kind) -> bool:
    return isinstance(kind.inner if isinstance(kind, Nullable) else kind, ArrayOf)


class MembersCheck:
    """Checks samples of one type in the members layout; other members may be beside its own.

    Args:
        sample_type: A sample type, made from the schema.
    """

    def __init__(self, sample_type: type) -> None:
        self._codec = member_codec(sample_type)

    def __call__(self, group: MemberGroup) -> SampleError | None:
        """Return the error of a group, with a code and the extension of the member; or None."""
        try:
            self._codec.decode(group)
        except SampleError as error:
            error.code = _member_code(group, error.member or "")
            return error
        return None


def _member_code(group: MemberGroup, extension: str) -> str:
    if extension not in group:
        return "FIELD_MISSING"
    return _value_code(bytes(group[extension][:_HEADER]))


def _unpack(payload: bytes) -> dict[str, Any]:
    try:
        _check_values(payload)
        fields = msgpack.unpackb(payload, object_pairs_hook=_unique, ext_hook=_refuse_extension)
    except msgpack.ExtraData:
        raise SampleError("bytes after the sample", code="SAMPLE_TRAILING") from None
    except msgpack.StackError:
        raise SampleError("nested too deeply", code="SAMPLE_DEPTH") from None
    except SampleError:
        raise
    except (ValueError, TypeError) as error:
        raise SampleError(f"not sound msgpack: {error}", code="SAMPLE_MSGPACK") from None
    if type(fields) is not dict:
        message = f"expected a map of fields, got {type(fields).__name__}"
        raise SampleError(message, code="SAMPLE_NOT_MAP")
    return fields


def _check_values(payload: bytes) -> None:
    try:
        check_values(payload, "the sample")
    except SampleError as error:
        raise SampleError(error.message, hint=error.hint, code="SAMPLE_VALUES") from None


def _unique(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise SampleError("a map holds a key twice", code="SAMPLE_KEY_TWICE")
    return fields


def _refuse_extension(code: int, _data: bytes) -> NoReturn:
    raise SampleError(f"msgpack extension type {code}", code="SAMPLE_EXTENSION")


def _field_code(fields: dict[str, Any], path: str | None) -> str:
    value = fields.get(re.split(r"[.\[]", path or "", maxsplit=1)[0])
    return _value_code(value) if isinstance(value, bytes) else "FIELD_TYPE"


def _value_code(value: bytes) -> str:
    if value[:1] == b"\x80":
        return "FIELD_PICKLE"
    if value.startswith(MAGIC):
        return "FIELD_PICKLE" if _OBJECTS.search(value[:_HEADER]) else "FIELD_ARRAY"
    return "FIELD_TYPE"
