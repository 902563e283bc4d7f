"""Prefetch: open the next shards while one is read."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import IO

_AHEAD = 2
Opener = Callable[[str, Callable[[], bool]], IO[bytes]]


def ahead(names: Iterable[str], open_shard: Opener) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield each shard, opened, in order; a thread opens up to two more meanwhile.

    An error is raised when it is that shard's turn. When the iteration ends or is closed, work
    under way is cancelled, and the thread ends.

    Args:
        names: Names of the shards.
        open_shard: Opens one; its second argument is a function that returns whether to give up.
    """
    given_up = threading.Event()
    coming: deque[tuple[str, Future[IO[bytes]]]] = deque()
    pool = ThreadPoolExecutor(1, "atdata-ahead")
    left = iter(names)
    try:
        while True:
            for name in islice(left, 1 + _AHEAD - len(coming)):
                coming.append((name, pool.submit(open_shard, name, given_up.is_set)))
            if not coming:
                return
            name, future = coming.popleft()
            yield name, future.result()
    finally:
        given_up.set()
        pool.shutdown(wait=True, cancel_futures=True)
        for _, future in coming:
            if not future.cancelled() and future.exception() is None:
                future.result().close()
