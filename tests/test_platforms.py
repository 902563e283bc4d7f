"""The core journey without what Linux has and Windows has not.

A real runner would say more. Here a child process is made like one on Windows by
:mod:`like_windows`, which says what it can play: filelock keeps its ``fcntl``, nothing else does.

What stands in for what is missing: ``os.fsync`` for ``fdatasync``; nothing for the sync of
folders; ``cpu_count`` for ``sched_getaffinity``; ``islink`` for ``O_NOFOLLOW``; two renames for
the swap of folders; ``spawn`` for ``fork``; the user's own temporary folder for one with the
user's number; files that are closed before they are removed, renamed or replaced, so shards that
are fetched get their names in the cache before they are read.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from atdata.atmosphere import AtmosphereClient

JOURNEY = Path(__file__).with_name("windows_journey.py")


@pytest.mark.xdist_group("pds")
def test_the_journey_needs_nothing_that_windows_lacks(
    client: AtmosphereClient, tmp_path: Path
) -> None:
    client.save_session()
    done = subprocess.run(
        [sys.executable, "-W", "error", str(JOURNEY)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout == f"@{client.handle}/rows: 40 samples\n"
    left = [path for path in tmp_path.rglob("*") if path.name.startswith((".scratch-", ".atdata-"))]
    assert left == []
