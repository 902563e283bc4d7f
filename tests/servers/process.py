"""Start a server as a child process, wait until it answers, stop it by pid."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that are free now.

    They lie below the range from which the system takes the ports of outgoing connections: one
    of those would be gone again before the server asks for it.
    """
    found: set[int] = set()
    while len(found) < count:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


@contextlib.contextmanager
def running(
    command: list[str], *, log: Path, ready: Callable[[], bool], timeout: float = 60
) -> Iterator[subprocess.Popen[bytes]]:
    """A child process that ``ready`` says is up; its output goes to ``log``."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=output, cwd=log.parent
        )
    try:
        deadline = time.monotonic() + timeout
        while not ready():
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended at once:\n{log.read_text()[-3000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{command[0]} is not ready:\n{log.read_text()[-3000:]}")
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()


@contextlib.contextmanager
def telling(
    command: list[str], *, name: str, env: Mapping[str, str] | None = None, timeout: float = 120
) -> Iterator[Any]:
    """A child process that prints a line of JSON when it is up: what that says.

    It stops at the end of its input, too, if this process dies first. ``env`` is added
    to the environment.
    """
    logs = Path(tempfile.mkdtemp(prefix=f"atdata-{name}-log-"))
    log = logs / f"{name}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **(env or {})},
        )
    try:
        yield _first_line(process, log, timeout)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()
        shutil.rmtree(logs, ignore_errors=True)


def _first_line(process: subprocess.Popen[bytes], log: Path, timeout: float) -> Any:
    assert process.stdout
    watchdog = threading.Timer(timeout, process.kill)
    watchdog.start()
    line = process.stdout.readline()
    watchdog.cancel()
    if not line:
        raise RuntimeError(f"{log.stem} did not start:\n{log.read_text()[-3000:]}")
    return json.loads(line)
