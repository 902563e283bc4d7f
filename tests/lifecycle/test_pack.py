"""A pack is written whole or not at all, and trouble that can be known early is reported early."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atdata.lifecycle import pack

from .conftest import BuildRoot


class NoEngine:
    """An engine of a command that must not look at shards."""

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        pytest.fail("shards were read although the answer was known")


@pytest.mark.parametrize("link", [False, True])
def test_an_output_that_exists_is_reported_before_shards_are_read(
    build_root: BuildRoot, tmp_path: Path, link: bool
) -> None:
    target = tmp_path / "pack.tar"
    if link:
        target.symlink_to(tmp_path / "nowhere")
    else:
        target.write_bytes(b"mine")
    report = pack(build_root(), target, engine=NoEngine())
    assert [finding.code for finding in report.findings] == ["PACK_EXISTS"]
    assert report.checks["digests"] == "skipped"
    assert report.trust == "unverified"


def test_a_shard_that_is_too_large_is_reported_before_shards_are_read(
    build_root: BuildRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[pack.__module__], "MAX_SHARD", 1024)
    report = pack(build_root(), tmp_path / "pack.tar", engine=NoEngine())
    assert {finding.code for finding in report.findings} == {"PACK_TOO_LARGE"}
    assert not (tmp_path / "pack.tar").exists()
