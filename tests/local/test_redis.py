"""What is special about the Redis backend."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from atdata.errors import StorageError
from atdata.local.backend import EntryRow, SchemaRow
from atdata.local.redis import RedisBackend, redis_client


def commands(client: redis.Redis) -> dict[str, int]:
    """How often the server has run each command."""
    stats: Any = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): value["calls"] for name, value in stats.items()}


def test_nothing_is_ever_scanned(redis_client: redis.Redis) -> None:
    backend = RedisBackend(redis_client)
    redis_client.config_resetstat()
    for number in range(50):
        row = EntryRow(f"{number:02d}", f"c{number}", "text")
        assert backend.put_entry(row, before=None)
        assert backend.add_schema(SchemaRow(f"A@1.0.{number}", "text"))
    assert len(backend.entries("", 100)) == len(backend.schemas("", 100)) == 50
    assert len(backend.versions("A")) == 50
    assert backend.entry("07") == backend.entry_of("c7") == EntryRow("07", "c7", "text")
    assert not {"keys", "scan", "hscan", "zscan", "hgetall", "sort"} & commands(redis_client).keys()


def test_a_look_up_is_one_or_two_commands_whatever_the_size(redis_client: redis.Redis) -> None:
    backend = RedisBackend(redis_client)
    for number in range(300):
        backend.put_entry(EntryRow(f"{number:03d}", f"c{number}", "text"), before=None)
    for find, key, most in ((backend.entry, "150", 1), (backend.entry_of, "c150", 2)):
        redis_client.config_resetstat()
        assert find(key) is not None
        calls = commands(redis_client)
        assert sum(calls.values()) - calls["config|resetstat"] <= most


def test_all_keys_share_one_slot_of_a_cluster(redis_client: redis.Redis) -> None:
    backend = RedisBackend(redis_client)
    backend.put_entry(EntryRow("n", "c", "text"), before=None)
    backend.add_schema(SchemaRow("A@1.0.0", "text"))
    keys = redis_client.keys("*")
    assert len(keys) == 5
    assert all(key.startswith(b"{atdata}:") for key in keys)


def test_a_client_that_decodes(redis_url: str, redis_client: redis.Redis) -> None:
    with redis.Redis.from_url(redis_url, decode_responses=True) as decoding:
        backend = RedisBackend(decoding)
        row = EntryRow("näme", "c", "téxt\n")
        assert backend.put_entry(row, before=None)
        assert backend.entry("näme") == backend.entry_of("c") == row
        assert backend.entries("", 10) == [row]
        assert backend.put_entry(row._replace(text="2"), before=row)


def test_scripts_survive_a_server_that_forgot_them(redis_client: redis.Redis) -> None:
    backend = RedisBackend(redis_client)
    assert backend.put_entry(EntryRow("a", "c", "text"), before=None)
    redis_client.script_flush()
    assert backend.put_entry(EntryRow("b", "c", "text"), before=None)


def test_a_server_that_does_not_answer_raises() -> None:
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:1") as caught:
        RedisBackend(redis_client("redis://127.0.0.1:1/0")).entry("n")
    assert "ATDATA_REDIS_URL" in str(caught.value.hint)


def test_our_clients_do_not_wait_as_long_as_redis_py_would() -> None:
    retry: Any = redis_client("redis://127.0.0.1:1/0").get_retry()
    assert retry.get_retries() * retry._backoff.compute(100) < 1
    own = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    assert redis_client("redis://127.0.0.1:1/0", retry=own).get_retry() is own


def test_a_value_of_another_kind_raises(redis_client: redis.Redis) -> None:
    redis_client.set("{atdata}:entries", "not a hash")
    with pytest.raises(StorageError, match="WRONGTYPE"):
        RedisBackend(redis_client).entry("n")


def test_its_repr_holds_no_password() -> None:
    backend = RedisBackend(redis_client("redis://user:a-password@host.example:7000/1"))
    assert repr(backend) == "RedisBackend('host.example:7000')"
    assert repr(RedisBackend(redis_client("unix:///run/x.sock"))) == "RedisBackend('/run/x.sock')"
