"""A publication that is killed with its workers at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import atdata
from atdata.lifecycle import collect_garbage, publish, verify
from processes import descendants, wait_until_ended
from readings import readings


def test_a_killed_publication_leaves_no_process_and_no_lock(tmp_path: Path) -> None:
    root, store = tmp_path / "root", tmp_path / "store"
    atdata.write_shards(readings(20_000), root, name="readings", version="1.0.0", maxcount=500)
    command = [sys.executable, "-m", "atdata", "dataset", "publish", "--processes", "2"]
    process = subprocess.Popen(
        [*command, "--source-root", str(root), "--store-root", str(store)],
        stdout=subprocess.DEVNULL,
    )
    waiting = threading.Event()
    while not list(store.glob("shards/*")):
        assert process.poll() is None
        waiting.wait(0.01)
    workers = descendants(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(workers) >= 2
    assert wait_until_ended(workers) == set()
    # Nothing is left that would refuse it: it needs the store for itself alone.
    plan = collect_garbage(store).result["plan"]
    assert collect_garbage(store, apply=plan).outcome == "collected"

    assert publish(root, store).outcome == "published"
    assert verify(store, name="readings", version="1.0.0", deep=True).ok
    assert list((store / ".work").iterdir()) == []
