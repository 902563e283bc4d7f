"""Record keys and AT URIs: a published name always has the same address.

Because the key follows from the name, a record is found in one request and a repeated
publication finds the record that the first one wrote.
"""

from __future__ import annotations

import re
from typing import Self

from atdata.errors import UrlError
from atdata_records import formats
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

_MAX_KEY = 512  # bytes; the record key rule of the AT Protocol
_ESCAPED = re.compile(r"[^a-zA-Z0-9_.:-]")


class AtUri(str):
    """The address of one record: text of the form ``at://{authority}/{collection}/{rkey}``.

    Args:
        authority: DID or handle of the repository.
        collection: NSID of the record's type.
        rkey: Record key.

    Attributes:
        authority: As given.
        collection: As given.
        rkey: As given.
    """

    __slots__ = ("authority", "collection", "rkey")

    authority: str
    collection: str
    rkey: str

    def __new__(cls, authority: str, collection: str, rkey: str) -> Self:
        """Make the text of the parts."""
        uri = super().__new__(cls, f"at://{authority}/{collection}/{rkey}")
        uri.authority, uri.collection, uri.rkey = authority, collection, rkey
        return uri

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, str]]:
        return type(self), (self.authority, self.collection, self.rkey)

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read an AT URI that names a record.

        Raises:
            UrlError: It is not an AT URI, or names a repository or collection only.
        """
        if isinstance(uri, cls):
            return uri
        parts = uri.removeprefix("at://").split("/")
        if not formats.is_at_uri(uri) or len(parts) != 3:
            raise UrlError(
                "not the AT URI of a record",
                uri=uri,
                hint="Write it as at://{did or handle}/{collection}/{record key}.",
            )
        return cls(*parts)


def record_key(name: str) -> str:
    """Return the record key of a name; different names have different keys.

    Characters that a key can't hold, and ``~`` itself, become ``~XX``: the hexadecimal
    digits of their UTF-8 bytes.

    Raises:
        UrlError: The name is empty, too long, or not Unicode text.
    """
    try:
        key = _ESCAPED.sub(lambda found: _escape(found[0]), name)
    except UnicodeEncodeError as error:
        raise UrlError(f"the name {name!r} is not Unicode text") from error
    if key in (".", ".."):
        key = _escape(key)
    if not key or len(key) > _MAX_KEY:
        raise UrlError(
            f"the name {name!r} makes a record key of {len(key)} characters",
            hint=f"Choose another name: a record key has 1 to {_MAX_KEY} characters.",
        )
    return key


def dataset_uri(did: str, name: str) -> AtUri:
    """Return the AT URI of the dataset of this name in a repository."""
    return AtUri(did, Record.NSID, record_key(name))


def schema_uri(did: str, name: str, version: str) -> AtUri:
    """Return the AT URI of this version of a sample schema in a repository."""
    return AtUri(did, SampleSchema.NSID, record_key(f"{name}:{version}"))


def _escape(text: str) -> str:
    return "".join(f"~{byte:02X}" for byte in text.encode())
