"""Workers end with the process that they work for, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from atdata.base.locks import locked
from atdata.engines.local import LocalEngine
from processes import alive, descendants, wait_until_ended

MAP = """
import multiprocessing, sys, threading, time
from pathlib import Path
from atdata.base.locks import locked
from atdata.engines.local import LocalEngine
from atdata.engines.local import LocalEngine

def work(path):
    Path(path).touch()
    time.sleep(600)

if __name__ == "__main__":
    folder, method = Path(sys.argv[1]), sys.argv[2]
    if method == "forkserver":  # it is chosen when there are threads
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    if method == "spawn":  # all that Windows has
        multiprocessing.get_all_start_methods = lambda: [method]
    with locked(folder / "lock"):
        list(LocalEngine(2).map(work, [folder / "0", folder / "1"]))
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_workers_of_a_killed_process_end_and_hold_no_lock(tmp_path: Path, method: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(MAP)
    process = subprocess.Popen([sys.executable, str(script), str(tmp_path), method])
    waiting = threading.Event()
    while not ((tmp_path / "0").exists() and (tmp_path / "1").exists()):
        assert process.poll() is None
        waiting.wait(0.01)
    workers = descendants(process.pid)
    assert len(workers) >= 2
    assert all(map(alive, workers))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with locked(tmp_path / "lock", timeout=60):
        pass
    assert wait_until_ended(workers) == set()


def test_workers_have_the_environment_of_their_parent_now(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)  # so that a fork server starts the workers
    thread.start()
    try:
        engine = LocalEngine(2)
        assert list(engine.map(os.getenv, ["ATDATA_NEW"] * 2)) == [None, None]
        monkeypatch.setenv("ATDATA_NEW", "set later")
        assert list(engine.map(os.getenv, ["ATDATA_NEW"] * 2)) == ["set later"] * 2
    finally:
        over.set()
        thread.join()
