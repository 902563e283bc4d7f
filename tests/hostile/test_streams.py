"""Streams that hold messages which can't be read: they are skipped, counted and kept."""

from __future__ import annotations

import contextlib
import functools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.server import ServerConnection, serve

from appview.content import DID, dataset, rev, rev_in, write
from appview.following import database, following, names
from appview.ingest.test_frames import CID, DATA, car, commit, frame, op
from appview.running import wait_until
from atdata.appview.database.protocol import Database
from atdata.appview.database.writing import put_records
from atdata.appview.events import AccountChange, Event, Gap, Unreadable, Write
from atdata.appview.ingest.follow import Ingest
from atdata.appview.ingest.frames import StreamEnded
from atdata.appview.ingest.network import Network
from atdata.appview.ingest.sources import Source
from atdata.atmosphere import AtmosphereClient
from atdata.cli import main
from atdata_records.ac.foundation.dataset.record import Record
from servers.atproto_pds import Pds

from .measure import cost

__all__ = ["database"]  # a fixture

DEEP = 1100  # levels; the reference PDS takes such a record


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def jetstream(position: Any, value: str, did: str = DID, **more: Any) -> str:
    body = {"rev": rev(5), "operation": "create", "collection": Record.NSID, "rkey": "bad"}
    body |= {"cid": CID, **more}
    text = json.dumps({"did": did, "time_us": 0, "kind": "commit", "commit": body})
    return text.replace('"time_us": 0', f'"time_us": {position}').replace(
        '"commit": {', f'"commit": {{"record": {value}, '
    )


JUNK: dict[str, dict[str, str | bytes]] = {
    "jetstream": {
        "a deep record": jetstream(5, deep(100_000)),
        "an endless time": jetstream("1e999", "{}"),
        "a time of 70 bits": jetstream(2**70, "{}"),
        "a negative time": jetstream(-5, "{}"),
        "a text as time": jetstream('"5"', "{}"),
        "half a character": jetstream(5, "{}", did="did:plc:\ud800"),
        "not JSON": "\x00\x1b[2J\nforged line",
        "bytes": b"\xff\xfe",
        "a list": "[]",
        "no account": jetstream(5, "{}", did="did:nonsense"),
    },
    "relay": {
        "no frame": b"junk",
        "nothing": b"",
        "a text": "text",
        "deep arrays": b"\x81" * 100_000,
        "a foreign codec": commit([op()], car((CID, DATA))).replace(
            b"\x01\x71\x12", b"\x01\x70\x12"
        ),
        "seq of 64 bits": frame("#account", seq=2**62, did=DID, active=True).replace(
            b"\x1b\x40" + bytes(7), b"\x1b\x80" + bytes(7)
        ),
        "negative seq": frame("#account", seq=-1, did=DID, active=True),
        "a body that is a list": b"\xa2bop\x01at\x67#commit\x80",
        "an unknown operation": frame("", op=5, seq=1),
        "junk in place of blocks": commit([op()], b"\xff" * 20),
    },
}
SPOKEN = [(kind, name) for kind in JUNK for name in JUNK[kind]]


def good(
    kind: str, position: int, did: str, value: dict[str, Any], at: str | None = None
) -> str | bytes:
    record, at = Record.from_dict(value), at or rev_in(60)
    if kind == "jetstream":
        return jetstream(position, json.dumps(value), did, rkey="good", rev=at, cid=record.cid())
    ops = [op(key="good", name=record.cid())]
    blocks = car((record.cid(), record.to_cbor()))
    return commit(ops, blocks, seq=position, repo=did, rev=at)


