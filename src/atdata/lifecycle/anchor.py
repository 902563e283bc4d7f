"""Anchors: evidence from outside the bytes for what they should be.

Anyone who can change a dataset can also change its manifest and every digest in it. Only a digest
that came by another way, or a record that its publisher signed, reveals such a forgery.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from atdata.errors import UrlError
from atdata_records import cid

_SHA256 = re.compile(r"[0-9a-f]{64}")


# A dataset's identity is made of these alone; all else in a manifest is a label.
CONTENT = ("samples", "schema")
ALL = (*CONTENT, "name", "version", "source", "tool", "paths")
"""The parts of a manifest."""


@dataclass(frozen=True, slots=True)
class Found:
    """The facts of a pack that an anchor compares.

    Attributes:
        sha256: Digest of the whole pack; None when it was not read to its end.
        manifest_sha256: Digest of its manifest.
        content_cid: Identity of the dataset.
        name: The dataset's name.
    """

    sha256: str | None
    manifest_sha256: str | None
    content_cid: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Anchor:
    """The expected digest or identity of a pack.

    Attributes:
        source: Where it comes from, for readers.
        sha256: Digest of the pack or of its manifest, in hexadecimal; or
        content_cid: identity of the dataset.
        name: The dataset's name in its record.
    """

    source: str
    sha256: str | None = None
    content_cid: str | None = None
    name: str | None = None

    @property
    def expected(self) -> str | None:
        """The digest or CID, as given."""
        return self.sha256 or self.content_cid

    def actual(self, found: Found) -> str | None:
        """Return the found value that is compared with the anchor."""
        return found.sha256 if self.sha256 is not None else found.content_cid

    def kind(self, found: Found) -> str | None:
        """Return what it names: the ``"pack"``, ``"manifest"``, ``"content"`` or ``"record"``.

        Returns:
            None when it names another dataset.
        """
        if self.sha256 is not None:
            kinds = {found.manifest_sha256: "manifest", found.sha256: "pack"}
            return kinds.get(self.sha256)
        if self.content_cid is None or self.content_cid != found.content_cid:
            return None
        return "content" if self.name is None else "record"

    def covers(self, found: Found) -> tuple[str, ...]:
        """Return the parts of :data:`ALL` that can't have been forged if the anchor is right."""
        match self.kind(found):
            case "pack" | "manifest":
                return ALL
            case "record" if self.name == found.name:
                return (*CONTENT, "name")
            case "content" | "record":
                return CONTENT
        return ()


def digest_anchor(text: str) -> Anchor:
    """Return the anchor that ``--expect-digest`` gives.

    Args:
        text: The sha256 of a pack (64 lower-case hexadecimal digits, as ``pack`` prints it) or
            of its ``dataset.json``, or the content CID of a dataset.

    Raises:
        UrlError: The text is neither.
    """
    if _SHA256.fullmatch(text):
        return Anchor("the digest that was given", sha256=text)
    try:
        sound = cid.from_digest(cid.digest(text), cid.DAG_CBOR) == text
    except ValueError:
        sound = False
    if not sound:
        raise UrlError(
            f"{text[:80]!r} is not a digest or content CID",
            hint="Give the sha256 that `dataset pack` printed, or a content CID (bafyrei…).",
        )
    return Anchor("the content CID that was given", content_cid=text)


def record_anchor(uri: str) -> Anchor:
    """Return the anchor that ``--at-uri`` gives: content CID and name in a record on its PDS.

    Args:
        uri: ``at://…`` or ``@handle/name``.

    Raises:
        EntryNotFound, NetworkError, RecordError: There is no such record, or it can't be read.
    """
    from atdata.atmosphere import AtmosphereClient, AtmosphereIndex

    entry = AtmosphereIndex(AtmosphereClient()).get_dataset(uri)
    return Anchor(f"the record {entry.uri}", content_cid=entry.content_cid, name=entry.name)
