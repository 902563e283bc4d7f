"""Choice of an index's database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atdata.base.folders import data_folder
from atdata.local.backend import Backend
from atdata.local.redis import RedisBackend, redis_client
from atdata.local.sqlite import SqliteBackend

if TYPE_CHECKING:
    import redis as redis_py


def open_backend(
    redis: redis_py.Redis | str | None,
    path: str | os.PathLike[str] | None,
    options: Mapping[str, Any],
) -> Backend:
    """Return the backend that an index's arguments select.

    Args:
        redis: A client or a URL.
        path: A SQLite file.
        options: Options of a Redis client; they also select a server.

    Raises:
        TypeError: They name two databases, or give options for an existing client.
        StorageError: The URL is not a Redis URL.
    """
    if path is not None:
        if redis is not None or options:
            raise TypeError("an index is in a SQLite file (path=) or on a Redis server, not both")
        return SqliteBackend(Path(path))
    if redis is None and not options:
        redis = os.environ.get("ATDATA_REDIS_URL") or None
        if redis is None:
            return SqliteBackend(data_folder() / "index.db")
    if redis is None or isinstance(redis, str):
        return RedisBackend(redis_client(redis, **options))
    if options:
        raise TypeError(f"a Redis client takes no options: {', '.join(options)}")
    return RedisBackend(redis)
