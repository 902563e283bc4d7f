"""Shards in a folder of this machine, or of a shared file system."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

from atdata.base.folders import data_folder
from atdata.shards.info import ShardInfo
from atdata.storage.folder import Folder
from atdata.stores.base import ShardStore


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
        # Unfinished shards are on the same file system, so that storing one is a rename.
        self._place = Folder(self.root, ".incoming")

    def __repr__(self) -> str:
        return f"LocalDiskStore({str(self.root)!r})"

    def put(self, path: Path, key: str, info: ShardInfo) -> str:
        """Sync one shard and rename it to its place; an existing one is replaced."""
        self._place.replace(key, path)
        return self.url_for(key, info)

    def url_for(self, key: str, info: ShardInfo) -> str:
        """Return the absolute path of a shard."""
        return self._place.url(key)

    def _temporary_folder(self) -> AbstractContextManager[Path]:
        return self._place.workspace()
