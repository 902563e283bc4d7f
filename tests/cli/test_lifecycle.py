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


def test_one_shard_of_one_sample_is_counted_as_one(command: Command, tmp_path: Path) -> None:
    atdata.write_shards(readings(1), tmp_path / "one")
    result = command("dataset", "verify", "--root", str(tmp_path / "one"))
    assert "  1 shard, 1 sample, " in result.output


@pytest.mark.parametrize(
    "words",
    [
        ["validate", "--root"],
        ["verify", "--root"],
        ["pack", "--root"],
        ["publish", "--store-root", "store", "--source-root"],
    ],
    ids=lambda words: words[0],
)
def test_a_folder_of_splits_is_refused_with_one_to_name(
    command: Command, tmp_path: Path, words: list[str]
) -> None:
    source, output = tmp_path / "tables", tmp_path / "out"
    source.mkdir()
    for split in ("train", "test"):
        (source / f"{split}.csv").write_text("name,n\na,1\n")
    atdata.import_dataset(source, output)
    result = command("dataset", *words, str(output), "--json")
    assert result.exit_code == 2
    error = json.loads(result.stderr)["error"]
    assert error["message"] == "the folder has a dataset for each split: test, train"
    assert str(output / "test") in error["hint"]
    verified = command("dataset", "verify", "--root", str(output / "test"), "--deep")
    assert verified.exit_code == 0, verified.output


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
