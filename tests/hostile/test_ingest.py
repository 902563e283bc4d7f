"""Repositories and servers that hold up, fill or speak for others."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from appview.content import DID, OTHER, dataset, rev, write
from appview.following import database, following, names
from appview.running import wait_until
from atdata.appview.database.protocol import Database
from atdata.appview.database.reading import Reading
from atdata.appview.database.writing import put_records
from atdata.appview.events import AccountChange, Commit, Event, Gap, IdentityChange
from atdata.appview.ingest.follow import Ingest
from atdata.appview.ingest.ledger import Ledger
from atdata.appview.ingest.limits import LimitExceeded, ReadLimits
from atdata.appview.ingest.network import Network
from atdata.appview.ingest.sources import Source
from atdata_records.ac.foundation.dataset.record import Record

from .measure import MEBIBYTE, cost
from .server import HostileServer, Reply, drip, hostile_server

__all__ = ["database"]  # a fixture

PDS = Source("pds", "https://pds.example")
LIAR = Source("pds", "https://liar.example")
RELAY = Source("relay", "https://relay.example")


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def receive(ledger: Ledger, source: Source, *happenings: Any, size: int = 0) -> None:
    ledger.receive(source, [Event(n, what, size) for n, what in enumerate(happenings, 1)])


def made(at: int, name: str, did: str = DID) -> Commit:
    return Commit(did, rev(at), (write("a", dataset(name)),))


# -- servers that speak for others


@pytest.mark.parametrize("status", ["takendown", "deactivated", "deleted"])
def test_a_server_does_not_silence_an_account_that_is_not_known_yet(
    ledger: Ledger, database: Database, status: str
) -> None:
    receive(ledger, LIAR, Commit(DID, rev(1), ()), AccountChange(DID, status), IdentityChange(DID))
    row = ledger.next_due()
    assert row is not None
    assert row["did"] == DID
    assert row["status"] == "active"
    ledger.identify(DID, PDS.url, "lab.test")
    ledger.put_page(made(1, "true"))
    ledger.finish_history(DID, rev(1))
    receive(ledger, LIAR, AccountChange(DID, status), made(9, "a lie"), Gap(DID, rev(10)))
    assert names(database, DID) == {"true"}
    assert ledger.next_due() is None


@pytest.mark.parametrize("source", [PDS, RELAY], ids=lambda one: one.kind)
def test_its_own_server_and_relays_speak_for_an_account(
    ledger: Ledger, database: Database, source: Source
) -> None:
    ledger.add_repositories([DID])
    ledger.identify(DID, PDS.url, "lab.test")
    ledger.put_page(made(1, "true"))
    ledger.finish_history(DID, rev(1))
    receive(ledger, source, made(2, "newer"))
    assert names(database, DID) == {"newer"}
    receive(ledger, source, AccountChange(DID, "takendown"))
    assert names(database, DID) == set()


def test_commits_of_a_server_do_not_wait_for_an_account_of_another(
    ledger: Ledger, database: Database
) -> None:
    ledger.add_repositories([DID])
    ledger.identify(DID, PDS.url, "lab.test")
    receive(ledger, LIAR, made(5, "a lie"))
    ledger.finish_history(DID, rev(1))
    assert names(database, DID) == set()


def test_an_account_that_lost_its_handle_has_it_no_longer(
    ledger: Ledger, database: Database
) -> None:
    ledger.add_repositories([DID, OTHER])
    ledger.identify(DID, PDS.url, "nasa.gov")
    ledger.identify(OTHER, PDS.url, "nasa.gov")
    assert Reading(database).did_of("nasa.gov") == OTHER
    (row,) = database.read("SELECT * FROM repos WHERE did = ?", (DID,))
    assert (row["handle"], row["needs_identity"]) == (None, 1)


# -- memory


WAITING = """
from pathlib import Path
from atdata.appview.database.opening import open_database
from atdata.appview.events import Commit, Event, Write
from atdata.appview.ingest.ledger import Ledger
from atdata.appview.ingest.sources import Source
from appview.content import rev
ledger = Ledger(open_database(Path(arguments["path"])))
source = Source("pds", "https://liar.example")
def did(number):
    return "did:plc:" + "".join("abcdefghij"[int(digit)] for digit in f"{number:024}")
"""
FLOOD = """
for number in range(1500):
    write = Write("ac.foundation.dataset.record", "a", "cid", bytes(2_000_000))
    name = did(number if arguments["many"] else 1)
    ledger.receive(source, [Event(number + 1, Commit(name, rev(number + 1), (write,)), 2_000_000)])
