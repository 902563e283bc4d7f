from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from atdata import Dataset
from atdata.cache.keeping import wait_until_kept
from atdata.testing.samples import Thing, shard_bytes
from atdata_records import cid
from cli.conftest import Command
from servers.web import Web, web_server

SHARDS = [shard_bytes(2, start=2 * number) for number in range(3)]
SIZE = len(SHARDS[0])


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as server:
        yield server


@pytest.fixture
def urls(web: Web) -> list[str]:
    """Three shards that were read once, in order."""
    urls = [
        web.serve(f"/{number}.tar?X-Amz-Signature=secret", data, headers={"ETag": f'"{number}"'})
        for number, data in enumerate(SHARDS)
    ]
    assert len(list(Dataset[Thing](urls).ordered())) == 6
    wait_until_kept()
    return urls


def test_where_it_is(
    command: Command, isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = f"{isolated_home}/.cache/atdata/shards"
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert command("cache", "dir").stdout == f"{default}\n"
    assert json.loads(command("cache", "dir", "--json").stdout) == {"folder": default}
    monkeypatch.setenv("ATDATA_CACHE", "/elsewhere")
    assert command("cache", "dir").stdout == "/elsewhere\n"
    monkeypatch.setenv("ATDATA_CACHE", "off")
    assert command("cache", "dir").stdout == "off\n"


def test_list(command: Command, urls: list[str]) -> None:
    lines = command("cache", "list").stdout.splitlines()
    assert [line.split()[-1].rpartition("/")[2] for line in lines] == ["0.tar", "1.tar", "2.tar"]
    assert "secret" not in "".join(lines)
    listed = json.loads(command("cache", "list", "--json").stdout)
    assert [shard["cid"] for shard in listed["shards"]] == list(map(cid.of_bytes, SHARDS))
    assert (listed["size"], listed["limit"]) == (3 * SIZE, 20_000_000_000)


def test_an_empty_one(command: Command) -> None:
    assert "empty" in command("cache", "list").stdout
    assert json.loads(command("cache", "clean", "--json").stdout) == {"dropped": [], "size": 0}


def test_prune_drops_what_was_not_used_for_longest(command: Command, urls: list[str]) -> None:
    list(Dataset[Thing](urls[0]).ordered())
    done = json.loads(command("cache", "prune", "--to", str(SIZE), "--json").stdout)
    assert [shard["cid"] for shard in done["dropped"]] == list(map(cid.of_bytes, SHARDS[1:]))
    assert done["size"] == SIZE
    printed = command("cache", "prune").stdout.splitlines()
    assert [line.split(maxsplit=1) for line in printed] == [
        ["dropped", "0 shards, 0 B"],
        ["kept", f"{SIZE:,} B"],
    ]


def test_clean(command: Command, urls: list[str], web: Web) -> None:
    assert command("cache", "clean").stdout.split()[:3] == ["dropped", "3", "shards,"]
    assert command("cache", "list").stdout == "the cache is empty\n"
    asked = len(web.seen)
    list(Dataset[Thing](urls[0]).ordered())
    assert len(web.seen) == asked + 1


@pytest.mark.parametrize("size", ["much", "-1", "1 XB"])
def test_sizes_that_are_none(command: Command, size: str) -> None:
    result = command("cache", "prune", f"--to={size}")
    assert result.exit_code == 4
    assert "is not a size" in result.stderr


def test_without_a_cache(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATDATA_CACHE", "off")
    for name in ("list", "prune", "clean"):
        result = command("cache", name)
        assert result.exit_code == 4
        assert "ATDATA_CACHE" in result.stderr
