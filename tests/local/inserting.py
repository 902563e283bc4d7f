"""Inserts a dataset and kills itself before the n-th write. A program; test_crash.py runs it.

Arguments: place of the index, shard to insert, number of the write, place of the store: a folder,
or the name of a bucket that the AWS environment leads to.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atdata
from atdata.local import LocalDiskStore, LocalIndex, S3DataStore


@atdata.packable
class Reading:
    number: int


def main(place: str, shard: str, fatal: str, where: str) -> None:
    writes = itertools.count(1)

    def deadly(write: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if next(writes) == int(fatal):
                os.kill(os.getpid(), signal.SIGKILL)
            return write(*args, **kwargs)

        return wrapper

    on_disk = Path(where).is_absolute()
    store = LocalDiskStore(where) if on_disk else S3DataStore(bucket=where)
    by_url = place.startswith("redis://")
    index = LocalIndex(
        place if by_url else None, store, path=None if by_url else place, check_places=False
    )
    backend = type(index.backend)
    for owner, name in (
        (os, "fsync"),
        (Path, "replace"),
        (type(store), "put"),
        (backend, "add_schema"),
        (backend, "put_entry"),
    ):
        setattr(owner, name, deadly(getattr(owner, name)))
    ds = atdata.Dataset[Reading](shard)
    print(index.insert_dataset(ds, name="readings", prefix="p", maxcount=2).cid)


if __name__ == "__main__":
    main(*sys.argv[1:])
