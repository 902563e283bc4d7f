"""Worker processes that end with the process that started them, even if it was killed."""

from __future__ import annotations

import multiprocessing
import os
import threading

_POLL = 1.0  # seconds


def end_with_parent() -> None:
    """Start a thread that ends this worker process when its parent has died.

    A killed process can't stop its workers, and they wait for work on pipes that they keep open
    for each other. Give it to a pool as its ``initializer``.
    """
    threading.Thread(target=_end_after_parent, name="atdata-parent", daemon=True).start()


def _end_after_parent() -> None:
    parent, adopter = multiprocessing.parent_process(), os.getppid()
    # The first says so at once; but processes that were forked later may keep its pipe open.
    while parent is not None and parent.is_alive() and os.getppid() == adopter:
        parent.join(_POLL)
    os._exit(1)
