"""The fields of a sample without a type that was read from members: each is decoded when asked for.

=========================  =====================================================================
content of the extension   value
=========================  =====================================================================
JSON, CBOR, msgpack        plain data
text                       ``str``
ASCII integer              ``int``
``.npy``                   array
npz                        ``dict`` of arrays
media                      ``Image``, ``Audio`` or ``Video``
any other                  ``bytes``
pickle                     an error when it is asked for: pickles are never loaded
=========================  =====================================================================

:mod:`atdata.samples.extensions` has the extensions of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import lru_cache
from typing import Any

from atdata.errors import SampleError, SchemaError
from atdata.samples import extensions, kinds
from atdata.samples.codec import located
from atdata.samples.contents import Content, content_for
from atdata.samples.media import MEDIA, Media

_KINDS: Mapping[str | None, kinds.Kind] = {
    extensions.TEXT: kinds.Scalar(str),
    extensions.INTEGER: kinds.Scalar(int),
    extensions.NPY: kinds.ArrayOf(),
    extensions.NPZ: kinds.Map(kinds.ArrayOf()),
    **{family: kinds.MediaOf(cls) for family, cls in MEDIA.items()},
    **dict.fromkeys((extensions.JSON, extensions.CBOR, extensions.MSGPACK), kinds.Plain()),
}
_UNCHANGING = (str, bytes, int, float, Media)


class MemberFields(MutableMapping[str, Any]):
    """Fields by extension; what was decoded is kept.

    Args:
        payloads: Of the members, by extension.
        convert: Called with each value that is decoded.
    """

    __slots__ = ("_convert", "_undecoded", "_values", "payloads")

    def __init__(
        self, payloads: dict[str, bytes], convert: Callable[[Any], Any] | None = None
    ) -> None:
        self._convert = convert
        self._undecoded = set(payloads)
        self._values: dict[str, Any] = dict.fromkeys(payloads)  # in the order of the members
        # Of the members that are as they were read. A list or an array that was handed out may
        # have been changed.
        self.payloads = dict(payloads)

    def converted(self, convert: Callable[[Any], Any]) -> MemberFields:
        """Return the same fields, whose values are passed through a function."""
        fields = self._copied(convert)
        fields._values = {name: convert(value) for name, value in self._values.items()}
        return fields

    def changed(self, payloads: Mapping[str, bytes | None]) -> MemberFields:
        """Return the same fields, with other payloads of these; those of None are left out."""
        fields = self._copied(self._convert)
        for name, payload in payloads.items():
            fields._forget(name)
            fields._values.pop(name, None)
            if payload is not None:
                fields.payloads[name] = payload
                fields._undecoded.add(name)
                fields._values[name] = None
        return fields

    def _copied(self, convert: Callable[[Any], Any] | None) -> MemberFields:
        fields = MemberFields(self.payloads, convert)
        fields._undecoded = set(self._undecoded)
        fields._values = dict(self._values)
        return fields

    def __getitem__(self, name: str) -> Any:
        if name in self._undecoded:
            value = _value(name, self.payloads[name])
            self._values[name] = value if self._convert is None else self._convert(value)
            self._undecoded.discard(name)
            if not isinstance(value, _UNCHANGING):
                del self.payloads[name]
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._forget(name)
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        self._forget(name)
        del self._values[name]

    def _forget(self, name: str) -> None:
        self._undecoded.discard(name)
        self.payloads.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def payloads(
    fields: Mapping[str, Any], wanted: frozenset[str] | None = None
) -> Iterator[tuple[str, bytes]]:
    """Yield extensions and payloads of fields without a type; those not changed as they were.

    Args:
        fields: By extension.
        wanted: Extensions of those to yield; None for all.

    Raises:
        SampleError: A name is not an extension, or is that of pickles; or its members can't hold
            the value.
    """
    known = fields.payloads if isinstance(fields, MemberFields) else {}
    for name in fields:
        if wanted is not None and name not in wanted:
            continue
        content = _content_of(name)
        yield name, known[name] if name in known else _written(name, content, fields[name])


def kept_bytes(name: str, value: Any) -> bytes:
    """Return the payload of a member that a class keeps without a field for it.

    Raises:
        SampleError: As :func:`payloads`.
    """
    content = _content_of(name)
    # Those that were read as members are kept as they are.
    return value if isinstance(value, bytes) else _written(name, content, value)


def _written(name: str, content: Content, value: Any) -> bytes:
    try:
        return content.write(value)
    except Exception as error:
        failed = _named(name, located(name, error))
        if extensions.content_of(name) is None:
            failed.hint = f"Give bytes, or call the field {f'{name}.json'!r}, or declare a class."
        raise failed from None


@lru_cache(maxsize=4096)
def _content_of(extension: str) -> Content:
    """Return the content of members of an extension, for a field without a type."""
    try:
        extensions.check_extension(extension)
        kind = _KINDS.get(extensions.content_of(extension), kinds.Scalar(bytes))
        return content_for(kind, extension)
    except SchemaError as error:
        raise _named(extension, SampleError(error.message, hint=error.hint)) from None


def _value(extension: str, payload: bytes) -> Any:
    try:
        return _content_of(extension).read(payload)
    except Exception as error:
        raise _named(extension, located(extension, error)) from None


def _named(extension: str, error: SampleError) -> SampleError:
    error.member = extension
    error.path = error.path or extension
    return error
