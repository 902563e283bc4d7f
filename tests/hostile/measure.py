"""What code costs at its peak, measured in a child process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MEBIBYTE = 1 << 20
# The bounds of SECURITY.md for any single record, shard or message of at most 1 MB.
MEMORY = 200 * MEBIBYTE
CPU = 2.0

_HARNESS = """
import json, resource, sys, time

def peak():
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10

def result(value):
    global answer
    answer = value

answer = None
arguments = json.load(sys.stdin)
exec(compile(sys.argv[1], "<setup>", "exec"))
memory, cpu = peak(), time.process_time()
error = None
try:
    exec(compile(sys.argv[2], "<measured>", "exec"))
except Exception as raised:
    error = [c.__name__ for c in type(raised).__mro__]
    answer = str(raised)
print()
print(json.dumps({
    "memory": peak() - memory, "cpu": time.process_time() - cpu, "error": error, "answer": answer,
}))
"""


@dataclass(frozen=True)
class Cost:
    """What a piece of code took, beyond what its set-up had.

    Attributes:
        memory: Growth of the peak resident size, in bytes.
        cpu: Seconds of all threads of the process.
        error: Names of the classes of the exception that ended it, the class itself first.
        answer: What it gave to ``result``, or the exception's text.
    """

    memory: int
    cpu: float
    error: list[str] | None
    answer: Any

    def assert_bounded(self, *, memory: int = MEMORY, cpu: float = CPU) -> None:
        """Fail when it took more than the bounds, or ended in an exception of somebody else's."""
        assert self.memory <= memory, f"{self.memory / MEBIBYTE:.0f} MiB"
        assert self.cpu <= cpu, f"{self.cpu:.1f} s"
        assert self.error is None or "AtdataError" in self.error, self.error


def cost(
    code: str,
    *,
    setup: str = "",
    arguments: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> Cost:
    """Run code in a child process and say what it took.

    Args:
        code: What is measured; it may call ``result(value)``, with a value that JSON can hold.
        setup: What runs before, such as imports, and is not measured.
        arguments: The name ``arguments`` in both.
        env: Added to the environment.
        timeout: Seconds until the child is killed and the test fails.
    """
    child = subprocess.run(
        [sys.executable, "-c", _HARNESS, setup, code],
        input=json.dumps(dict(arguments or {})),
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
    )
    assert child.returncode == 0, child.stderr[-3000:]
    return Cost(**json.loads(child.stdout.splitlines()[-1]))
