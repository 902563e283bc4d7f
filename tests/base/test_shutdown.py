"""Loops that are left early, in programs that then end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import atdata
from atdata.testing.samples import write_things
from servers.web import web_server

_KINDS = {
    "samples": "dataset",
    "batches": "dataset.ordered(batch_size=3)",
    "shuffled": "dataset.shuffled(seed=1, buffer_samples=4)",
    "derived": "dataset.take(5).map(str)",
    "streams": "dataset.shards",
}

_SOURCE = """
import io, pathlib, sys
import atdata

class Stream(io.BytesIO):
    def close(self):
        if not self.closed:
            print("closed", sys.is_finalizing())
        super().close()

class Source:
    shard_list = sys.argv[1:]

    def open_shard(self, name):
        return Stream(pathlib.Path(name).read_bytes())

    def shards(self):
        raise AssertionError("not asked for")

dataset = atdata.Dataset(Source())
running = iter({expression})
next(running)
"""

_REMOTE = """
import sys
import atdata

dataset = atdata.Dataset(sys.argv[1:])
running = iter({expression})
next(running)
"""


def run(program: str, names: list[str]) -> str:
    """What a program prints; it must end in order, and print no errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *names],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("kind", _KINDS)
def test_a_loop_that_was_left_is_closed_before_the_interpreter_goes(
    tmp_path: Path, kind: str
) -> None:
    names = write_things(tmp_path, 40, maxcount=10).list_shards()
    assert run(_SOURCE.format(expression=_KINDS[kind]), names) == "closed False\n"


@pytest.mark.parametrize("cache", ["on", "off"])
@pytest.mark.parametrize("kind", _KINDS)
def test_leaving_shards_of_the_network_early_prints_nothing(
    tmp_path: Path, kind: str, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_CACHE", "off" if cache == "off" else str(tmp_path / "cache"))
    names = write_things(tmp_path, 4000, maxcount=1000).list_shards()
    with web_server() as web:
        urls = [
            web.serve(f"/{number}.tar", Path(name).read_bytes(), headers={"ETag": f'"{number}"'})
            for number, name in enumerate(names)
        ]
        assert run(_REMOTE.format(expression=_KINDS[kind]), urls) == ""


def test_a_pass_that_ended_is_not_kept(tmp_path: Path) -> None:
    from atdata.base import shutdown

    dataset = write_things(tmp_path, 4)
    before = len(shutdown._open)
    for _ in range(3):
        assert len(list(atdata.Dataset(dataset.list_shards()))) == 4
    assert len(shutdown._open) == before
