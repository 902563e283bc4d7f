"""Servers that drip or never end are given up; slow ones are waited for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count

import pytest

import atdata
from atdata.atmosphere import AtmosphereClient, repositories, xrpc
from atdata.errors import NetworkError
from atdata.shards.tar import END, build_header
from atdata.sources.registry import open_url
from atdata.storage import pace

from .server import HostileServer, Reply, drip, endless

SAMPLE = b"\x80"
SHARD = build_header("a", 1) + SAMPLE.ljust(512, b"\0") + END


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute is a third of a second, and other times accordingly."""
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    monkeypatch.setattr(pace, "MINUTE", 0.3)
    monkeypatch.setattr(pace, "GRACE", 2.0)
    monkeypatch.setattr(xrpc, "_SECONDS", 2.0)
    monkeypatch.setattr(xrpc, "_RATE", 1 << 30)
    monkeypatch.setattr(repositories, "_LISTING_SECONDS", 1.0)


def did(hostile: HostileServer) -> str:
    return f"did:web:localhost%3A{hostile.port}"


def document(hostile: HostileServer) -> bytes:
    service = {
        "id": "#atproto_pds",
        "type": "AtprotoPersonalDataServer",
        "serviceEndpoint": hostile.url(host="localhost"),
    }
    return json.dumps(
        {"id": did(hostile), "alsoKnownAs": ["at://a.test"], "service": [service]}
    ).encode()


def test_load_dataset_gives_up_on_a_drip(hostile: HostileServer) -> None:
    hostile.serve({"/.well-known/did.json": drip(document(hostile), pause=0.05)})
    with pytest.raises(NetworkError, match="less than 4,096 bytes a second"):
        atdata.load_dataset(f"@{did(hostile)}/numbers")


def test_load_dataset_gives_up_on_a_drip_that_is_fast_enough(hostile: HostileServer) -> None:
    hostile.serve({"/.well-known/did.json": Reply(lambda: slow(b" " * 4096), pause=0.05)})
    with pytest.raises(NetworkError, match="takes longer than 2 s"):
        atdata.load_dataset(f"@{did(hostile)}/numbers")


def slow(piece: bytes) -> Iterator[bytes]:
    return (piece for _ in count())


def test_load_dataset_gives_up_on_an_endless_listing(
    hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MINUTE", 60.0)
    numbers = count()

    def answer(method: str, path: str, headers: Mapping[str, str]) -> Reply:
        if path.startswith("/.well-known/did.json"):
            return Reply(document(hostile))
        if "getRecord" in path:
            return Reply(b'{"error":"RecordNotFound"}', status=400)
        assert "listRecords" in path
        if "ac.foundation.dataset.record" not in path:
            return Reply(b'{"records":[]}')
        uri = f"at://{did(hostile)}/ac.foundation.dataset.record/{next(numbers)}"
        record = {"uri": uri, "cid": "x", "value": {}}
        return Reply(json.dumps({"records": [record], "cursor": uri}).encode())

    hostile.answer = answer
    with (
        pytest.raises(NetworkError, match="takes longer than 1 s"),
        pytest.warns(UserWarning, match="left out"),
    ):
        atdata.load_dataset(f"@{did(hostile)}/numbers")


def test_a_listing_of_some_pages_is_read(
    hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MINUTE", 60.0)
    monkeypatch.setattr(repositories, "_LISTING_SECONDS", 60.0)
    pages = {"": "1", "1": "2", "2": None}

    def answer(method: str, path: str, headers: Mapping[str, str]) -> Reply:
        if path.startswith("/.well-known/did.json"):
            return Reply(document(hostile))
        cursor = path.partition("cursor=")[2]
        uri = f"at://{did(hostile)}/a.b.c/{cursor}x"
        record = {"uri": uri, "cid": "bafy", "value": {"$type": "a.b.c"}}
        return Reply(json.dumps({"records": [record], "cursor": pages[cursor]}).encode())

    hostile.answer = answer
    assert len(list(AtmosphereClient().records("a.b.c", did(hostile)))) == 3


def test_reading_gives_up_on_a_shard_that_drips(hostile: HostileServer) -> None:
    hostile.serve({"/a.tar": drip(SHARD, pause=0.05)})
    with (
        pytest.raises(NetworkError, match="less than 4,096 bytes a second"),
        open_url(hostile.url("/a.tar"), untrusted=True) as stream,
    ):
        stream.read()


def test_reading_gives_up_on_headers_that_drip(hostile: HostileServer) -> None:
    hostile.serve({"/a.tar": Reply(SHARD, pause=0.05, drips_headers=True)})
    with pytest.raises(NetworkError, match="less than 4,096 bytes a second"):
        open_url(hostile.url("/a.tar"))


def test_reading_gives_up_where_each_connection_breaks_after_some_bytes(
    hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MINUTE", 60.0)

    def answer(method: str, path: str, headers: Mapping[str, str]) -> Reply:
        hostile.stopping.wait(0.01)  # Whatever the machine, all of the file takes ten times 2 s.
        start = int(headers.get("range", "bytes=0-").partition("=")[2].partition("-")[0])
        part = SHARD[start : start + 1]
        extent = f"bytes {start}-{len(SHARD) - 1}/{len(SHARD)}"
        sent = {"etag": '"1"', "content-length": str(len(SHARD) - start), "content-range": extent}
        return Reply(lambda: [part], status=206, headers=sent)

    hostile.answer = answer
    with (
        pytest.raises(NetworkError, match="takes longer than 2 s"),
        open_url(hostile.url("/a.tar"), untrusted=True) as stream,
    ):
        stream.read()


def test_a_slow_server_is_waited_for(hostile: HostileServer) -> None:
    whole = SHARD + bytes(1 << 18)
    hostile.serve({"/a.tar": drip(whole, pause=0.1, size=1 << 15)})
    with open_url(hostile.url("/a.tar"), untrusted=True) as stream:
        assert stream.read() == whole


def test_a_caller_that_takes_its_time_is_not_the_server(
    hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MINUTE", 0.0)
    monkeypatch.setattr(pace, "LEAST_RATE", 1)
    hostile.serve({"/a.tar": endless()})
    with open_url(hostile.url("/a.tar"), untrusted=True) as stream:
        for _ in range(8):
            assert len(stream.read(1 << 18)) == 1 << 18
            hostile.stopping.wait(0.1)


def test_answers_that_are_compressed_unasked_are_refused(hostile: HostileServer) -> None:
    bomb = Reply(b"\x1f\x8b" + bytes(60), headers={"content-encoding": "gzip"})
    hostile.serve({"/.well-known/did.json": bomb})
    with pytest.raises(NetworkError, match="compresses"):
        atdata.load_dataset(f"@{did(hostile)}/numbers")


def test_answers_are_asked_for_as_they_are(hostile: HostileServer) -> None:
    asked: list[str] = []

    def answer(method: str, path: str, headers: Mapping[str, str]) -> Reply:
        asked.append(headers["accept-encoding"])
        return Reply(document(hostile), headers={"content-encoding": "identity"})

    hostile.answer = answer
    assert AtmosphereClient().resolve(did(hostile)).did == did(hostile)
    with open_url(hostile.url("/a.tar"), untrusted=True) as stream:
        assert stream.read() == document(hostile)
    assert set(asked) == {"identity"}
