from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from cli.conftest import Command
from servers.atproto_pds import Pds


def test_local_half(command: Command, tmp_path: Path) -> None:
    picture = tmp_path / "sheet.png"
    result = command("demo", "--no-pds", "--picture", str(picture), "--json")
    facts = json.loads(result.stdout)
    assert facts["samples"] == 1797
    assert facts["shards"] == 2
    assert set(facts["seconds"]) == {"pack", "index", "check"}
    with Image.open(picture) as image:
        darkest, lightest = image.getextrema()
    assert darkest < 50
    assert lightest == 255


def test_content_does_not_depend_on_the_run(command: Command, tmp_path: Path) -> None:
    runs = [
        json.loads(
            command("demo", "--no-pds", "--picture", str(tmp_path / "x.png"), "--json").stdout
        )
        for _ in range(2)
    ]
    assert runs[0]["content_cid"] == runs[1]["content_cid"]


def test_publishing_needs_a_session(command: Command, tmp_path: Path) -> None:
    result = command("demo", "--picture", str(tmp_path / "x.png"))
    assert result.exit_code == 5
    assert "atdata login" in result.stderr


@pytest.mark.xdist_group("pds")
def test_the_whole_journey_leaves_nothing(
    command: Command, pds_env: Pds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    account = pds_env.new_account()
    command("login", account.handle, "--password-stdin", stdin=account.app_password + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "atdata", "demo", "--json", "--picture", str(tmp_path / "x.png")],
        env=os.environ,
        capture_output=True,
        check=True,
    )
    facts = json.loads(done.stdout)
    assert facts["uri"] == f"at://{account.did}/ac.foundation.dataset.record/handwritten-digits"
    assert facts["address"] == f"@{account.handle}/handwritten-digits"
    # The user's own folder stays, and nothing is in it.
    assert list(scratch.rglob("*")) == [scratch / f"atdata-{os.getuid()}"]
