"""The lifecycle on the command line: reports, exit codes, what to run next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import atdata
from readings import readings

from .conftest import Command


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "build"
    atdata.write_shards(readings(10), folder, name="readings", version="1.0.0", maxcount=4)
    return folder


def test_from_build_root_to_verified_pack(command: Command, root: Path, tmp_path: Path) -> None:
    store, bundle = str(tmp_path / "store"), str(tmp_path / "readings.tar")
    subject = ["--name", "readings", "--version", "1.0.0"]
    for step in (["validate"], ["verify"], ["verify", "--deep"]):
        result = command("dataset", *step, "--root", str(root), *subject, "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["status"] == "pass"
    published = command("dataset", "publish", "--source-root", str(root), "--store-root", store)
    assert published.exit_code == 0, published.output
    again = command(
        "dataset", "publish", "--source-root", str(root), "--store-root", store, "--json"
    )
    assert json.loads(again.stdout)["outcome"] == "already_published"
    packed = json.loads(
        command("dataset", "pack", "--root", str(root), "--output", bundle, "--json").stdout
    )
    anchored = command(
        "dataset", "verify-pack", bundle, "--expect-digest", packed["result"]["sha256"], "--json"
    )
    assert json.loads(anchored.stdout)["trust"] == "anchored"
    promoted = command(
        "catalog", "promote", "--store-root", store, "--name", "readings", "--version", "1.0.0"
    )
    assert promoted.exit_code == 0, promoted.output
    listed = command("catalog", "list", "--store-root", store, "--json")
    assert json.loads(listed.stdout)["result"]["datasets"][0]["current"] == "1.0.0"


def test_damage_exits_with_five_and_names_the_shard(command: Command, root: Path) -> None:
    shard = root / "000000.tar"
    data = bytearray(shard.read_bytes())
    data[600] ^= 1
    shard.write_bytes(data)
    result = command("dataset", "verify", "--root", str(root), "--json")
    assert result.exit_code == 5
    (finding, *_) = json.loads(result.stdout)["findings"]
    assert finding["class"] == "integrity"
    assert finding["shard"] == 0


def test_a_missing_root_exits_with_four(command: Command, tmp_path: Path) -> None:
    result = command("dataset", "validate", "--root", str(tmp_path / "nothing"))
    assert result.exit_code == 4


def test_a_pack_is_never_overwritten(command: Command, root: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "readings.tar"
    bundle.write_bytes(b"mine")
    result = command("dataset", "pack", "--root", str(root), "--output", str(bundle))
    assert result.exit_code == 6
    assert bundle.read_bytes() == b"mine"


def test_an_invalid_policy_is_an_error_before_anything_is_read(
    command: Command, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text("{")
    options = ["--root", str(tmp_path / "nothing"), "--policy", str(policy), "--json"]
    result = command("dataset", "verify", *options)
    assert result.exit_code == 3
    assert json.loads(result.stderr)["error"]["type"] == "ManifestError"
