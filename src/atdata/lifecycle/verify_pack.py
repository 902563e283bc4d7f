"""``verify-pack``: read a pack from its first byte to its last, and extract nothing.

The manifest comes first and says what has to follow, in which order and how long. Whatever is
read is read once and in pieces, so memory does not grow with the pack.
"""

from __future__ import annotations

import os

from atdata.lifecycle.anchor import Anchor, digest_anchor, record_anchor
from atdata.lifecycle.examination import Examination
from atdata.lifecycle.pack_check import PackCheck
from atdata.lifecycle.policy import Policy
from atdata.lifecycle.report import Report
from atdata.progress import Progress, Silence
from atdata.shards.hashed import HashedStream
from atdata.sources.registry import open_url

KIND = "pack"
MAX_SAMPLE = 64 << 20


def verify_pack(
    pack: str | os.PathLike[str],
    *,
    name: str | None = None,
    version: str | None = None,
    deep: bool = False,
    policy: Policy | None = None,
    expect_digest: str | None = None,
    at_uri: str | None = None,
    require_anchor: bool = False,
    max_sample: int = MAX_SAMPLE,
    progress: Progress | None = None,
) -> Report:
    """Check a pack: an exact list of members, then all that :func:`~atdata.lifecycle.verify` does.

    Args:
        pack: Path or URL of the pack.
        name: The name that the dataset must have.
        version: The version that it must have.
        deep: Decode every sample strictly and hold it to the schema.
        policy: Gates for the dataset; implies ``deep``.
        expect_digest: An anchor: the pack's sha256, or the dataset's content CID.
        at_uri: An anchor: the dataset's record, as ``at://…`` or ``@handle/name``.
        require_anchor: Fail without an anchor.
        max_sample: Longest payload that is decoded, in bytes; memory is bounded by about three
            times that.
        progress: Told how far it has come.

    Returns:
        What was found. ``trust`` is ``"anchored"`` when an anchor agrees with sound bytes, and
        ``"self-consistent"`` without one: then somebody may have forged all of it.

    Raises:
        ShardNotFound, StorageError, NetworkError: The pack, or the record, can't be read.
        UrlError: ``expect_digest`` is no digest.
    """
    anchors = [digest_anchor(expect_digest)] if expect_digest is not None else []
    if at_uri is not None:
        anchors.append(record_anchor(at_uri))
    examination = Examination(
        "dataset verify-pack",
        "deep" if deep or policy is not None else "verify",
        kind=KIND,
        location=os.fspath(pack),
        policy=policy,
        max_sample=max_sample,
    )
    with open_url(os.fspath(pack)) as stream:
        hashed = HashedStream(stream)
        check = PackCheck(examination, hashed, os.fspath(pack), progress or Silence())
        check.run(name, version)
    sha256 = hashed.sha256.hexdigest() if check.complete else None
    if require_anchor and not anchors:
        examination.add("ANCHOR_REQUIRED", "give --expect-digest or --at-uri")
    trust = _anchor(examination, anchors, sha256)
    checks = ("pack", "anchor") if anchors else ("pack",)
    result = {"sha256": sha256, "bytes": hashed.size}
    return examination.report(trust=trust, result=result, extra_checks=checks)


def _anchor(examination: Examination, anchors: list[Anchor], sha256: str | None) -> str:
    """How far the bytes are to be trusted; an anchor that disagrees is a finding."""
    found = examination.subject["content_cid"]
    for anchor in anchors:
        if anchor.expected is None or anchor.actual(sha256, found) != anchor.expected:
            examination.add(
                "ANCHOR_MISMATCH",
                f"not the dataset of {anchor.source}",
                expected=anchor.expected or "a content CID in the record",
                actual=anchor.actual(sha256, found),
            )
    if examination.doubtful:
        return "unverified"
    return "anchored" if anchors else "self-consistent"
