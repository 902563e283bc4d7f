from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from typing import IO

import pytest

from atdata.cache.prefetch import ahead
from atdata.errors import NetworkError


class Shards:
    """Opens shards, and remembers when."""

    def __init__(self, **trouble: Exception) -> None:
        self.trouble = trouble
        self.opened: dict[str, IO[bytes]] = {}
        self.given_up = 0
        self.is_slow = False

    def open(self, name: str, is_cancelled: Callable[[], bool]) -> IO[bytes]:
        if self.is_slow:
            while not is_cancelled():
                time.sleep(0.01)
            self.given_up += 1
            raise NetworkError("given up")
        if name in self.trouble:
            raise self.trouble[name]
        self.opened[name] = io.BytesIO(name.encode())
        return self.opened[name]


def settled(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("atdata-ahead")]


def test_all_come_in_order() -> None:
    names = [str(number) for number in range(20)]
    found = [(name, stream.read().decode()) for name, stream in ahead(names, Shards().open)]
    assert found == [(name, name) for name in names]
    assert list(ahead([], Shards().open)) == []


def test_two_more_are_opened_meanwhile_and_no_others() -> None:
    shards = Shards()
    coming = ahead("abcdef", shards.open)
    next(coming)
    assert settled(lambda: set(shards.opened) == set("abc"))
    next(coming)
    assert settled(lambda: set(shards.opened) == set("abcd"))
    coming.close()
    assert set(shards.opened) == set("abcd")


def test_names_are_taken_as_they_are_needed() -> None:
    endless = (str(number) for number in iter(int, 1))
    coming = ahead(endless, Shards().open)
    assert next(coming)[0] == "0"
    coming.close()


def test_an_error_waits_for_its_turn() -> None:
    coming = ahead("abc", Shards(b=NetworkError("of b")).open)
    assert next(coming)[0] == "a"
    with pytest.raises(NetworkError, match="of b"):
        next(coming)
    assert threads() == []


def test_closing_gives_up_what_is_under_way_and_leaves_nothing_open() -> None:
    shards = Shards()
    coming = ahead("abcdef", shards.open)
    _, first = next(coming)
    assert settled(lambda: set(shards.opened) == set("abc"))
    coming.close()
    assert not first.closed
    assert all(shards.opened[name].closed for name in "bc")
    assert threads() == []


def test_closing_does_not_wait_for_a_download() -> None:
    shards = Shards()
    coming = ahead("abcdef", shards.open)
    next(coming)
    assert settled(lambda: set(shards.opened) == set("abc"))
    shards.is_slow = True
    next(coming)
    coming.close()
    assert shards.given_up <= 1
    assert threads() == []
