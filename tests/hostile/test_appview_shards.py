"""Shards through the AppView's proxy, while records and servers of others attack it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from appview.content import DID, OTHER, shard, with_urls
from appview.running import AppView, in_thread, wait_until
from atdata.appview.clients import network_of
from atdata.appview.proxy.fair_queue import FairQueue

from .server import HostileServer, Reply, drip, endless, hostile_server

DATA = shard(samples=8, padding=400_000)
FORGED = shard(samples=8, padding=400_000).replace(b"number", b"forged")


@pytest.fixture
def appview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppView]:
    # The servers of these tests are on loopback.
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    with in_thread(tmp_path / "appview") as service:
        for did in (DID, OTHER):
            service.follow(did, "https://pds.example")
        yield service


def publish(appview: AppView, did: str, rkey: str, url: str, data: bytes) -> str:
    """A dataset of one shard; its path at the proxy."""
    appview.put(did, rkey, with_urls(rkey, [url], [data]))
    return f"/wds/{did}/{rkey}/000000.tar"


@contextlib.contextmanager
def asked_for(appview: AppView, path: str) -> Iterator[None]:
    """A request that is under way, answered or not."""
    address = appview.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1]))) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        yield


# -- the record of another account


@pytest.mark.parametrize(
    "attack",
    [
        Reply(status=503, headers={"retry-after": "3600"}),
        Reply(b"x" * len(DATA)),
        Reply(FORGED),
        drip(DATA, pause=0.5),
        drip(FORGED, pause=0.02, size=1 << 18),
    ],
    ids=["busy for an hour", "junk", "forged samples", "a drip", "slow forged samples"],
)
def test_another_record_of_the_same_shard_changes_nothing(
    appview: AppView, hostile: HostileServer, attack: Reply
) -> None:
    hostile.serve({"/evil.tar": attack, "/good.tar": drip(DATA, pause=0.01, size=1 << 17)})
    evil = publish(appview, OTHER, "evil", hostile.url("/evil.tar"), DATA)
    good = publish(appview, DID, "good", hostile.url("/good.tar"), DATA)
    with asked_for(appview, evil):
        wait_until(lambda: "GET /evil.tar" in hostile.seen)
        assert appview.get(good).content == DATA
    assert hostile.seen.count("GET /good.tar") == 1


def test_a_record_with_another_size_of_the_same_shard_changes_nothing(
    appview: AppView, hostile: HostileServer
) -> None:
    hostile.serve({"/good.tar": Reply(DATA)})
    value = with_urls("evil", [hostile.url("/good.tar")], [DATA])
    value["shards"][0]["size"] = 10
    appview.put(OTHER, "evil", value)
    good = publish(appview, DID, "good", hostile.url("/good.tar"), DATA)
    assert appview.get(f"/wds/{OTHER}/evil/000000.tar").status_code == 502
    assert appview.get(good).content == DATA


def test_the_same_shard_at_the_same_place_is_fetched_once(
    appview: AppView, hostile: HostileServer
) -> None:
    hostile.serve({"/a.tar": drip(DATA, pause=0.02, size=1 << 18)})
    paths = [publish(appview, did, "set", hostile.url("/a.tar"), DATA) for did in (DID, OTHER)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda path: appview.get(path).content, paths * 2))
    assert all(answer == DATA for answer in answers)
    assert hostile.seen == ["GET /a.tar"]


# -- places that others need


def refused(appview: AppView, path: str) -> bool:
    with contextlib.suppress(httpx.ReadTimeout):
        return appview.get(path, timeout=1).status_code == 503
    return False


def test_one_client_does_not_hold_all_fetches(appview: AppView) -> None:
    with contextlib.ExitStack() as servers, contextlib.ExitStack() as held:
        # Each port would count as a host of its own, if hosts were counted by port.
        for number in range(4):
            dripping = servers.enter_context(hostile_server())
            dripping.answer = lambda *_: drip(bytes(1 << 20), pause=0.5)
            for shard_number in range(4):
                name = f"evil-{number}-{shard_number}"
                path = publish(appview, OTHER, name, dripping.url(f"/{name}.tar"), shard(number))
                held.enter_context(asked_for(appview, path))
        honest = servers.enter_context(hostile_server("127.0.0.3"))
        honest.serve({"/good.tar": Reply(DATA)})
        good = publish(appview, DID, "good", honest.url("/good.tar"), DATA)
        transport = httpx.HTTPTransport(local_address="127.0.0.2")
        with httpx.Client(transport=transport, timeout=10) as client:
            assert client.get(appview.url + good).content == DATA


def is_refused(appview: AppView, path: str) -> bool:
    try:
        return appview.get(path, timeout=2).status_code == 503
    except httpx.TimeoutException:  # it waits itself: the others had not arrived yet
        return False


def test_requests_of_one_client_do_not_fill_the_queue(
    appview: AppView, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.proxy.fetching._MOST_WAITING_OF_CLIENT", 2)
    hostile.answer = lambda *_: drip(bytes(1 << 20), pause=0.5)
    with contextlib.ExitStack() as held:
        paths = [
            publish(appview, OTHER, f"e{n}", hostile.url(f"/{n}.tar"), shard(n)) for n in range(7)
        ]
        for path in paths[:4]:
            held.enter_context(asked_for(appview, path))
        wait_until(lambda: len(hostile.seen) == 4)
        for path in paths[4:6]:
            held.enter_context(asked_for(appview, path))
        wait_until(lambda: is_refused(appview, paths[6]))


def test_a_free_place_goes_to_the_client_with_the_fewest() -> None:
    async def run() -> None:
        queue = FairQueue(3, of_client=2, of_host=9)
        many = [queue.enter(f"host{n}", "many") for n in range(5)]
        assert [turn.client for turn in many] == ["many", "many", "", "", ""]
        other = queue.enter("a", "other")
        late = queue.enter("b", "late")
        assert (other.client, late.client) == ("other", "")
        queue.end(many[0])
        assert (late.client, many[2].client) == ("late", "")
        queue.end(other)
        assert many[2].client == "many"

    asyncio.run(run())


def test_no_host_holds_all_places_and_joined_turns_count_for_each_client() -> None:
    async def run() -> None:
        queue = FairQueue(9, of_client=1, of_host=2)
        turns = [queue.enter("host", f"client{n}") for n in range(3)]
        assert [turn.client for turn in turns] == ["client0", "client1", ""]
        own = queue.enter("elsewhere", "client0")
        assert own.client == ""
        queue.join(own, "client3")
        assert own.client == "client3"
        queue.move(own, "host")
        assert own not in queue._begun
        queue.end(turns[0])
        await turns[2].begin()
        queue.stop_waiting(own)
        await own.begin()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("addresses", "networks"),
    [
        (["2001:db8::1", "2001:db8::ffff:1"], 1),
        (["2001:db8::1", "2001:db8:0:1::1"], 2),
        (["192.0.2.1", "::ffff:192.0.2.1"], 1),
        (["192.0.2.1", "192.0.2.2"], 2),
        (["", "testclient"], 2),
    ],
)
def test_an_ipv6_network_is_one_client(addresses: list[str], networks: int) -> None:
    assert len({network_of(address) for address in addresses}) == networks


# -- time


def test_a_server_below_the_least_rate_is_given_up_whatever_size_it_claims(
    appview: AppView, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.proxy.upstream._GRACE_SECONDS", 1.0)
    hostile.answer = lambda *_: drip(bytes(1 << 20), pause=0.1)
    value = with_urls("evil", [hostile.url("/evil.tar")], [DATA])
    value["shards"][0]["size"] = 2**31
    appview.put(OTHER, "evil", value)
    answer = appview.get(f"/wds/{OTHER}/evil/000000.tar", timeout=20)
    assert (answer.status_code, answer.json()["error"]) == (504, "UpstreamTimeout")


def test_a_server_that_drips_its_headers_is_given_up(
    appview: AppView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.proxy.upstream._GRACE_SECONDS", 1.0)
    stopping = threading.Event()

    def answer(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not stopping.wait(0.1):
                connection.sendall(b"x: y\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/a.tar"
        answered = appview.get(publish(appview, OTHER, "evil", url, DATA), timeout=20)
        stopping.set()
        thread.join()
    assert (answered.status_code, answered.json()["error"]) == (504, "UpstreamTimeout")


def test_a_transfer_ends_at_its_deadline_even_at_a_good_rate(
    appview: AppView, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.proxy.upstream._LONGEST_SECONDS", 2.0)
    hostile.answer = lambda *_: Reply(endless().body, pause=0.05)
    value = with_urls("evil", [hostile.url("/evil.tar")], [DATA])
    value["shards"][0]["size"] = 2**31
    appview.put(OTHER, "evil", value)
    with (
        pytest.raises(httpx.RemoteProtocolError),
        httpx.stream("GET", f"{appview.url}/wds/{OTHER}/evil/000000.tar", timeout=20) as answer,
    ):
        for _ in answer.iter_raw():
            pass


def test_a_slow_server_above_the_least_rate_is_waited_for(
    appview: AppView, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.proxy.upstream._GRACE_SECONDS", 1.0)
    hostile.answer = lambda *_: drip(DATA, pause=0.1, size=1 << 17)
    assert appview.get(publish(appview, DID, "good", hostile.url("/a.tar"), DATA)).content == DATA
