"""Random damage to packs: none of it is accepted, and none of it is a traceback."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from atdata.lifecycle import verify_pack

from .forge import genuine

CASES = 1_100


def flip(data: bytearray, dice: Random) -> None:
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def flip_a_number(data: bytearray, dice: Random) -> None:
    """In a header of the outer or an inner archive, where sizes and checksums are."""
    block = dice.randrange(len(data) // 512) * 512
    data[block + dice.randrange(100, 264)] ^= dice.randrange(1, 256)


def cut(data: bytearray, dice: Random) -> None:
    del data[dice.randrange(len(data)) :]


def drop(data: bytearray, dice: Random) -> None:
    start = dice.randrange(len(data) // 512) * 512
    del data[start : start + 512 * dice.randrange(1, 4)]


def splice(data: bytearray, dice: Random) -> None:
    """A stretch of blocks once more, elsewhere."""
    blocks = len(data) // 512
    start, to = dice.randrange(blocks) * 512, dice.randrange(blocks) * 512
    piece = data[start : start + 512 * dice.randrange(1, 4)]
    data[to:to] = piece


@pytest.mark.parametrize("damage", [flip, flip_a_number, cut, drop, splice])
def test_damage_is_found(damage: Callable[[bytearray, Random], None], tmp_path: Path) -> None:
    forgery = genuine(tmp_path / "original")
    sound, content_cid = forgery.pack(), forgery.manifest["content_cid"]
    digest = hashlib.sha256(sound).hexdigest()
    path = tmp_path / "pack.tar"
    dice = Random(damage.__name__)
    for case in range(CASES):
        data = bytearray(sound)
        damage(data, dice)
        if data == sound:
            continue
        path.write_bytes(data)
        report = verify_pack(path, deep=True, expect_digest=digest)
        assert not report.ok, case
        assert all(finding.kind != "bug" for finding in report.findings), report.findings
        if {finding.code for finding in report.findings} == {"ANCHOR_MISMATCH"}:
            # Only the anchor shows it: a letter of the name, or of the tool that wrote it, became
            # another one. No sample and no count did.
            assert report.subject["content_cid"] == content_cid
    path.write_bytes(sound)
    assert verify_pack(path, deep=True, expect_digest=digest).ok
