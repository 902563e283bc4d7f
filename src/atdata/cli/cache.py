"""``atdata cache``: downloaded shards on this machine."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from atdata.base.display import counted
from atdata.cache.fetch import cache_path, parse_size, user_cache
from atdata.cache.shard_cache import CachedShard, ShardCache
from atdata.cli.output import json_option, print_fields, print_json, print_result, print_table
from atdata.errors import StorageError


@click.group()
def cache() -> None:
    """Inspect, shrink or empty the cache of downloaded shards.

    ATDATA_CACHE is its folder, or `off`. ATDATA_CACHE_SIZE limits its size (default 20GB).
    """


@cache.command("dir")
@json_option
def dir_(as_json: bool) -> None:
    """Print the folder of the cache."""
    folder = cache_path()
    shown = None if folder is None else str(folder)
    print_result({"folder": shown}, shown or "off", as_json=as_json)


@cache.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the shards, least recently used first.

    With --json: an object with the size and limit of the cache, and `shards`.
    """
    found = _cache()
    urls = found.urls()
    shards = [{**_described(shard), "url": urls.get(shard.cid)} for shard in found.shards()]
    if as_json:
        size = sum(shard["size"] for shard in shards)
        print_json({"size": size, "limit": found.limit, "shards": shards})
        return
    rows = (
        (shard["used"], f"{shard['size']:,} B", shard["url"] or shard["cid"]) for shard in shards
    )
    print_table(rows, empty="the cache is empty")


@cache.command()
@click.option(
    "--to", "limit", metavar="SIZE", help="Size to shrink to, such as 5GB; by default the limit."
)
@json_option
def prune(limit: str | None, as_json: bool) -> None:
    """Remove least recently used shards and broken downloads."""
    found = _cache()
    _print_dropped(found.prune(found.limit if limit is None else parse_size(limit)), found, as_json)


@cache.command()
@json_option
def clean(as_json: bool) -> None:
    """Remove every shard."""
    found = _cache()
    _print_dropped(found.prune(0), found, as_json)


def _cache() -> ShardCache:
    found = user_cache()
    if found is None:
        raise StorageError("there is no cache", hint="Unset ATDATA_CACHE, or set it to a folder.")
    return found


def _print_dropped(dropped: list[CachedShard], found: ShardCache, as_json: bool) -> None:
    freed = sum(shard.size for shard in dropped)
    if as_json:
        print_json({"dropped": [_described(shard) for shard in dropped], "size": found.size})
    else:
        shards = counted(len(dropped), "shard")
        print_fields([("dropped", f"{shards}, {freed:,} B"), ("kept", f"{found.size:,} B")])


def _described(shard: CachedShard) -> dict[str, Any]:
    used = datetime.fromtimestamp(shard.used, UTC).isoformat(timespec="seconds")
    return {**asdict(shard), "used": used}
