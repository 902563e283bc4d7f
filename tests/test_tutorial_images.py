"""The tutorial on images, as it is written: with a real PDS, and an AppView that follows it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appview.running import AppView, as_process, wait_until
from atdata.atmosphere import AtmosphereClient
from servers.atproto_pds import Pds

pytestmark = pytest.mark.xdist_group("pds")

PAGE = Path(__file__).parent.parent / "docs" / "tutorials" / "images.md"
# What the reader has done already: the environment of the tests.
DONE = ("pip install", "atdata login")


@pytest.fixture
def appview(pds_env: Pds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppView]:
    with as_process(tmp_path / "appview", "--pds", pds_env.url) as running:
        wait_until(lambda: running.query("describeService").json()["repositories"])
        monkeypatch.setenv("ATDATA_APPVIEW_URL", running.url)
        yield running


def steps(page: str) -> Iterator[tuple[str, str]]:
    """Its commands, each with the output that is shown; a file before the commands that use it."""
    for language, block in re.findall(r"```(python|console)\n(.*?)```", page, re.DOTALL):
        if language == "python":
            yield "", block
            continue
        for command in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = command.partition("\n")
            yield line, shown


def run(command: str, folder: Path) -> str:
    program, *arguments = shlex.split(command)
    start = (
        [sys.executable, "-W", "error"] if program == "python" else [sys.executable, "-m", program]
    )
    done = subprocess.run([*start, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def test_the_page_is_what_happens(
    client: AtmosphereClient, appview: AppView, tmp_path: Path
) -> None:
    page = PAGE.read_text().replace("@lab.example.org/", f"@{client.handle}/")
    names = iter(re.findall(r"^`(\w+\.py)`:$", page, re.MULTILINE))
    folder = tmp_path / "work"
    folder.mkdir()
    client.save_session()
    done = []
    for command, text in steps(page):
        if not command:
            (folder / next(names)).write_text(text)
        elif not command.startswith(DONE):
            printed = run(command, folder).replace(f"{folder}/", "")
            shown = ".*".join(map(re.escape, text.split("…")))
            assert not text or re.fullmatch(shown, printed, re.DOTALL), f"{command}: {printed}"
            done.append(command)
            if command.endswith("--verify"):
                wait_until(
                    lambda: appview.query("searchDatasets", q="handwritten").json()["datasets"]
                )
            if command.startswith("atdata search"):
                assert f"@{client.handle}/digits" in printed
    assert next(names, None) is None
    assert len(done) == len(set(done)) > 9
