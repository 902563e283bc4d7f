"""Advice on where to keep a dataset, by its size."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

FINE = 100_000_000
"""Bytes up to which blobs are fine."""

MOST = 10_000_000_000
"""Bytes up to which blobs are possible."""


class Verdict(StrEnum):
    """The advice for a size."""

    BLOBS = "blobs are fine"
    PREFER_URLS = "prefer urls"
    ALWAYS_URLS = "always urls"


class SizeWarning(UserWarning):
    """A dataset is too large for where it is kept."""


class Advice(NamedTuple):
    """What to do, and a sentence with the reason."""

    verdict: Verdict
    text: str


def advise(size: int) -> Advice:
    """Advise whether to publish a dataset as blobs of a PDS, or to publish URLs of its data.

    Args:
        size: Bytes of all shards together.
    """
    if size <= FINE:
        return Advice(Verdict.BLOBS, f"{_shown(size)}: up to 100 MB, blobs of a PDS are fine.")
    if size <= MOST:
        return Advice(
            Verdict.PREFER_URLS,
            f"{_shown(size)}: above 100 MB, prefer URLs to blobs of a PDS, which may refuse or "
            "delete them. Consider data_store=S3DataStore(…).",
        )
    return Advice(
        Verdict.ALWAYS_URLS,
        f"{_shown(size)}: above 10 GB, always publish URLs. Pass data_store=S3DataStore(…), or "
        "publish the URLs of the data.",
    )


def _shown(size: int) -> str:
    for unit, digits in (("GB", 9), ("MB", 6), ("kB", 3)):
        if size >= 10**digits:
            return f"{size / 10**digits:,.1f} {unit}"
    return f"{size} bytes"
