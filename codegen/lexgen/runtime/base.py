"""What every generated class can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from . import cid, wire
from .errors import Issues, ValidationError, only, shown

if TYPE_CHECKING:
    from typing import Self

ABI = 1
"""Raised whenever generated modules and this runtime no longer fit together."""


def require_abi(abi: int, module: str) -> None:
    """Refuse a module that was generated for another runtime."""
    if abi != ABI:
        raise ImportError(
            f"{module} was generated for runtime ABI {abi}, and this is ABI {ABI}: "
            "run `lexgen build` again, and install what it writes as a whole"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A query, procedure or subscription; the encodings are media types."""

    nsid: str
    kind: str
    input_encoding: str | None
    output_encoding: str | None
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionSet:
    """A named set of permissions."""

    nsid: str
    title: str
    detail: str
    permissions: tuple[Mapping[str, Any], ...]


def read_alias(read: Callable[[Any, bool], Any], type_id: str, value: Any, lenient: bool) -> Any:
    """Read a value of a plain type; ``ValidationError`` with all that is wrong with it."""
    found = read(value, lenient)
    if type(found) is Issues:
        raise ValidationError(type_id, found)
    return found


class Object:
    """A value of an object definition."""

    __slots__ = ()

    TYPE: ClassVar[str]
    """The full id of the definition, as it stands in ``$type``."""

    @staticmethod
    def _read(value: Any, lenient: bool) -> Any:
        raise NotImplementedError

    def _write(self, json: bool, typed: bool) -> dict[str, Any]:
        raise NotImplementedError

    @classmethod
    def from_dict(cls, value: Any, *, lenient: bool = False) -> Self:
        """Check a JSON-shaped dict (or plain data) and build the object from it.

        Args:
            value: The dict. It is not changed and shares nothing with the object.
            lenient: Also accept what older software wrote: ``nsid#main`` as a type name,
                blobs without size, and blob references with codec dag-cbor.

        Raises:
            ValidationError: With all that is wrong with it.
        """
        read = cls._read(value, lenient)
        if type(read) is Issues:
            raise ValidationError(cls.TYPE, read)
        return read  # type: ignore[no-any-return]

    @classmethod
    def from_json(cls, text: bytes | bytearray | str, *, lenient: bool = False) -> Self:
        """Parse JSON (at most 2 MiB) and do as ``from_dict`` does."""
        return cls._from_wire(wire.parse_json_quickly(text), wire.parse_json, text, lenient)

    @classmethod
    def from_cbor(cls, data: bytes | bytearray, *, lenient: bool = False) -> Self:
        """Decode DAG-CBOR (at most 1 MiB) and do as ``from_dict`` does."""
        return cls._from_wire(wire.parse_cbor_quickly(data), wire.parse_cbor, data, lenient)

    @classmethod
    def _from_wire(
        cls, quick: Any, parse: Callable[[Any], Any], source: Any, lenient: bool
    ) -> Self:
        if quick is not wire.UNSURE:
            built: Any = cls._read(quick, lenient)
            if type(built) is not Issues:
                return built  # type: ignore[no-any-return]
        return cls.from_dict(cls._parsed(parse(source)), lenient=lenient)

    @classmethod
    def _parsed(cls, value: Any) -> Any:
        if type(value) is Issues:
            raise ValidationError(cls.TYPE, value)
        return value

    def to_dict(self) -> dict[str, Any]:
        """The JSON-shaped dict; records and members of unions have a ``$type``."""
        return self._write(True, False)

    def to_json(self) -> bytes:
        """The object as compact JSON."""
        text: bytes = self._parsed(wire.write_json(self._write(True, False)))
        return text

    def to_cbor(self) -> bytes:
        """The object as canonical DAG-CBOR."""
        data: bytes = self._parsed(wire.write_cbor(self._write(False, False)))
        return data

    def validate(self) -> None:
        """Check an object that was built by hand; ``ValidationError`` if its lexicon refuses it."""
        try:
            data = self._write(False, False)
        except (AttributeError, TypeError, ValueError, KeyError, RecursionError) as error:
            # A field holds a value of another kind, which therefore can't be written.
            issues = only("type", f"a field holds a value of the wrong kind: {shown(str(error))}")
            raise ValidationError(self.TYPE, issues) from error
        self.from_dict(data)


class Record(Object):
    """A value of a record definition: what a repository holds."""

    __slots__ = ()

    NSID: ClassVar[str]
    """The collection that the record belongs to."""

    def cid(self) -> str:
        """The CID of the record: ``bafyrei…``."""
        return cid.of_cbor(self.to_cbor())
