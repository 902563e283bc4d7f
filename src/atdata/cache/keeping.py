"""Shards that are kept after their readers have them: threads wait for the disk.

Such a thread is not a daemon, so the program ends after it. If the program is killed, the shard
is in a scratch folder, without a name in the cache, and the next process removes it.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from contextlib import ExitStack

_NAME = "atdata-keep"
_MOST = 2
"""Shards that wait for the disk at once; who fetches more than these waits, too."""


def keep_later(keep: Callable[[], object], held: ExitStack) -> None:
    """Keep a shard in a thread, after those that came before it.

    A shard that can't be kept is a warning: its reader has all of its bytes, verified.

    Args:
        keep: Flushes the shard to the disk, and then gives it its name. It raises OSError.
        held: Taken over from the caller, and let go of afterwards, such as the shard's lock.
    """
    wait_until_kept(_MOST - 1)
    work = (keep, held.pop_all(), _waiting())
    try:
        threading.Thread(target=_keep, args=work, name=_NAME, daemon=False).start()
    except RuntimeError:  # the program ends, or may start no more threads
        _keep(*work)


def wait_until_kept(most: int = 0) -> None:
    """Wait until at most ``most`` shards of this process wait for the disk."""
    threads = _waiting()
    for thread in threads[: max(0, len(threads) - most)]:
        thread.join()


def _waiting() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == _NAME]


def _keep(keep: Callable[[], object], held: ExitStack, earlier: list[threading.Thread]) -> None:
    with held:
        for thread in earlier:
            thread.join()
        try:
            keep()
        except FileNotFoundError:
            pass  # the folder of the cache may be deleted at any time
        except OSError as error:
            reason = error.strerror or error
            warnings.warn(f"a shard was read, but the cache can't keep it: {reason}", stacklevel=1)


if hasattr(os, "register_at_fork"):
    # A child would have copies of locks and files that only the threads let go of.
    os.register_at_fork(before=wait_until_kept)
