"""Threads for blocking work, kept apart by kind: slow work must not delay the rest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Pool:
    """A few threads for one kind of work.

    Args:
        name: The kind of work.
        threads: The number of threads.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Return what ``work`` returns in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)

    def close(self) -> None:
        """End the threads; return when all work is done."""
        self._executor.shutdown()


async def in_thread(work: Callable[[], T]) -> T:
    """Return what ``work`` returns in a thread of its own, which may take long."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            answer = work()
        except BaseException as error:  # any error is for the waiting task
            loop.call_soon_threadsafe(done.set_exception, error)
        else:
            loop.call_soon_threadsafe(done.set_result, answer)

    threading.Thread(target=run, name="fetch", daemon=True).start()
    return await done