result(ledger.position(source)[0])
"""


@pytest.mark.parametrize("many", [False, True])
def test_events_that_wait_are_bounded_by_bytes(tmp_path: Path, many: bool) -> None:
    arguments = {"path": str(tmp_path / "a.db"), "many": many}
    taken = cost(FLOOD, setup=WAITING, arguments=arguments)
    assert taken.answer == 1500
    taken.assert_bounded(memory=120 * MEBIBYTE, cpu=10)


def test_one_sources_events_take_no_room_of_anothers(
    ledger: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.ingest.pending._MOST_BYTES", 10_000)
    receive(ledger, LIAR, made(1, "a lie", OTHER), size=20_000)
    for number in range(20):
        receive(ledger, LIAR, made(number + 2, "a lie", OTHER), size=900)
    receive(ledger, PDS, made(5, "live"), size=900)
    ledger.identify(DID, PDS.url, "lab.test")
    ledger.finish_history(DID, rev(1))
    assert names(database, DID) == {"live"}
    assert ledger._pending.add(made(1, "x", DID), PDS, 8000)


def test_events_that_find_no_room_make_the_history_be_read_again(
    ledger: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.ingest.pending._MOST_BYTES", 2500)
    receive(ledger, PDS, *(made(n, f"name {n}") for n in range(2, 8)))
    ledger.identify(DID, PDS.url, "lab.test")
    ledger.finish_history(DID, rev(1))
    assert ledger.next_due() is not None
    ledger.put_page(made(9, "name 9"))
    ledger.finish_history(DID, rev(9))
    assert ledger.next_due() is None
    assert names(database, DID) == {"name 9"}


# -- what one repository may bring


def test_a_repository_brings_a_bounded_number_of_records_and_tags(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.database.writing.MOST_RECORDS", 20)
    tags = [f"tag {number}" for number in range(50)]
    for start in range(0, 60, 10):
        writes = [write(f"k{n}", dataset(f"name {n}", tags=tags)) for n in range(start, start + 10)]
        writes += [write(f"bad{n}", {**dataset("x"), "name": 5}) for n in range(start, start + 10)]
        with database.write() as tx:
            put_records(tx, DID, rev(start + 1), writes)
    count = lambda table: database.read(f"SELECT count(*) AS n FROM {table}")[0]["n"]  # noqa: E731
    assert (count("datasets"), count("refused")) == (20, 20)
    assert count("tags") == 20 * 32


def test_a_full_repository_can_change_what_it_has_and_takes_nothing_from_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.database.writing.MOST_RECORDS", 1)
    with database.write() as tx:
        put_records(tx, DID, rev(1), [write("a", dataset("one")), write("b", dataset("two"))])
        put_records(tx, DID, rev(2), [write("a", dataset("newer"))])
        put_records(tx, OTHER, rev(1), [write("a", dataset("other"))])
    assert (names(database, DID), names(database, OTHER)) == ({"newer"}, {"other"})


def json_reply(value: Any) -> Reply:
    return Reply(json.dumps(value).encode(), headers={"content-type": "application/json"})


class Home:
    """A personal data server of one account."""

    def __init__(self, server: HostileServer) -> None:
        self.did = f"did:web:localhost%3A{server.port}"
        service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer"}
        service["serviceEndpoint"] = server.url("", "localhost")
        value = dataset("honest", did=self.did)
        record = {"uri": f"at://{self.did}/{Record.NSID}/a", "value": value}
        record["cid"] = Record.from_dict(value).cid()
        self.replies = {
            "/.well-known/did.json": {"id": self.did, "alsoKnownAs": [], "service": [service]},
            "/xrpc/com.atproto.sync.getRepoStatus": {"active": True, "rev": rev(1)},
            "/xrpc/com.atproto.repo.listRecords": {"records": [record]},
        }
        server.answer = self.answer

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> Reply:
        answer = json_reply(self.replies[path.partition("?")[0]])
        return (
            answer
            if Record.NSID in path or "collection" not in path
            else json_reply({"records": []})
        )


class Dripping(Home):
    """One that answers a byte at a time, from some request on."""

    def __init__(self, server: HostileServer, path: str) -> None:
        self._path = path
        super().__init__(server)

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> Reply:
        answer = super().answer(method, path, headers)
        if self._path not in path:
            return answer
        assert isinstance(answer.body, bytes)
        return drip(answer.body, pause=0.1)


@pytest.mark.parametrize("path", ["did.json", "getRepoStatus", "listRecords"])
def test_dripping_repositories_do_not_keep_others_from_being_read(
    database: Database, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    monkeypatch.setattr("atdata.appview.ingest.limits._SECONDS", 1.0)
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(hostile_server()) for _ in range(7)]
        drips = [Dripping(server, path) for server in servers[:6]]
        honest = Home(servers[6])
        Ledger(database).add_repositories([one.did for one in drips])
        ingest = stack.enter_context(following(database))
        wait_until(lambda: len(ingest._busy) >= 3)
        ingest.ledger.add_repositories([honest.did])
        wait_until(lambda: names(database, honest.did) == {"honest"})
        assert not any(names(database, one.did) for one in drips)


def test_a_slow_server_is_asked_by_one_reader_only(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest = Ingest(database, Network(), [])
    with (
        pytest.raises(LimitExceeded),
        ingest._slow.guarded("https://127.0.0.1:1", allow_slow=False),
    ):
        raise LimitExceeded("slow")
    with pytest.raises(Exception, match="too slow recently"):
        ingest._slow.guarded("https://127.0.0.1:2/x", allow_slow=False).__enter__()
    with ingest._slow.guarded("https://127.0.0.1:2", allow_slow=True):
        pass
    with ingest._slow.guarded("https://127.0.0.2:1", allow_slow=False):
        pass


def test_a_repository_brings_a_bounded_number_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atdata.appview.ingest.limits._MOST", 1000)
    limits = ReadLimits()
    limits.received(5000)
    limits.begin()
    limits.received(900)
    with pytest.raises(LimitExceeded, match="more than 1,000 bytes"):
        limits.received(200)
    limits.finish()
    limits.received(5000)


def test_reading_that_brings_bytes_has_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atdata.appview.ingest.limits._SECONDS", 1.0)
    limits = ReadLimits()
    limits.begin()
    limits.received(2**20)
    left = limits.seconds(None)
    assert left is not None
    assert 60 < left < 66
    assert limits.seconds(5) == 5