@contextlib.contextmanager
def stream_of(messages: list[str | bytes]) -> Iterator[str]:
    """A server that sends these to everybody who comes; its URL."""

    def send(stream: ServerConnection) -> None:
        for message in messages:
            stream.send(message)
        with contextlib.suppress(Exception):
            stream.recv()

    with serve(send, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def lab(pds_env: Pds) -> AtmosphereClient:
    account = pds_env.new_account("streams")
    client = AtmosphereClient(pds_env.url)
    client.login(account.handle, account.app_password)
    return client


@pytest.mark.parametrize("kind", JUNK)
def test_messages_after_unreadable_ones_are_taken_in(
    kind: Any, lab: AtmosphereClient, database: Database
) -> None:
    junk = list(JUNK[kind].values())
    with stream_of([*junk, good(kind, 77, lab.did, dataset("good", did=lab.did))]) as url:
        source = Source(kind, url)
        with following(database, source) as ingest:
            wait_until(lambda: names(database, lab.did) == {"good"})
            wait_until(lambda: ingest.ledger.position(source)[0] == 77)
            assert ingest.ledger.unreadable[url] == len(junk)
            assert _follower_is_well(ingest)
    rows = database.read("SELECT * FROM unreadable ORDER BY id")
    assert [row["size"] for row in rows] == [len(_bytes(message)) for message in junk]
    assert all(row["source"] == url and row["reason"].isprintable() for row in rows)
    assert bytes.fromhex(rows[-1]["message"]) == _bytes(junk[-1])[: 16 * 2**10]


@pytest.mark.parametrize("kind", JUNK)
def test_a_revision_of_the_future_freezes_no_account(kind: Any) -> None:
    source = Source(kind, "https://x.example")
    for ahead, is_sound in ((-(10**9), True), (60, True), (3600, False), (10**8, False)):
        message = good(kind, 5, DID, dataset("x"), rev_in(ahead))
        assert isinstance(source.read(message), Event if is_sound else Unreadable)


@pytest.mark.parametrize("kind", JUNK)
def test_a_sound_stream_keeps_nothing_for_inspection(
    kind: Any, lab: AtmosphereClient, database: Database
) -> None:
    messages = [good(kind, 77, lab.did, dataset("good", did=lab.did))]
    with stream_of(messages) as url, following(database, Source(kind, url)) as ingest:
        wait_until(lambda: names(database, lab.did) == {"good"})
        assert ingest.ledger.unreadable.total() == 0
    assert database.read("SELECT * FROM unreadable") == []


def _follower_is_well(ingest: Ingest) -> bool:
    return not any(name.startswith("follow") for name in ingest.workers.failing)


def _bytes(message: str | bytes) -> bytes:
    return message if isinstance(message, bytes) else message.encode()


@pytest.mark.parametrize(("kind", "name"), SPOKEN)
def test_an_unreadable_message_is_no_exception(kind: Any, name: str) -> None:
    found = Source(kind, "https://x.example").read(JUNK[kind][name])
    assert isinstance(found, Unreadable | Event)


@given(st.sampled_from(["jetstream", "relay"]), st.binary(max_size=300) | st.text(max_size=300))
def test_any_bytes_are_an_event_or_unreadable(kind: Any, message: str | bytes) -> None:
    with contextlib.suppress(StreamEnded):
        found = Source(kind, "https://x.example").read(message)
        assert found is None or isinstance(found, Event | Unreadable)


@given(st.integers(0, 2**40), st.binary(max_size=20), st.integers(0, 600))
def test_damaged_messages_never_move_the_position_elsewhere_than_a_number(
    position: int, junk: bytes, at: int
) -> None:
    for kind in JUNK:
        message = _bytes(good(kind, position, DID, dataset("x")))
        found = Source(
            kind, "https://x.example"
        ).read(  # type: ignore[arg-type]
            message[:at] + junk + message[at + len(junk) :]
        )
        assert found is None or found.position is None or 0 <= found.position < 2**63


def test_a_message_that_is_too_large_does_not_stop_the_stream(
    lab: AtmosphereClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.ingest.follow._LARGEST", 100_000)
    messages = [good("jetstream", 5, lab.did, dataset("good", did=lab.did)), "x" * 200_000]
    with stream_of(messages) as url, following(database, Source("jetstream", url)) as ingest:
        wait_until(lambda: ingest.ledger.unreadable[url] > 0)
        wait_until(lambda: names(database, lab.did) == {"good"})


def test_only_the_last_unreadable_messages_are_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.database.writing._UNREADABLE", 10)
    ingest = Ingest(database, Network(), [])
    source = Source("relay", "https://relay.example")
    for start in range(0, 60, 20):
        junk = [Unreadable(n, "no reason", b"x" * 100_000) for n in range(start, start + 20)]
        ingest.ledger.receive(source, junk)
    rows = database.read("SELECT position, length(message) AS n FROM unreadable ORDER BY id")
    assert [row["position"] for row in rows] == list(range(50, 60))
    assert rows[0]["n"] == 2 * 16 * 2**10
    assert ingest.ledger.position(source)[0] == 59


@pytest.mark.parametrize(
    "content",
    [
        {"a": [{"b": "\ud800"}]},
        {**dataset("x"), "name": "\ud800"},
        {**dataset("x"), "size": 2**70},
        functools.reduce(lambda inner, _: {"a": inner}, range(800), {}),
        functools.reduce(lambda inner, _: [inner], range(20_000), []),
        b"\x81" * 5000,
        b"",
    ],
    ids=["surrogate", "surrogate in a name", "number", "deep", "very deep", "deep CBOR", "empty"],
)
def test_content_that_can_not_be_kept_is_refused_and_keeps_no_others_away(
    database: Database, content: Any
) -> None:
    bad = Write(Record.NSID, "bad", CID, content)
    with database.write() as tx:
        put_records(tx, DID, rev(1), [bad, write("good", dataset("good"))])
    assert names(database, DID) == {"good"}
    assert [row["rkey"] for row in database.read("SELECT rkey FROM refused")] == ["bad"]


def test_an_event_that_the_database_does_not_take_is_set_aside(database: Database) -> None:
    ledger = Ingest(database, Network(), []).ledger
    source = Source("relay", "https://relay.example")
    events: list[Event | Unreadable] = [Event(n, Gap(DID, rev(n))) for n in range(1, 8)]
    events[3] = Event(4, AccountChange(f"{DID}\ud800", "active"))
    ledger.receive(source, events)
    assert ledger.position(source)[0] == 7
    assert [row["position"] for row in database.read("SELECT position FROM unreadable")] == [4]


def test_a_deep_record_on_the_reference_server_keeps_no_others_away(
    pds_env: Pds, lab: AtmosphereClient, database: Database
) -> None:
    account = pds_env.new_account("deep")
    author = AtmosphereClient(pds_env.url)
    author.login(account.handle, account.app_password)
    with following(database, Source("pds", pds_env.url)) as ingest:
        wait_until(lambda: ingest.ledger.position(Source("pds", pds_env.url)) is not None)
        place = {"repo": author.did, "collection": Record.NSID, "rkey": "deep", "validate": False}
        body = (
            json.dumps(place)[:-1]
            + f', "record": {{"$type": "{Record.NSID}", "x": {deep(DEEP)}}}}}'
        )
        author._active.call("com.atproto.repo.putRecord", body.encode())
        lab.put_record(Record.NSID, "after", dataset("after", did=lab.did))
        wait_until(lambda: names(database, lab.did) == {"after"})


def test_unreadable_messages_are_listed_by_a_command(tmp_path: Path, database: Database) -> None:
    def listed(*options: str) -> str:
        arguments = ["appview", "unreadable", "--data", str(tmp_path), *options]
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    assert listed() == "no unreadable messages\n"
    source = Source("relay", "https://relay.example")
    junk = [Unreadable(7, "forged\nline \x1b[2J", b"\x1b]52")]
    Ingest(database, Network(), []).ledger.receive(source, junk)
    assert "7  4  forged\\x0aline \\x1b[2J\n" in listed()
    (row,) = json.loads(listed("--json"))
    assert bytes.fromhex(row["message"]) == junk[0].message


LARGE = """
import json
from pathlib import Path
from atdata.appview.database.opening import open_database
from atdata.appview.ingest.ledger import Ledger
from atdata.appview.ingest.sources import Source
from appview.content import DID, dataset, rev
from atdata_records import cid
ledger = Ledger(open_database(Path(arguments["path"])))
ledger.add_repositories([DID])
ledger.identify(DID, "https://pds.example", None)
ledger.finish_history(DID, rev(1))
source = Source("jetstream", "https://jetstream.example")
record = dataset("x")
kind = arguments["kind"]
if kind == "tags":
    record["tags"] = ["a"] * 200_000
elif kind == "lists":
    record["storage"]["urls"] = [[]] * 240_000
elif kind == "keys":
    record |= {str(number): 0 for number in range(70_000)}
elif kind == "shards":
    record["shards"] = [{}] * 240_000
body = {"rev": rev(9), "operation": "create", "collection": record["$type"], "rkey": "a"}
body |= {"cid": cid.of_cbor(b""), "record": record}
message = json.dumps({"did": DID, "time_us": 5, "kind": "commit", "commit": body})
"""


@pytest.mark.parametrize("kind", ["tags", "lists", "keys", "shards", "honest"])
def test_a_message_of_a_megabyte_costs_little(tmp_path: Path, kind: str) -> None:
    taken = cost(
        "ledger.receive(source, [source.read(message)])\nresult(ledger.position(source)[0])",
        setup=LARGE,
        arguments={"path": str(tmp_path / "a.db"), "kind": kind},
    )
    taken.assert_bounded()
    assert taken.answer == 5
