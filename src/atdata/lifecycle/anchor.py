"""Anchors: something from outside the bytes that says which bytes they should be.

Whoever can change a dataset can change its manifest and every digest in it as well. Only a digest
that came by another way, or a record that its publisher signed, tells such a forgery.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from atdata.errors import UrlError
from atdata_records import cid

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the bytes must be.

    Attributes:
        sha256: Digest of a whole pack, in hexadecimal; or
        content_cid: identity of the dataset.
        source: Who says so, for people.
    """

    source: str
    sha256: str | None = None
    content_cid: str | None = None

    @property
    def expected(self) -> str | None:
        """The digest or CID, as given."""
        return self.sha256 or self.content_cid

    def actual(self, sha256: str | None, content_cid: str | None) -> str | None:
        """Of what was found, the one that compares."""
        return sha256 if self.sha256 is not None else content_cid


def digest_anchor(text: str) -> Anchor:
    """An anchor from ``--expect-digest``.

    Args:
        text: The sha256 of a pack (64 lower-case hexadecimal digits, as ``pack`` prints it), or
            the content CID of a dataset.

    Raises:
        UrlError: Neither.
    """
    if _SHA256.fullmatch(text):
        return Anchor("the digest that was given", sha256=text)
    try:
        sound = cid.from_digest(cid.digest(text), cid.DAG_CBOR) == text
    except ValueError:
        sound = False
    if not sound:
        raise UrlError(
            f"{text[:80]!r} is no digest to expect",
            hint="give the sha256 that `dataset pack` printed, or a content CID (bafyrei…)",
        )
    return Anchor("the content CID that was given", content_cid=text)


def record_anchor(uri: str) -> Anchor:
    """An anchor from ``--at-uri``: the content CID in a dataset's record on its PDS.

    Args:
        uri: ``at://…`` or ``@handle/name``.

    Raises:
        EntryNotFound, NetworkError, RecordError: There is no such record, or it can't be read.
    """
    from atdata.atmosphere import AtmosphereClient, AtmosphereIndex

    entry = AtmosphereIndex(AtmosphereClient()).get_dataset(uri)
    return Anchor(f"the record {entry.uri}", content_cid=entry.content_cid)
