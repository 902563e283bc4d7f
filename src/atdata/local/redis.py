r"""The shared backend: a Redis (or Valkey) server that several machines use.

Layout, with all keys in one hash slot so that a cluster can serve it too::

    {atdata}:entries       hash    name            -> "{cid}\n{entry as JSON}"
    {atdata}:entry-names   zset    name            (score 0: ordered by bytes)
    {atdata}:entry-cids    zset    "{cid} {name}"  (score 0)
    {atdata}:schemas       hash    name@version    -> schema record as JSON
    {atdata}:schema-keys   zset    name@version    (score 0)

Reads are hash look-ups and ranges of the sorted sets: never ``KEYS``, never a scan. Writes that
depend on the present values are Lua scripts, which Redis runs as one step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from atdata.base.extras import require
from atdata.errors import StorageError
from atdata.local.backend import EntryRow, SchemaRow

if TYPE_CHECKING:
    import redis

_ENTRIES = "{atdata}:entries"
_ENTRY_NAMES = "{atdata}:entry-names"
_ENTRY_CIDS = "{atdata}:entry-cids"
_ENTRY_KEYS = [_ENTRIES, _ENTRY_NAMES, _ENTRY_CIDS]
_SCHEMAS = "{atdata}:schemas"
_SCHEMA_KEYS = "{atdata}:schema-keys"

# The expected value is "" if there should be none: stored values are never empty.
_PUT_ENTRY = """
local present = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if present ~= ARGV[4] then return 0 end
if ARGV[5] ~= '' then redis.call('ZREM', KEYS[3], ARGV[5] .. ' ' .. ARGV[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('ZADD', KEYS[3], 0, ARGV[2] .. ' ' .. ARGV[1])
return 1
"""
_DROP_ENTRY = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[3] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[2] .. ' ' .. ARGV[1])
return 1
"""
_ADD_SCHEMA = """
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return 1
"""


class RedisBackend:
    """Entries and schemas on a Redis server.

    Args:
        client: A client of redis-py, with or without ``decode_responses``.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client: Any = client
        self._put_entry = client.register_script(_PUT_ENTRY)
        self._drop_entry = client.register_script(_DROP_ENTRY)
        self._add_schema = client.register_script(_ADD_SCHEMA)

    def __repr__(self) -> str:
        place = self._client.get_connection_kwargs()
        server = place.get("path") or f"{place.get('host')}:{place.get('port')}"
        return f"RedisBackend({server!r})"

    @property
    def folder(self) -> None:
        """None: the database is on a server."""
        return None

    def entry(self, name: str) -> EntryRow | None:
        """Use one ``HGET``."""
        with self._connected() as client:
            return _entry_row(name, client.hget(_ENTRIES, name))

    def entry_of(self, cid: str) -> EntryRow | None:
        """Find the first of a range of the sorted CIDs, then use one ``HGET``."""
        with self._connected() as client:
            # "!" is the character that follows the space.
            found = client.zrangebylex(_ENTRY_CIDS, f"[{cid} ", f"({cid}!", start=0, num=1)
        row = self.entry(_text(found[0]).partition(" ")[2]) if found else None
        # Between the two requests, the name may have been given to other data.
        return row if row and row.cid == cid else None

    def entries(self, after: str, count: int) -> list[EntryRow]:
        """Read one range of the sorted names, then use one ``HMGET``."""
        page = self._page(_ENTRY_NAMES, _ENTRIES, after, count)
        return [row for name, value in page if (row := _entry_row(name, value)) is not None]

    def put_entry(self, row: EntryRow, *, before: EntryRow | None) -> bool:
        """Write by one script."""
        old = (_value(before), before.cid) if before else (b"", "")
        return self._ran(self._put_entry, _ENTRY_KEYS, row.name, row.cid, _value(row), *old)

    def drop_entry(self, row: EntryRow) -> bool:
        """Remove by one script."""
        return self._ran(self._drop_entry, _ENTRY_KEYS, row.name, row.cid, _value(row))

    def schema(self, key: str) -> SchemaRow | None:
        """Use one ``HGET``."""
        with self._connected() as client:
            value = client.hget(_SCHEMAS, key)
        return None if value is None else SchemaRow(key, _text(value))

    def schemas(self, after: str, count: int) -> list[SchemaRow]:
        """Read one range of the sorted keys, then use one ``HMGET``."""
        page = self._page(_SCHEMA_KEYS, _SCHEMAS, after, count)
        return [SchemaRow(key, _text(value)) for key, value in page if value is not None]

    def versions(self, name: str) -> list[str]:
        """Read one range of the sorted keys."""
        with self._connected() as client:
            # "A" is the character that follows "@".
            keys = client.zrangebylex(_SCHEMA_KEYS, f"[{name}@", f"({name}A")
        return [_text(key)[len(name) + 1 :] for key in keys]

    def add_schema(self, row: SchemaRow) -> bool:
        """Write by one script."""
        return self._ran(self._add_schema, [_SCHEMAS, _SCHEMA_KEYS], *row)

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()

    def _ran(self, script: Any, keys: list[str], *args: Any) -> bool:
        with self._connected():
            return bool(script(keys=keys, args=args))

    def _page(self, order: str, values: str, after: str, count: int) -> list[tuple[str, Any]]:
        with self._connected() as client:
            keys = client.zrangebylex(order, f"({after}", "+", start=0, num=count)
            return [
                (_text(key), value)
                for key, value in zip(keys, client.hmget(values, keys) if keys else (), strict=True)
            ]

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        errors = require("redis.exceptions", extra="redis")
        try:
            yield self._client
        except errors.RedisError as error:
            raise StorageError(
                f"the Redis server of the index failed: {error}",
                uri=repr(self),
                hint="Check that it runs and that ATDATA_REDIS_URL or redis= names it.",
            ) from error


def redis_client(url: str | None = None, **options: Any) -> redis.Redis:
    """Return a client that gives up within seconds if the server is down.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; the options' host and port when None.
        options: Options of ``redis.Redis``, which override our defaults.

    Raises:
        StorageError: redis-py does not support the URL.
    """
    redis = require("redis", extra="redis")
    # redis-py's own default waits for up to ten seconds, three times.
    backoff = require("redis.backoff", extra="redis").ExponentialBackoff(cap=0.2, base=0.02)
    retry = require("redis.retry", extra="redis").Retry(backoff, 2)
    options = {"retry": retry, "socket_connect_timeout": 5, "socket_timeout": 30, **options}
    if url is None:
        return redis.Redis(**options)  # type: ignore[no-any-return]
    try:
        return redis.Redis.from_url(url, **options)  # type: ignore[no-any-return]
    except ValueError as error:
        # Use our own message: redis-py's could quote a password in the URL.
        raise StorageError(
            "this is not a Redis URL",
            hint="Write redis://localhost:6379/0 or unix:///run/redis.sock, for example.",
        ) from error


def _value(row: EntryRow) -> bytes:
    return f"{row.cid}\n{row.text}".encode(errors="surrogateescape")


def _entry_row(name: str, value: bytes | str | None) -> EntryRow | None:
    if value is None:
        return None
    cid, _, text = _text(value).partition("\n")
    return EntryRow(name, cid, text)


def _text(value: bytes | str) -> str:
    # Damaged text is reported when it is parsed, with the entry's name; not here.
    return value if isinstance(value, str) else value.decode(errors="surrogateescape")
