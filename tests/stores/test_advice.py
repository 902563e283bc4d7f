"""The table of seed 002, at its borders."""

from __future__ import annotations

import pytest

from atdata.stores.advice import Verdict, advise


@pytest.mark.parametrize(
    ("size", "verdict"),
    [
        (0, Verdict.BLOBS),
        (100_000_000, Verdict.BLOBS),
        (100_000_001, Verdict.PREFER_URLS),
        (10_000_000_000, Verdict.PREFER_URLS),
        (10_000_000_001, Verdict.ALWAYS_URLS),
    ],
)
def test_the_table(size: int, verdict: Verdict) -> None:
    assert advise(size).verdict is verdict


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (999, "999 bytes: up to 100 MB, blobs of a PDS are fine."),
        (1_500, "1.5 kB: up to 100 MB, blobs of a PDS are fine."),
        (250_000_000, "250.0 MB: above 100 MB, prefer URLs to blobs of a PDS"),
        (2_000_000_000_000, "2,000.0 GB: above 10 GB, always publish URLs."),
    ],
)
def test_the_sentence(size: int, text: str) -> None:
    assert advise(size).text.startswith(text)
