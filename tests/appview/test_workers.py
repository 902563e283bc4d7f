"""Workers outlive what fails: a step, or the database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from atdata.appview.database.opening import open_database
from atdata.appview.database.protocol import Database
from atdata.appview.events import Commit, Unreadable
from atdata.appview.ingest.follow import Ingest
from atdata.appview.ingest.ledger import Ledger
from atdata.appview.ingest.network import Network
from atdata.appview.ingest.sources import Source
from atdata.appview.workers import Workers
from atdata.atmosphere.identity import Identity
from atdata.errors import NetworkError, StorageError

from .content import DID, OTHER, dataset, rev, write
from .postgres import new_database, postgres_server
from .running import in_thread, wait_until


class Quiet(Network):
    """Each repository holds one dataset."""

    def refresh(self, did: str) -> Identity:
        return Identity(did, "https://pds.example")

    def state(self, did: str) -> tuple[str, str]:
        return "active", rev(1)

    def history(self, did: str, rev: str) -> Iterator[Commit]:
        yield Commit(did, rev, (write("a", dataset("one")),))


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers()
    yield made
    made.stop()


@pytest.fixture
def ingest(database: Database) -> Iterator[Ingest]:
    made = Ingest(database, Quiet(), [])
    yield made
    made.stop()


def test_a_step_that_fails_is_tried_again_and_seen(workers: Workers) -> None:
    tries: list[int] = []
    blocked = threading.Event()

    def step() -> bool:
        tries.append(1)
        if len(tries) < 3:
            raise ZeroDivisionError
        blocked.wait()
        return False

    workers.start("work", step)
    wait_until(lambda: len(tries) == 3)
    assert isinstance(workers.failing["work"], ZeroDivisionError)
    assert workers.is_broken
    blocked.set()
    wait_until(lambda: not workers.failing)
    assert workers.failures["work"] == 2
    assert not workers.is_broken


def test_a_server_of_the_network_that_fails_is_seen_and_not_our_fault(workers: Workers) -> None:
    def step() -> bool:
        raise NetworkError("not there")

    workers.start("follow", step)
    wait_until(lambda: workers.failing)
    assert not workers.is_broken


def failing(*args: object, **kwargs: object) -> Any:
    raise StorageError("the database is gone")


@pytest.mark.parametrize("methods", [("read",), ("write",), ("read", "write")])
def test_a_database_that_fails_for_a_while_stops_no_reader(
    database: Database, ingest: Ingest, monkeypatch: pytest.MonkeyPatch, methods: tuple[str, ...]
) -> None:
    ingest.ledger.add_repositories([DID])
    with monkeypatch.context() as patch:
        for name in methods:
            patch.setattr(database, name, failing)
        ingest.start()
        wait_until(lambda: ingest.workers.failing)
        assert ingest.workers.is_broken
    wait_until(lambda: database.read("SELECT 1 FROM datasets"))
    ingest.ledger.add_repositories([OTHER])
    wait_until(lambda: len(database.read("SELECT 1 FROM datasets")) == 2)
    wait_until(lambda: not ingest.workers.failing)


def test_a_full_disk_ends_the_transaction_and_no_later_one(tmp_path: Path) -> None:
    database = open_database(tmp_path / "appview.db")
    (pages,) = database.read("PRAGMA page_count")
    database._writer.execute(f"PRAGMA max_page_count = {pages['page_count'] + 5}")  # type: ignore[attr-defined]

    def fill() -> None:
        with database.write() as tx:
            for number in range(1000):
                tx.run("INSERT INTO takedowns VALUES (?, ?)", (f"{number}", "x" * 2000))

    for _ in range(2):
        with pytest.raises(StorageError, match="full"):
            fill()
    database._writer.execute("PRAGMA max_page_count = 100000")  # type: ignore[attr-defined]
    fill()
    assert len(database.read("SELECT * FROM takedowns")) == 1000
    database.close()


def _put_twice(database: Database, value: Any) -> None:
    with database.write() as tx:
        tx.run("INSERT INTO takedowns VALUES ('x', 'x')")
        tx.run("UPDATE repos SET tries = ? WHERE did = ?", (value, value))


@pytest.mark.parametrize("value", ["a\ud800", 2**70])
def test_values_that_can_not_be_stored_are_no_failure_of_the_database(
    database: Database, value: Any
) -> None:
    kinds = (OverflowError, UnicodeError, psycopg.DataError, psycopg.ProgrammingError)
    with pytest.raises(kinds):
        _put_twice(database, value)
    assert database.read("SELECT * FROM takedowns") == []


def test_what_is_kept_is_bounded_in_each_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.database.writing._UNREADABLE", 3)
    monkeypatch.setattr("atdata.appview.database.writing.MOST_RECORDS", 2)
    ledger, relay = Ledger(database), Source("relay", "https://relay.example")
    for number in range(6):
        ledger.receive(relay, [Unreadable(number, "a\0b", b"\0"), Unreadable(None, "", b"")])
    assert len(database.read("SELECT * FROM unreadable")) == 3
    ledger.put_page(Commit(DID, rev(1), tuple(write(key, dataset(key)) for key in "abc")))
    assert len(database.read("SELECT * FROM datasets")) == 2


def test_postgresql_may_be_restarted_while_workers_run(tmp_path: Path) -> None:
    with postgres_server() as url:
        database = open_database(new_database(url))
        ingest = Ingest(database, Quiet(), [])
        ingest.ledger.add_repositories([DID])
        ingest.start()
        wait_until(lambda: database.read("SELECT 1 FROM datasets"))
        _end_sessions(url)
        ingest.ledger.work.set()
        wait_until(lambda: ingest.workers.failures.total() > 0)
        wait_until(lambda: not ingest.workers.failing)
        ingest.ledger.add_repositories([OTHER])
        wait_until(lambda: len(database.read("SELECT 1 FROM datasets")) == 2)
        ingest.stop()
        database.close()


def _end_sessions(url: str) -> None:
    """End every connection, as a server that is restarted does."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )


def test_health_and_metrics_show_workers_that_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.ingest.follow.Ledger.next_due", failing)
    with in_thread(tmp_path / "broken") as appview:
        wait_until(lambda: appview.get("/health").status_code == 503)
        assert appview.get("/health").json()["failing"]["read 0"] == "StorageError"
        text = appview.get("/metrics").text
        assert "atdata_appview_workers_failing 4" in text
        assert 'atdata_appview_worker_failures_total{worker="read 0"}' in text


def test_health_is_well_while_a_followed_server_is_away(tmp_path: Path) -> None:
    sources = (Source("relay", "http://127.0.0.1:1"),)
    with in_thread(tmp_path / "well", sources=sources) as appview:
        wait_until(lambda: appview.get("/health").json()["failing"])
        answer = appview.get("/health")
        assert answer.status_code == 200
        assert answer.json()["failing"] == {"follow http://127.0.0.1:1": "NetworkError"}
    with in_thread(tmp_path / "alone") as appview:
        assert appview.get("/health").json() == {"status": "ok", "failing": {}}
