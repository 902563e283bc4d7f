"""Worker processes that end with the process that started them, even if it was killed."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Mapping

_POLL = 1.0  # seconds


def begin_worker(environment: Mapping[str, str]) -> None:
    """Prepare a worker process: its environment, and its end with its parent's.

    Give it to a pool as its ``initializer``. A killed process can't stop its workers, and they
    wait for work on pipes that they keep open for each other. So a thread in each worker watches
    for the parent's end.

    Args:
        environment: The parent's. A fork server keeps the one that it was started with, without
            credentials or settings that came later.
    """
    os.environ.clear()
    os.environ.update(environment)
    threading.Thread(target=_end_after_parent, name="atdata-parent", daemon=True).start()


def _end_after_parent() -> None:
    parent, adopter = multiprocessing.parent_process(), os.getppid()
    # The first test notices at once; but processes that were forked later may keep its pipe open.
    while parent is not None and parent.is_alive() and os.getppid() == adopter:
        parent.join(_POLL)
    os._exit(1)
