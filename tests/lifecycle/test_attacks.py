"""Every kind of tampering is found, with its code and place; the original passes."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest

from atdata.cli.exits import report_exit
from atdata.lifecycle import Report, pack, verify, verify_pack
from atdata.lifecycle.anchor import ALL
from atdata.lifecycle.codes import CODES
from atdata.shards.manifest import Manifest

from .attacks import ATTACKS, Attack
from .forge import Forgery, genuine

EXITS = {"integrity": 5, "trust": 5, "content": 3, "missing": 4, "conflict": 6, "bug": 10}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Forgery:
    return genuine(tmp_path_factory.mktemp("original") / "measured")


def check(forgery: Forgery, path: Path) -> Report:
    path.write_bytes(forgery.pack())
    return verify_pack(path, deep=True)


def test_there_are_enough_attacks() -> None:
    assert len(ATTACKS) >= 60
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_is_found_and_the_original_passes(
    attack: Attack, original: Forgery, tmp_path: Path
) -> None:
    sound = check(copy.deepcopy(original), tmp_path / "original.tar")
    assert sound.ok
    assert sound.trust == "self-consistent"

    forgery = copy.deepcopy(original)
    attack.tamper(forgery)
    report = check(forgery, tmp_path / "forged.tar")
    found = [finding for finding in report.findings if finding.code == attack.code]
    assert found, [str(finding) for finding in report.findings]
    finding = found[0].to_dict()
    assert finding["class"] == CODES[attack.code].kind
    assert finding["shard"] == attack.shard
    if attack.member is not None:
        assert finding["member"] == attack.member
    if attack.piece is not None:
        assert attack.shard is not None
        start = sum(map(len, original.shards[attack.shard][: attack.piece]))
        if attack.delta < 0:  # in the padding, which starts after the payload
            assert (
                start < finding["offset"] < start + len(original.shards[attack.shard][attack.piece])
            )
        else:
            assert finding["offset"] == start + attack.delta
    if attack.offset is not None:
        assert finding["offset"] == attack.offset
    assert report.to_dict()["status"] == "fail"
    assert report_exit(report) >= 3
    assert not any(finding.kind == "bug" for finding in report.findings)


@pytest.mark.parametrize("deep", [False, True])
def test_build_root_and_pack_have_the_same_findings(
    deep: bool, original: Forgery, tmp_path: Path
) -> None:
    """What is wrong with shards does not depend on what they are in."""
    for number, attack in enumerate(ATTACKS):
        forgery = copy.deepcopy(original)
        attack.tamper(forgery)
        if attack.shard is None or "pack" in vars(forgery) or forgery.order != [0, 1]:
            continue
        folder = forgery.write(tmp_path / f"{number}")
        packed = tmp_path / f"{number}.tar"
        packed.write_bytes(forgery.pack())
        ours, theirs = verify(folder, deep=deep), verify_pack(packed, deep=deep)
        assert ours.findings == theirs.findings, attack.name


def test_whole_pack_forgery_is_found_by_an_anchor_only(original: Forgery, tmp_path: Path) -> None:
    root = original.write(tmp_path / "genuine")
    sha256 = pack(root, tmp_path / "genuine.tar").result["sha256"]
    content_cid = original.manifest["content_cid"]
    forgery = copy.deepcopy(original)
    forgery.shards[0][0] = forgery.shards[0][0].replace(b"\xa5label\x00", b"\xa5label\x01")
    forgery.relock()
    (tmp_path / "forged.tar").write_bytes(forgery.pack())

    alone = verify_pack(tmp_path / "forged.tar", deep=True)
    assert alone.ok
    assert alone.trust == "self-consistent"
    for digest in (sha256, content_cid):
        assert verify_pack(tmp_path / "genuine.tar", expect_digest=digest).trust == "anchored"
        report = verify_pack(tmp_path / "forged.tar", expect_digest=digest)
        assert [finding.code for finding in report.findings] == ["ANCHOR_MISMATCH"]
        assert report.trust == "unverified"
        assert report_exit(report) == 5


def test_replay_of_an_older_pack_under_a_newer_version(tmp_path: Path) -> None:
    old = genuine(tmp_path / "old", version="1.0.0", each=2)
    new = genuine(tmp_path / "new", version="1.1.0", each=3)
    wanted = new.manifest["content_cid"]
    (tmp_path / "new.tar").write_bytes(new.pack())
    assert verify_pack(tmp_path / "new.tar", version="1.1.0", expect_digest=wanted).ok

    (tmp_path / "old.tar").write_bytes(old.pack())
    report = verify_pack(tmp_path / "old.tar", version="1.1.0", expect_digest=wanted)
    assert {f.code for f in report.findings} == {"SUBJECT_OTHER", "ANCHOR_MISMATCH"}

    old.manifest["version"] = "1.1.0"
    (tmp_path / "relabelled.tar").write_bytes(old.pack())
    report = verify_pack(tmp_path / "relabelled.tar", version="1.1.0", expect_digest=wanted)
    assert {finding.code for finding in report.findings} == {"ANCHOR_MISMATCH"}


def test_without_an_anchor_one_can_be_required(original: Forgery, tmp_path: Path) -> None:
    path = tmp_path / "pack.tar"
    path.write_bytes(original.pack())
    report = verify_pack(path, require_anchor=True)
    assert [finding.code for finding in report.findings] == ["ANCHOR_REQUIRED"]
    digest = report.result["sha256"]
    assert verify_pack(path, require_anchor=True, expect_digest=digest).ok


@pytest.fixture
def relabelled(original: Forgery, tmp_path: Path) -> Path:
    """A pack with the samples of the original and another name, version, source and tool."""
    forgery = copy.deepcopy(original)
    forgery.manifest |= {"name": "imagenet-official", "version": "9.9.9", "source": "a museum"}
    path = tmp_path / "relabelled.tar"
    path.write_bytes(forgery.pack())
    return path


def anchors(report: Report) -> list[tuple[str, list[str]]]:
    return [(row["kind"], row["covers"]) for row in report.to_dict()["anchors"]]


def test_a_content_cid_is_not_said_to_cover_the_label(original: Forgery, relabelled: Path) -> None:
    content_cid = original.manifest["content_cid"]
    report = verify_pack(relabelled, expect_digest=content_cid)
    assert report.trust == "anchored"
    assert anchors(report) == [("content", ["samples", "schema"])]
    assert verify_pack(relabelled, expect_digest=content_cid, require_anchor="content").ok

    strict = verify_pack(relabelled, expect_digest=content_cid, require_anchor=True)
    assert [finding.code for finding in strict.findings] == ["ANCHOR_REQUIRED"]
    assert "name, version, source, tool, paths" in strict.findings[0].message
    assert report_exit(strict) == 5
    assert strict.trust == "unverified"


def test_digests_of_pack_and_manifest_cover_all(
    original: Forgery, relabelled: Path, tmp_path: Path
) -> None:
    genuine_pack = tmp_path / "genuine.tar"
    genuine_pack.write_bytes(original.pack())
    alone = verify_pack(genuine_pack)
    assert anchors(alone) == []
    digests = {"pack": alone.result["sha256"], "manifest": alone.subject["manifest_sha256"]}
    for kind, digest in digests.items():
        report = verify_pack(genuine_pack, expect_digest=digest, require_anchor=True)
        assert report.ok, report.findings
        assert anchors(report) == [(kind, list(ALL))]
        forged = verify_pack(relabelled, expect_digest=digest, require_anchor=True)
        assert "ANCHOR_MISMATCH" in {finding.code for finding in forged.findings}
        assert anchors(forged) == []


def test_every_part_of_a_manifest_is_covered_or_said_not_to_be() -> None:
    named = {"samples", "schema", "name", "version", "source", "tool", "paths"}
    assert set(ALL) == named
    of_parts = {"schema_ref", "schema_cid", "shards"}
    fields = {field.name for field in dataclasses.fields(Manifest)}
    assert fields == (named - {"samples", "schema"}) | of_parts
