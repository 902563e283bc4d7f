"""Warnings about calls that probably mean another one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

Method = TypeVar("Method", bound=Callable[..., Any])


class BatchSizeWarning(UserWarning):
    """``shuffled(32)`` sets the size of the buffer for shard names; it makes no batches."""


def warns_of_batch_size(shuffled: Method) -> Method:
    """Make ``shuffled`` warn if its only positional argument looks like a batch size."""

    @wraps(shuffled)
    def checked(*args: Any, **kwargs: Any) -> Any:
        view = shuffled(*args, **kwargs)
        if len(args) == 2 and not kwargs.keys() & {"buffer_samples", "batch_size"}:
            warnings.warn(
                f"shuffled({args[1]}) sets buffer_shards, not the size of batches: write "
                f"shuffled(batch_size={args[1]}), or shuffled(buffer_shards={args[1]})",
                BatchSizeWarning,
                stacklevel=2,
            )
        return view

    return cast("Method", checked)
