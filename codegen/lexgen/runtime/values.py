"""Values that JSON has no form for, and what a reader does not know."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypedDict

from . import cid


class Link(str):
    """A link to content: its CID as text. In JSON it is ``{"$link": cid}``."""

    __slots__ = ()

    @property
    def cid(self) -> str:
        """The CID as a plain string."""
        return str.__str__(self)

    def __bytes__(self) -> bytes:
        return cid.to_bytes(self)

    def __repr__(self) -> str:
        return f"Link({self.cid!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A reference to a blob: the CID of its bytes, media type and length in bytes.

    A size of -1 marks the legacy form ``{cid, mimeType}``, which is only read leniently.
    """

    ref: Link
    mime_type: str
    size: int = -1

    def to_data(self) -> dict[str, Any]:
        """The blob as a data model value."""
        if self.size == -1:
            return {"cid": str(self.ref), "mimeType": self.mime_type}
        return {
            "$type": "blob",
            "ref": Link(self.ref),
            "mimeType": self.mime_type,
            "size": self.size,
        }

    def to_dict(self) -> dict[str, Any]:
        """The blob in its JSON form."""
        data = self.to_data()
        return data if self.size == -1 else {**data, "ref": {"$link": str(self.ref)}}


@dataclass(frozen=True, slots=True)
class UnknownVariant:
    """A member of an open union that this catalog does not know, kept as it was read.

    ``data`` is the whole object with its ``$type``: plain data, bytes and links.
    """

    data: Mapping[str, Any]

    @property
    def type(self) -> str:
        """The ``$type`` of the object."""
        return str(self.data["$type"])

    def _write(self, json: bool, typed: bool) -> dict[str, Any]:
        data: dict[str, Any] = to_json_form(self.data) if json else copied(self.data)
        return data


class Null:
    """The type of ``NULL``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NULL"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "NULL"


NULL: Final = Null()
"""An explicit null in a field that may also be absent. There None means absent."""


LinkDict = TypedDict("LinkDict", {"$link": str})
"""A link in JSON."""

BytesDict = TypedDict("BytesDict", {"$bytes": str})
"""Bytes in JSON, as base64."""

BlobDict = TypedDict(
    "BlobDict", {"$type": Literal["blob"], "ref": LinkDict, "mimeType": str, "size": int}
)
"""A blob in JSON."""


def to_json_form(value: Any) -> Any:
    """Plain data in its JSON form; a copy throughout."""
    kind = type(value)
    if isinstance(value, Mapping):
        return {key: to_json_form(item) for key, item in value.items()}
    if kind is list:
        return [to_json_form(item) for item in value]
    if kind is bytes:
        return {"$bytes": b64encode(value).decode().rstrip("=")}
    if kind is Link:
        return {"$link": str.__str__(value)}
    return value


def copied(value: Any) -> Any:
    """Plain data copied throughout."""
    kind = type(value)
    if kind is dict:
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if kind is list else value
