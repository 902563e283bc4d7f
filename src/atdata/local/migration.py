"""Migration from the Redis layout of earlier versions into an index.

In that layout, a dataset is a hash ``LocalDatasetEntry:{cid}`` (``name``, ``schema_ref``,
``data_urls`` and ``metadata`` as msgpack; the oldest have ``wds_url`` and ``sample_kind``), and a
schema is a JSON string ``LocalSchema:{Name}@{version}`` with a list of ``fields``. Migration does
not change it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from atdata.base.extras import require
from atdata.errors import AtdataError, EntryConflict, StorageError
from atdata.local.earlier import sample_type_of, unpacked
from atdata.local.entry import LocalDatasetEntry
from atdata.local.entry_table import EntryTable
from atdata.local.index import LocalIndex
from atdata.local.redis import redis_client
from atdata.local.schema import parse_ref
from atdata.local.schema_table import SchemaTable

if TYPE_CHECKING:
    import redis as redis_py

_ENTRY = b"LocalDatasetEntry:"
_SCHEMA = b"LocalSchema:"


@dataclass(frozen=True)
class MigrationReport:
    """What a migration did.

    Attributes:
        schemas: References of the schemas that are now in the index.
        entries: Names of the datasets that are now in the index; of ``migrate_names``, new ones.
        problems: Why a schema or entry could not be read, by its key.
    """

    schemas: list[str] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


def migrate(redis: redis_py.Redis | str, index: LocalIndex | None = None) -> MigrationReport:
    """Copy schemas and entries of the earlier Redis layout into an index.

    It may be run again: existing schemas and entries stay. Array fields become arrays of any
    dtype, because the earlier versions recorded some dtypes wrongly. Names stay as they are:
    :func:`migrate_names` gives new ones to datasets whose names can't be inserted or promoted.

    Args:
        redis: The server with the earlier layout: a client, or its URL.
        index: The index to write to; by default the one on the same server.

    Raises:
        StorageError: The server can't be used.
        ValueError: The client decodes values (``decode_responses``), which would damage binary
            ones.
    """
    client: Any = redis_client(redis) if isinstance(redis, str) else redis
    if client.get_connection_kwargs().get("decode_responses"):
        raise ValueError("a client without decode_responses is needed to read binary values")
    target = LocalIndex(redis=client) if index is None else index
    schemas = SchemaTable(target.backend)
    entries = EntryTable(target.backend, schemas)
    report = MigrationReport()

    def migrate_schema(key: bytes) -> None:
        name, version = parse_ref(f"local://schemas/{key.removeprefix(_SCHEMA).decode()}")
        sample_type = sample_type_of(name, json.loads(client.get(key)))
        report.schemas.append(schemas.publish(sample_type, version).ref)

    def migrate_entry(key: bytes) -> None:
        entry = _entry(client.hgetall(key), schemas)
        report.entries.append(entries.put(entry).name)

    for start, copy in ((_SCHEMA, migrate_schema), (_ENTRY, migrate_entry)):
        for key in _keys(client, start):
            _attempt(copy, key, report.problems)
    return report


def migrate_names(index: LocalIndex) -> MigrationReport:
    """Rename the datasets whose names no new dataset could have, such as ``team/mnist``.

    Such datasets, of earlier versions of atdata or made by :func:`migrate`, can be read, but not
    inserted or promoted under these names. Each gets the name that the error suggests
    (``team-mnist``); no shard is touched. Of two that would get one name, the second one stays,
    and is a problem of the report: choose its name with ``LocalIndex.rename_dataset``.

    Raises:
        StorageError: The database can't be used.
    """
    report = MigrationReport()
    for entry in list(index.datasets):
        try:
            renamed = index.rename_dataset(entry.name)
        except EntryConflict as error:
            report.problems[entry.name] = str(error)
        else:
            report.entries.extend({renamed.name} - {entry.name})
    return report


def _attempt(copy: Callable[[bytes], None], key: bytes, problems: dict[str, str]) -> None:
    """Copy one schema or entry; record its error, so that the others are still copied."""
    errors = require("redis.exceptions", extra="redis")
    try:
        copy(key)
    except StorageError:
        raise
    except (AtdataError, ValueError, KeyError, TypeError, errors.ResponseError) as error:
        problems[key.decode(errors="replace")] = str(error)


def _keys(client: Any, start: bytes) -> list[bytes]:
    # Only a scan finds the keys of a layout without an index. No other code scans.
    errors = require("redis.exceptions", extra="redis")
    try:
        found: Iterator[bytes] = client.scan_iter(match=start + b"*", count=1000)
        return sorted(set(found))
    except errors.RedisError as error:
        raise StorageError(f"the Redis server failed: {error}") from error


def _entry(values: Mapping[bytes, bytes], schemas: SchemaTable) -> LocalDatasetEntry:
    metadata = values.get(b"metadata")
    urls = unpacked(values[b"data_urls"]) if b"data_urls" in values else None
    ref, schema_cid = _current_ref((values.get(b"schema_ref") or values[b"sample_kind"]), schemas)
    return LocalDatasetEntry(
        name=values[b"name"].decode(),
        schema_ref=ref,
        data_urls=[values[b"wds_url"].decode()] if urls is None else urls,
        metadata=None if metadata is None else unpacked(metadata),
        schema_cid=schema_cid,
    )


def _current_ref(ref: bytes, schemas: SchemaTable) -> tuple[str, str | None]:
    """Return the present form of a reference, and the CID of its schema if it is local."""
    text = ref.decode()
    if text.startswith("at://"):
        return text, None
    schema = schemas.get(text)
    return schema.ref, schema.cid
