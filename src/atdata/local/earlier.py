"""Indexes of the earlier implementation (forecast-bio/atdata), read and never changed.

It keeps them in a SQLite file, with the tables ``dataset_entries``, ``schemas``, ``labels`` and
``lenses``; or on a Redis server, under the keys ``LocalDatasetEntry:{cid}``,
``LocalSchema:{Name}@{version}``, ``Label:{name}@{version}`` and ``LocalLens:{name}@{version}``.
URLs and metadata are msgpack; a schema is JSON with a list of ``fields``.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgpack  # type: ignore[import-untyped]
from numpy.typing import NDArray

from atdata.base.extras import require
from atdata.errors import EntryError, SchemaError, StorageError
from atdata.local.redis import redis_client
from atdata.samples import packable

_SQLITE = b"SQLite format 3\0"
_REDIS = ("redis://", "rediss://", "unix://")
_PRIMITIVES = {"str": str, "int": int, "float": float, "bool": bool, "bytes": bytes}
# Encoded by other libraries, in their own formats: the bytes are kept.
_ENCODED = frozenset({"sparse", "arrow_tensor", "safetensors", "dataframe"})
_QUERIES = {
    "dataset_entries": "SELECT cid, name, schema_ref, data_urls, metadata FROM dataset_entries "
    "ORDER BY rowid",
    "schemas": "SELECT name, version, schema_json FROM schemas ORDER BY rowid",
    "labels": "SELECT name, cid, version FROM labels ORDER BY rowid",
    "lenses": "SELECT name, version FROM lenses ORDER BY rowid",  # from 0.5 on
}
_KINDS = ("LocalDatasetEntry", "LocalSchema", "Label", "LocalLens")


@dataclass(frozen=True)
class EarlierEntry:
    """A dataset in an earlier index, as it is stored.

    Attributes:
        cid: The earlier implementation's CID, of schema reference and URLs.
        name: Its name; several entries may have one.
        schema_ref: Reference of its schema.
        data_urls: Paths and URLs of its shards, as msgpack.
        metadata: Free metadata as msgpack; None without any.
    """

    cid: str
    name: str
    schema_ref: str
    data_urls: bytes
    metadata: bytes | None


@dataclass(frozen=True)
class EarlierIndex:
    """The contents of an earlier index, in the order in which they were written, if that is known.

    Attributes:
        schemas: JSON of each schema, by ``{name}@{version}``.
        entries: Its datasets.
        labels: Name, CID of the entry, and version ("" without) of each label.
        lenses: ``{name}@{version}`` of each lens.
    """

    schemas: dict[str, str]
    entries: list[EarlierEntry]
    labels: list[tuple[str, str, str]]
    lenses: list[str]


def is_index(source: str) -> bool:
    """Return whether a source is the URL of a Redis server, or the path of a SQLite file."""
    if source.startswith(_REDIS):
        return True
    try:
        with open(source, "rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def read_index(source: str | os.PathLike[str]) -> EarlierIndex:
    """Read an earlier index.

    Args:
        source: The path of a SQLite file, or a Redis URL.

    Raises:
        StorageError: It can't be read, or is not such an index.
    """
    text = os.fspath(source)
    return _from_redis(text) if text.startswith(_REDIS) else _from_sqlite(Path(text))


def _from_sqlite(path: Path) -> EarlierIndex:
    try:
        uri = f"file:{quote(os.fspath(path.absolute()))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            there = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
            if not {"dataset_entries", "schemas"} <= there:
                raise StorageError(
                    "not an index of the earlier implementation",
                    uri=str(path),
                    hint="Its own is ~/.atdata/index.db, unless another path was given.",
                )
            rows = {
                table: database.execute(query).fetchall()
                for table, query in _QUERIES.items()
                if table in there
            }
    except sqlite3.Error as error:
        raise StorageError(f"the index can't be read: {error}", uri=str(path)) from error
    return EarlierIndex(
        schemas={f"{name}@{version}": text for name, version, text in rows["schemas"]},
        entries=[EarlierEntry(*row) for row in rows["dataset_entries"]],
        labels=rows.get("labels", []),
        lenses=[f"{name}@{version}" for name, version in rows.get("lenses", [])],
    )


def _from_redis(url: str) -> EarlierIndex:
    client: Any = redis_client(url)
    errors = require("redis.exceptions", extra="redis")
    try:
        keys = {kind: _keys(client, kind) for kind in _KINDS}
        entries = [
            _redis_entry(cid, client.hgetall(f"LocalDatasetEntry:{cid}"))
            for cid in keys["LocalDatasetEntry"]
        ]
        labels = [_redis_label(client.hgetall(f"Label:{key}")) for key in keys["Label"]]
        schemas = {key: client.get(f"LocalSchema:{key}").decode() for key in keys["LocalSchema"]}
    except (errors.RedisError, KeyError, UnicodeDecodeError, AttributeError) as error:
        raise StorageError(f"the index can't be read: {error}", uri=url) from error
    return EarlierIndex(
        schemas=schemas,
        entries=entries,
        labels=labels,
        lenses=keys["LocalLens"],
    )


def _keys(client: Any, kind: str) -> list[str]:
    # Only a scan finds the keys of a layout without an index.
    found: Iterator[bytes] = client.scan_iter(match=f"{kind}:*", count=1000)
    return sorted({key.decode().removeprefix(f"{kind}:") for key in found})


def _redis_entry(cid: str, values: Mapping[bytes, bytes]) -> EarlierEntry:
    ref = values.get(b"schema_ref") or values[b"sample_kind"]
    urls = values.get(b"data_urls") or msgpack.packb([values[b"wds_url"].decode()])
    return EarlierEntry(cid, values[b"name"].decode(), ref.decode(), urls, values.get(b"metadata"))


def _redis_label(values: Mapping[bytes, bytes]) -> tuple[str, str, str]:
    version = values.get(b"version", b"")
    return values[b"name"].decode(), values[b"cid"].decode(), version.decode()


def unpacked(value: bytes) -> Any:
    """Return what a msgpack value of an entry holds.

    Raises:
        EntryError: It is not msgpack.
    """
    try:
        return msgpack.unpackb(value)
    except (msgpack.UnpackException, ValueError, TypeError) as error:
        raise EntryError(f"a value is not msgpack: {error}") from error


def schema_record(text: str) -> dict[str, Any]:
    """Return the JSON object of an earlier schema.

    Raises:
        SchemaError: It is not one.
    """
    try:
        record = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise SchemaError(f"the stored schema is not JSON: {error}") from error
    if not isinstance(record, dict):
        raise SchemaError("the stored schema is not a JSON object")
    return record


def sample_type_of(name: str, schema: Mapping[str, Any]) -> type[Any]:
    """Make a class with the fields of an earlier schema; ``dataclasses`` checks the names.

    Array fields become arrays of any dtype, because some dtypes were recorded wrongly.

    Raises:
        SchemaError: The fields make no class, or are of unknown types.
    """
    try:
        fields = [_field(one) for one in schema["fields"]]
        made = dataclasses.make_dataclass(name, fields, kw_only=True)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, SchemaError):
            raise
        raise SchemaError(f"the fields make no class: {error}") from error
    return packable(made)


def _field(old: Mapping[str, Any]) -> tuple[str, Any, Any]:
    annotation = _annotation(old["fieldType"])
    if old.get("optional"):
        return old["name"], annotation | None, dataclasses.field(default=None)
    return old["name"], annotation, dataclasses.field()


def _annotation(old: Mapping[str, Any]) -> Any:
    kind = old["$type"].rpartition("#")[2]
    if kind == "primitive" and old["primitive"] in _PRIMITIVES:
        return _PRIMITIVES[old["primitive"]]
    if kind in ("ndarray", "structured"):
        return NDArray[Any]
    if kind in _ENCODED:
        return bytes
    if kind == "array":
        return list[_annotation(old["items"])]  # type: ignore[misc]
    raise SchemaError(f"a field of type {kind!r} is not known")
