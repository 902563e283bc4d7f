"""Previews, made by at most two worker processes, one for a client, and cached; failures too."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from atdata.appview.proxy.fair_queue import FairQueue
from atdata.appview.proxy.fetching import Fetcher, Target
from atdata.appview.proxy.upstream import UpstreamError
from atdata.appview.threads import in_thread
from atdata.appview.web.preview import ShownField

_WORKERS, _WORKERS_OF_CLIENT, _MOST_WAITING_OF_CLIENT = 2, 1, 8
_SECONDS = 15.0  # of a worker, with its start
_FAILED_SECONDS = 600.0
_MOST_KEPT = 32 * 2**20  # bytes of all answers
# What a worker needs of the environment: not the keys and passwords that may be there.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SYSTEMROOT", "TZ")
_TOO_MUCH = "its samples take more memory or time than a preview may"


@dataclass
class PreviewError(Exception):
    """There is no preview of a shard.

    Attributes:
        message: The reason.
    """

    message: str


class Previews:
    """The first samples of shards.

    Args:
        fetcher: Fetches the shards.
    """

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._queue = FairQueue(_WORKERS, of_client=_WORKERS_OF_CLIENT, of_host=_WORKERS)
        self._making: dict[tuple[str, str], asyncio.Task[bytes]] = {}
        self._kept: OrderedDict[tuple[str, str], tuple[float, bytes]] = OrderedDict()

    async def of(self, target: Target, schema: str | None, client: str) -> list[list[ShownField]]:
        """Return the first samples of a shard, field by field.

        Args:
            target: The shard.
            schema: The record of its samples' schema, as JSON.
            client: The client that asks.

        Raises:
            UpstreamError: The shard can't be fetched.
            PreviewError: It is damaged, or takes too much to be shown.
        """
        key = target.cid, hashlib.sha256((schema or "").encode()).hexdigest()
        until, text = self._kept.get(key, (0.0, b""))
        if until < time.monotonic():
            (await self._fetcher.whole(target, client)).close()
            text = await self._made(key, schema, client)
        answer = json.loads(text)
        if "problem" in answer:
            raise PreviewError(answer["problem"])
        return [[ShownField(**field) for field in sample] for sample in answer["samples"]]

    async def _made(self, key: tuple[str, str], schema: str | None, client: str) -> bytes:
        """Make an answer once, for all clients that ask for it."""
        task = self._making.get(key)
        if task is None:
            if self._queue.waiting_for(client) >= _MOST_WAITING_OF_CLIENT:
                raise UpstreamError(503, "Busy", "too many previews are being made", 5)
            task = asyncio.create_task(self._make(key, schema, client))
            self._making[key] = task
            task.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(task)

    async def _make(self, key: tuple[str, str], schema: str | None, client: str) -> bytes:
        turn = self._queue.enter("", client)
        try:
            await turn.begin()
            path = self._fetcher.cache.folder / key[0]
            text = await in_thread(partial(_work, path, schema or ""))
        finally:
            self._queue.end(turn)
        failed = text.startswith(b'{"problem"')
        self._kept[key] = time.monotonic() + (_FAILED_SECONDS if failed else float("inf")), text
        while sum(len(kept) for _, kept in self._kept.values()) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return text


def _work(path: Path, schema: str) -> bytes:
    """Return a worker's answer about a shard, or a problem if the worker fails."""
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - this program, and a name of the cache
            [sys.executable, "-m", "atdata.appview.web.preview", str(path)],
            input=schema.encode(),
            capture_output=True,
            timeout=_SECONDS,
            # Threads of numerical libraries would only take memory.
            env={**environment, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        return _problem(_TOO_MUCH)
    if done.returncode == 0:
        return done.stdout
    if not path.exists():
        raise UpstreamError(503, "Busy", "the cache is too small", 5)
    return _problem(_TOO_MUCH)


def _problem(message: str) -> bytes:
    return json.dumps({"problem": message}).encode()
