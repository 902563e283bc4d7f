from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from atdata.base.locks import Busy, locked

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
