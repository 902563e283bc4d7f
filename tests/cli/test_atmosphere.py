from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import atdata
from atdata.local import LocalDatasetEntry, LocalIndex
from cli.conftest import Command
from readings import readings
from servers.atproto_pds import Account, Pds

pytestmark = pytest.mark.xdist_group("pds")


@pytest.fixture
def account(pds_env: Pds, command: Command) -> Account:
    """An account that is logged in."""
    made = pds_env.new_account()
    result = command("login", made.handle, "--password-stdin", stdin=made.app_password + "\n")
    assert result.stdout == f"logged in as {made.handle} ({made.did})\n"
    return made


def test_the_session_is_the_owners_only_and_holds_no_password(
    account: Account, isolated_home: Path
) -> None:
    file = isolated_home / "config" / "atdata" / "session.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert account.app_password not in file.read_text()


def test_a_wrong_password(pds_env: Pds, command: Command) -> None:
    made = pds_env.new_account()
    result = command("login", made.handle, "--password-stdin", "--json", stdin="wrong-word\n")
    assert result.exit_code == 5
    assert json.loads(result.stderr)["error"]["type"] == "AuthError"
    assert "wrong-word" not in result.output


def test_an_empty_password(pds_env: Pds, command: Command) -> None:
    result = command("login", pds_env.new_account().handle, "--password-stdin", stdin="")
    assert result.exit_code == 5
    assert "app password" in result.stderr


def test_promote_needs_a_session(command: Command, spectra: LocalDatasetEntry) -> None:
    result = command("promote", "spectra")
    assert result.exit_code == 5
    assert "atdata login HANDLE" in result.stderr


def test_promote_then_show_and_load_by_handle(
    command: Command, account: Account, spectra: LocalDatasetEntry
) -> None:
    done = command(
        "promote", "spectra", "--as", "open spectra", "--license", "MIT", "--tag", "a", "--json"
    )
    published = json.loads(done.stdout)
    assert published["address"] == f"@{account.handle}/open spectra"

    shown = json.loads(command("dataset", "show", published["address"], "--json").stdout)
    assert shown["uri"] == published["uri"]
    assert shown["content_cid"] == spectra.content_cid
    assert shown["metadata"] == {"lab": 302}
    assert (shown["license"], shown["tags"], shown["description"]) == ("MIT", ["a"], None)
    text = command("dataset", "show", published["address"]).stdout
    assert "MIT" in text
    assert "values: float32 array" in text

    (listed,) = json.loads(command("dataset", "list", f"@{account.handle}", "--json").stdout)
    assert listed == shown

    schema = command("schema", "show", shown["schema_ref"])
    assert "values: float32 array" in schema.stdout

    head = command("load", published["address"], "--head", "4", "--json")
    samples = json.loads(head.stdout)["samples"]
    assert [sample["label"] for sample in samples] == [0, 1, 2, 3]
    assert samples[2]["values"] == {"dtype": "float32", "shape": [3], "items": [2.0, 2.0, 2.0]}


def test_promote_replaces_when_asked_and_keeps_the_license(
    command: Command, account: Account, spectra: LocalDatasetEntry, tmp_path: Path
) -> None:
    command("promote", "spectra", "--as", "data", "--license", "MIT", "--tag", "a")
    dataset = atdata.write_shards(readings(4), tmp_path / "others")
    LocalIndex().insert_dataset(dataset, name="others")
    refused = command("promote", "others", "--as", "data")
    assert refused.exit_code == 6
    assert "--replace" in refused.stderr
    published = json.loads(
        command("promote", "others", "--as", "data", "--replace", "--json").stdout
    )
    plan = command("promote", "others", "--as", "data", "--dry-run", "--json").stdout
    record = json.loads(plan)["record"]
    assert record["contentCid"] == published["content_cid"] != spectra.content_cid
    assert (record["license"], record["tags"]) == ("MIT", ["a"])


def test_a_license_that_is_none_is_a_content_error(
    command: Command, account: Account, spectra: LocalDatasetEntry
) -> None:
    result = command("promote", "spectra", "--license", "my own licence!")
    assert result.exit_code == 3
    assert "SPDX" in result.stderr


