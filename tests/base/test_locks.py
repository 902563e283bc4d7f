from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from atdata.base.locks import Busy, held, locked

TRY = """
import sys
from pathlib import Path
from atdata.base.locks import Busy, locked

try:
    with locked(Path(sys.argv[1]), timeout=0):
        print("free")
except Busy:
    print("busy")
"""


def tried_elsewhere(path: Path) -> str:
    command = [sys.executable, "-c", TRY, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_another_process_waits_for_the_end_of_the_block(empty: Path) -> None:
    path = empty / "lock"
    with locked(path):
        assert tried_elsewhere(path) == "busy"
    assert tried_elsewhere(path) == "free"


def test_the_same_process_is_kept_out_too(empty: Path) -> None:
    path = empty / "lock"
    with locked(path), pytest.raises(Busy), locked(path, timeout=0):
        pass


def test_what_another_thread_ends_is_free(empty: Path) -> None:
    holding = locked(empty / "lock")
    holding.__enter__()
    end = threading.Thread(target=holding.__exit__, args=(None, None, None))
    end.start()
    end.join()
    assert tried_elsewhere(empty / "lock") == "free"


HOLD = """
import sys, time
from pathlib import Path
from atdata.base.locks import held

with held(Path(sys.argv[1]), exclusive=sys.argv[2] == "alone"):
    print("in", flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(path: Path, kind: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", HOLD, str(path), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"in\n"
        yield process
        process.kill()


def test_shared_holders_exclude_exclusive_ones(empty: Path) -> None:
    path = empty / "lock"
    with holder(path, "shared"), held(path, exclusive=False):
        with held(path, exclusive=False):
            pass
        with pytest.raises(Busy), held(path, exclusive=True):
            pass
    with held(path, exclusive=True):
        pass


@pytest.mark.parametrize("exclusive", [True, False])
def test_one_holds_it_alone(empty: Path, exclusive: bool) -> None:
    path = empty / "lock"
    with holder(path, "alone"), pytest.raises(Busy), held(path, exclusive=exclusive):
        pass


@pytest.mark.parametrize("kind", ["shared", "alone"])
def test_a_holder_that_was_killed_holds_nothing(empty: Path, kind: str) -> None:
    path = empty / "lock"
    with holder(path, kind) as process:
        process.kill()
    with held(path, exclusive=True):
        pass
    assert list(empty.iterdir()) == [path]
