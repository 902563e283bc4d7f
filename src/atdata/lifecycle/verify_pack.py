"""``verify-pack``: read a pack from its first byte to its last, and extract nothing.

The manifest comes first and lists what has to follow, in which order and how long. Everything is
read once and in pieces, so memory does not grow with the pack.
"""

from __future__ import annotations

import os
from typing import Any, Literal

from atdata.lifecycle.anchor import ALL, CONTENT, Anchor, Found, digest_anchor, record_anchor
from atdata.lifecycle.checks.examination import Examination
from atdata.lifecycle.checks.policy import Policy
from atdata.lifecycle.checks.roots import Pack
from atdata.lifecycle.pack_check import PackExamination
from atdata.lifecycle.report import Report
from atdata.progress import Progress
from atdata.shards.hashed import HashedStream
from atdata.sources.registry import open_url

MAX_SAMPLE = 64 << 20


def verify_pack(
    pack: str | os.PathLike[str],
    *,
    expect_digest: str | None = None,
    at_uri: str | None = None,
    require_anchor: bool | Literal["content"] = False,
    name: str | None = None,
    version: str | None = None,
    deep: bool = False,
    policy: Policy | None = None,
    max_sample: int = MAX_SAMPLE,
    progress: Progress | None = None,
) -> Report:
    """Check a pack: an exact list of members, then all that :func:`~atdata.lifecycle.verify` does.

    Args:
        pack: Path or URL of the pack.
        expect_digest: An anchor: the sha256 of the pack or of its ``dataset.json``, which cover
            all that the report shows; or the content CID, which covers samples and schema.
        at_uri: An anchor: the dataset's record, as ``at://…`` or ``@handle/name``; it covers
            samples and schema, and the name when that is the record's.
        require_anchor: Fail unless anchors cover all that the report shows, name, version and
            source too; ``"content"``: unless they cover samples and schema.
        name: The name that the dataset must have.
        version: The version that it must have.
        deep: Decode every sample strictly and check it against the schema.
        policy: Gates for the dataset; implies ``deep``.
        max_sample: Longest payload that is decoded, in bytes; memory is bounded by about three
            times that.
        progress: Receives progress updates.

    Returns:
        What was found. ``trust`` is ``"anchored"`` when an anchor agrees with sound bytes, and
        ``"self-consistent"`` without one: then all of it may be forged. ``anchors`` names what
        each anchor covers; the rest of the manifest may still be forged.

    Raises:
        ShardNotFound, StorageError, NetworkError: The pack, or the record, can't be read.
        UrlError: ``expect_digest`` is not a digest.
    """
    anchors = [digest_anchor(expect_digest)] if expect_digest is not None else []
    if at_uri is not None:
        anchors.append(record_anchor(at_uri))
    examination = PackExamination(
        "dataset verify-pack",
        "deep" if deep or policy is not None else "verify",
        Pack(os.fspath(pack)),
        name=name,
        version=version,
        policy=policy,
        max_sample=max_sample,
        progress=progress,
    )
    with open_url(os.fspath(pack)) as stream:
        hashed = HashedStream(stream)
        examination.run(hashed)
    sha256 = hashed.sha256.hexdigest() if examination.complete else None
    subject = examination.subject
    found = Found(sha256, subject["manifest_sha256"], subject["content_cid"], subject["name"])
    _compare(examination, anchors, found)
    covered = {part for anchor in anchors for part in anchor.covers(found)}
    if require_anchor:
        _require(examination, CONTENT if require_anchor == "content" else ALL, covered)
    sound = not examination.doubtful
    return examination.report(
        trust=("anchored" if anchors else "self-consistent") if sound else "unverified",
        anchors=tuple(_row(anchor, found) for anchor in anchors) if sound else (),
        result={"sha256": sha256, "bytes": hashed.size},
        extra_checks=("pack", "anchor") if anchors else ("pack",),
    )


def _compare(examination: Examination, anchors: list[Anchor], found: Found) -> None:
    """Record a finding for each anchor that names another dataset."""
    for anchor in anchors:
        if anchor.kind(found) is None:
            message, actual = f"not the dataset of {anchor.source}", anchor.actual(found)
            expected = anchor.expected or "a content CID in the record"
            examination.add("ANCHOR_MISMATCH", message, expected=expected, actual=actual)


def _require(examination: Examination, parts: tuple[str, ...], covered: set[str]) -> None:
    if missing := ", ".join(part for part in parts if part not in covered):
        examination.add(
            "ANCHOR_REQUIRED",
            f"no anchor covers {missing}: give --expect-digest with the sha256 of the pack or of "
            "its dataset.json",
        )


def _row(anchor: Anchor, found: Found) -> dict[str, Any]:
    """Return an anchor as in a report."""
    covers = list(anchor.covers(found))
    return {"kind": anchor.kind(found), "source": anchor.source, "covers": covers}
