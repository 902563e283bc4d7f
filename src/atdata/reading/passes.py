"""Passes over a dataset: the seed and epoch of one, and what it does about damage."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from operator import index
from typing import Any, Literal, TypeAlias, TypedDict

from atdata.errors import DigestMismatch, SampleError, ShardError

Damage = ShardError | SampleError
OnError: TypeAlias = Literal["raise", "skip"] | Callable[[Damage], object]
"""What to do about a shard or sample that is not sound.

``"raise"`` stops; ``"skip"`` goes on after it (after the sample, or with the next shard) and
counts it; a function is called with the error and may raise, otherwise it is skipped. Bytes that
do not match a digest are skipped only by a function.
"""


class PassOptions(TypedDict, total=False):
    """Keywords of :meth:`atdata.Dataset.ordered`."""

    drop_last: bool
    on_error: OnError
    writable: bool


class ShuffleOptions(PassOptions, total=False):
    """Keywords of :meth:`atdata.Dataset.shuffled`."""

    seed: int | None


class Pass:
    """State of one pass over a dataset, shared by a view and those derived from it.

    Attributes:
        seed: Of this pass; a new one for each pass if none was given.
        epoch: Number of the pass, from 0; changes the order of shuffled ones.
        skipped: Number of shards and samples that were skipped in this pass, because of damage.

    Raises:
        ValueError: The seed is not an integer, or ``on_error`` is not one of its values.
    """

    def __init__(self, seed: int | None, on_error: OnError) -> None:
        if not (on_error in ("raise", "skip") or callable(on_error)):
            raise ValueError(f"on_error is 'raise', 'skip' or a function, not {on_error!r}")
        seed = checked_seed(seed)
        self._given = seed
        self._keep = False
        self._on_error = on_error
        self.seed = seed or 0
        self.epoch = 0
        self.skipped = 0

    def begin(self) -> None:
        """Start a new pass: reset the count, and choose a seed if none was given."""
        if self._given is None and not self._keep:
            self.seed = secrets.randbits(63)
        self._keep = False
        self.skipped = 0

    def resume(self, seed: int, epoch: int) -> None:
        """Make the next pass repeat an earlier one."""
        self.seed, self.epoch, self._keep = seed, epoch, True

    def damaged(self, error: Damage) -> None:
        """Skip the damage and count it, or raise the error."""
        if callable(self._on_error):
            self._on_error(error)
        elif self._on_error != "skip" or isinstance(error, DigestMismatch):
            raise error
        self.skipped += 1


def checked_seed(seed: Any) -> int | None:
    """Return a seed as an int: the same order each time; or None: a new one each time.

    Raises:
        ValueError: It is not an integer.
    """
    if seed is None:
        return None
    if not hasattr(seed, "__index__"):
        raise ValueError(f"a seed is an integer, not {seed!r}")
    return index(seed)