def test_promote_can_be_looked_at_first(
    command: Command, account: Account, spectra: LocalDatasetEntry, pds_env: Pds
) -> None:
    with pds_env.requests() as made:
        text = command("promote", "spectra", "--tag", "a", "--dry-run").stdout
        plan = json.loads(command("promote", "spectra", "--tag", "a", "--dry-run", "--json").stdout)
    assert not {"uploadBlob", "putRecord"} & set(made)
    assert text.startswith(f"create: {plan['uri']}\n")
    assert text.endswith("up to 100 MB, blobs of a PDS are fine.\nNothing was written.\n")
    assert (plan["action"], plan["storage"], plan["cut"]) == ("create", "blobs", False)
    assert [copy["cid"] for copy in plan["copies"]] == [info.cid for info in spectra.shards or ()]
    assert plan["record"]["contentCid"] == spectra.content_cid
    assert plan["schema"]["name"] == "Spectrum"
    command("promote", "spectra", "--tag", "a")
    again = json.loads(command("promote", "spectra", "--dry-run", "--json").stdout)
    assert (again["action"], again["schema"], again["copies"]) == ("nothing", None, [])
    same = {**again["record"], "createdAt": plan["record"]["createdAt"]}
    assert same == plan["record"]


def test_promote_and_read_it_back(
    command: Command, account: Account, spectra: LocalDatasetEntry
) -> None:
    result = command("promote", "spectra", "--verify")
    assert "stored     as blobs: " in result.stdout
    assert "verified   every byte was read back\n" in result.stdout
    published = json.loads(command("promote", "spectra", "--verify", "--json").stdout)
    assert published["verified"] is True
    assert published["advice"].endswith("blobs of a PDS are fine.")
    assert (published["content_cid"], published["derived_from"]) == (spectra.content_cid, None)
    assert command("promote", "spectra", "--verify", "--dry-run").exit_code == 2


def test_promote_shows_how_far_it_is_to_people_only(
    account: Account, spectra: LocalDatasetEntry
) -> None:
    """On a terminal, on stderr; not in a file, and not with --json."""
    for options, shown in (((), True), (("--json",), False)):
        stdout, stderr = in_a_terminal("promote", "spectra", *options)
        assert ("publishing" in stderr) == shown
        assert "publishing" not in stdout


def in_a_terminal(*arguments: str) -> tuple[str, str]:
    """What `atdata` writes to stdout, and to a terminal that is its stderr."""
    ours, theirs = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "atdata", *arguments],
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
        timeout=120,
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # how Linux says that a terminal has no more to give
        while part := os.read(ours, 1 << 16):
            seen += part
    os.close(ours)
    return done.stdout.decode(), seen.decode()


def test_a_missing_dataset_is_not_promoted(command: Command, account: Account) -> None:
    result = command("promote", "nothing")
    assert result.exit_code == 4


def test_the_published_record_anchors_a_pack(
    command: Command, account: Account, tmp_path: Path
) -> None:
    root, bundle = tmp_path / "build", str(tmp_path / "readings.tar")
    dataset = atdata.write_shards(readings(10), root, name="readings", version="1.0.0", maxcount=4)
    LocalIndex().insert_dataset(dataset, name="readings")
    published = json.loads(command("promote", "readings", "--json").stdout)
    command("dataset", "pack", "--root", str(root), "--output", bundle)
    verify = ["dataset", "verify-pack", bundle]
    for anchor in (published["uri"], published["address"]):
        result = command(*verify, "--at-uri", anchor, "--json")
        assert result.exit_code == 0, result.output
        report = json.loads(result.stdout)
        assert report["trust"] == "anchored"
        (row,) = report["anchors"]
        assert (row["kind"], row["covers"]) == ("record", ["samples", "schema", "name"])
    strict = [*verify, "--at-uri", published["uri"], "--json"]
    assert command(*strict, "--require-content-anchor").exit_code == 0
    assert command(*strict, "--require-anchor").exit_code == 5
    shown = command(*verify, "--at-uri", published["uri"]).stdout
    assert "version, source, tool, paths: these may be forged" in shown

    other = str(tmp_path / "other.tar")
    atdata.write_shards(readings(10, 5), tmp_path / "o", name="readings", version="1.0.0")
    command("dataset", "pack", "--root", str(tmp_path / "o"), "--output", other)
    result = command("dataset", "verify-pack", other, "--at-uri", published["uri"], "--json")
    assert result.exit_code == 5
    codes = [finding["code"] for finding in json.loads(result.stdout)["findings"]]
    assert codes == ["ANCHOR_MISMATCH"]
