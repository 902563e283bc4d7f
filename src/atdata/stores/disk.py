"""Shards in a folder of this machine, or of a shared file system."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from atdata.base.disk import make_folder, move_file
from atdata.base.folders import data_folder
from atdata.base.scratch import scratch_folder
from atdata.shards.info import ShardInfo
from atdata.stores.base import ShardStore

# Unfinished shards are kept here, on the same file system, so that storing one is a rename.
_INCOMING = ".incoming"


class LocalDiskStore(ShardStore):
    """A folder of shards.

    A shard is visible only when it is complete and on the disk: it is written elsewhere, synced,
    and renamed.

    Args:
        root: The folder, made if it is missing; by default ``atdata/shards`` in the user's
            XDG data folder.
    """

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        chosen = data_folder() / "shards" if root is None else Path(root).expanduser()
        self.root = chosen.absolute()

    def __repr__(self) -> str:
        return f"LocalDiskStore({str(self.root)!r})"

    def put(self, path: Path, key: str, info: ShardInfo) -> str:
        """Sync one shard and rename it to its place; an existing one is replaced."""
        target = self.root / key
        make_folder(target.parent)
        move_file(path, target)
        return self.url_for(key, info)

    def url_for(self, key: str, info: ShardInfo) -> str:
        """Return the absolute path of a shard."""
        return str(self.root / key)

    @contextlib.contextmanager
    def _temporary_folder(self) -> Iterator[Path]:
        incoming = self.root / _INCOMING
        make_folder(incoming)
        with scratch_folder(incoming) as folder:
            yield folder
