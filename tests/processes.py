"""Processes of this machine, as the kernel lists them."""

from __future__ import annotations

import time
from pathlib import Path

_WAIT = 60.0  # seconds; generous, for a machine that others use too


def descendants(pid: int) -> set[int]:
    """The processes that a process has started, and those that they have started."""
    found = {pid}
    parents = {
        int(path.name): _stat(path) for path in Path("/proc").iterdir() if path.name.isdigit()
    }
    grown = True
    while grown:
        more = {child for child, (_, parent) in parents.items() if parent in found} - found
        grown = bool(more)
        found |= more
    return found - {pid}


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that its parent has not asked for does not."""
    return _stat(Path(f"/proc/{pid}"))[0] not in ("", "Z", "X")


def wait_until_ended(pids: set[int]) -> set[int]:
    """Wait for processes to end; those that still run after a minute."""
    limit = time.monotonic() + _WAIT
    while (left := set(filter(alive, pids))) and time.monotonic() < limit:
        time.sleep(0.02)
    return left


def _stat(path: Path) -> tuple[str, int]:
    """State and parent of a process."""
    try:
        fields = (path / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", 0
    return fields[0], int(fields[1])
