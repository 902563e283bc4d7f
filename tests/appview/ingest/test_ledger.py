"""The rules by which the database stays in step, one event after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atdata.appview.database.opening import open_database
from atdata.appview.database.reading import Reading, Search
from atdata.appview.events import AccountChange, Commit, Event, Gap, IdentityChange
from atdata.appview.ingest.ledger import Ledger
from atdata.appview.ingest.sources import Source
from atdata.errors import UrlError

from ..content import DID, dataset, deleted, rev, write

PDS = Source("pds", "https://pds.example")
RELAY = Source("relay", "https://relay.example")


class Follower:
    def __init__(self, path: Path) -> None:
        self.database = open_database(path)
        self.ledger = Ledger(self.database)
        self.position = 0

    def receive(self, *happenings: Any, source: Source = PDS) -> None:
        events = []
        for what in happenings:
            self.position += 1
            events.append(Event(self.position, what))
        self.ledger.receive(source, events)

    def read_history(self, *writes: Any, at: int, pds: str = PDS.url) -> None:
        self.ledger.identify(DID, pds, "lab.test")
        self.ledger.put_page(Commit(DID, rev(at), writes))
        self.ledger.finish_history(DID, rev(at))

    def names(self) -> set[str]:
        return {row["name"] for row in Reading(self.database).datasets(Search(), 50).rows}

    @property
    def next_due(self) -> str | None:
        row = self.ledger.next_due()
        return row["did"] if row else None


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    return Follower(tmp_path / "appview.db")


def made(at: int, key: str, name: str) -> Commit:
    return Commit(DID, rev(at), (write(key, dataset(name)),))


def gone(at: int, key: str) -> Commit:
    return Commit(DID, rev(at), (deleted(key),))


def test_events_wait_until_the_history_is_in(follower: Follower) -> None:
    follower.receive(made(3, "c", "three"), gone(4, "a"), made(5, "c", "five"))
    assert follower.names() == set()
    assert follower.next_due == DID
    follower.read_history(write("a", dataset("one")), write("b", dataset("two")), at=3)
    assert follower.names() == {"two", "five"}
    assert follower.next_due is None


def test_what_the_history_holds_already_is_not_done_again(follower: Follower) -> None:
    follower.receive(made(3, "a", "three"), gone(4, "a"), made(5, "a", "five"))
    follower.read_history(write("a", dataset("six")), at=6)
    assert follower.names() == {"six"}


def test_events_that_come_twice_change_nothing(follower: Follower) -> None:
    follower.receive(made(1, "a", "one"))
    follower.read_history(at=1)
    events = [made(2, "a", "two"), gone(3, "a"), made(4, "b", "four")]
    follower.receive(*events)
    follower.receive(*events)
    assert follower.names() == {"four"}


def test_reading_a_history_again_drops_what_is_gone(follower: Follower) -> None:
    follower.ledger.add_repositories([DID])
    follower.read_history(write("a", dataset("one")), write("b", dataset("two")), at=1)
    follower.receive(Gap(DID, rev(5)))
    assert follower.next_due == DID
    follower.read_history(write("b", dataset("two")), at=5)
    assert follower.names() == {"two"}
    assert follower.next_due is None


def test_a_gap_after_the_history_makes_it_be_read_once_more(follower: Follower) -> None:
    follower.ledger.add_repositories([DID])
    follower.receive(Gap(DID, rev(9)))
    follower.read_history(at=8)
    assert follower.next_due == DID
    follower.read_history(at=9)
    assert follower.next_due is None


def test_an_inactive_account_is_hidden_and_comes_back(follower: Follower) -> None:
    follower.receive(made(1, "a", "one"))
    follower.read_history(write("a", dataset("one")), at=1)
    follower.receive(AccountChange(DID, "deactivated"))
    assert follower.names() == set()
    follower.receive(AccountChange(DID, "active"))
    assert follower.names() == {"one"}


def test_a_deleted_account_leaves_nothing(follower: Follower) -> None:
    follower.receive(made(1, "a", "one"))
    follower.read_history(write("a", dataset("one")), at=1)
    follower.receive(AccountChange(DID, "deleted"))
    assert follower.database.read("SELECT * FROM datasets") == []
    assert follower.next_due is None
    follower.receive(AccountChange(DID, "active"))
    assert follower.next_due == DID


def test_a_changed_identity_is_looked_up_again(follower: Follower) -> None:
    follower.ledger.add_repositories([DID])
    follower.read_history(at=1)
    follower.receive(IdentityChange(DID))
    assert follower.next_due == DID
    follower.ledger.identify(DID, PDS.url, "new.test")
    assert follower.next_due is None


def test_accounts_that_publish_nothing_are_not_kept(follower: Follower) -> None:
    follower.receive(AccountChange(DID, "deleted"), IdentityChange(DID), None)
    assert follower.database.read("SELECT * FROM repos") == []
    assert follower.ledger.position(PDS) == (3, False)


def test_a_server_speaks_only_for_the_repositories_that_it_holds(follower: Follower) -> None:
    liar = Source("pds", "https://liar.example")
    follower.receive(made(5, "a", "a lie"), source=liar)
    follower.read_history(write("a", dataset("true")), at=1)
    follower.receive(made(6, "a", "a lie"), AccountChange(DID, "deleted"), source=liar)
    assert follower.names() == {"true"}
    follower.receive(made(7, "a", "from the relay"), source=RELAY)
    assert follower.names() == {"from the relay"}


def test_the_position_is_kept_with_what_was_heard(follower: Follower, tmp_path: Path) -> None:
    assert follower.ledger.position(PDS) == (0, False)
    follower.receive(made(1, "a", "one"))
    follower.ledger.mark_listed(PDS)
    assert follower.ledger.position(PDS) == (1, True)
    assert Follower(tmp_path / "appview.db").ledger.position(PDS) == (1, True)
    follower.ledger.forget(PDS)
    assert follower.ledger.position(PDS) == (0, False)


def test_a_source_that_was_listed_but_never_heard_is_listed_again(follower: Follower) -> None:
    follower.ledger.mark_listed(PDS)
    assert follower.ledger.position(PDS) == (0, False)


def test_a_source_that_was_listed_before_a_record_type_was_added_is_listed_again(
    follower: Follower,
) -> None:
    follower.receive(made(1, "a", "one"))
    with follower.database.write() as tx:
        tx.run("UPDATE sources SET listed = 1")
    assert follower.ledger.position(PDS) == (1, False)
    follower.ledger.mark_listed(PDS)
    assert follower.ledger.position(PDS) == (1, True)


def test_a_process_that_dies_while_events_wait_reads_the_history_anew(
    follower: Follower, tmp_path: Path
) -> None:
    follower.receive(made(3, "c", "three"))
    successor = Follower(tmp_path / "appview.db")
    assert successor.next_due == DID
    successor.read_history(write("c", dataset("three")), at=3)
    assert successor.names() == {"three"}


def test_a_repository_that_fails_waits_longer_each_time(follower: Follower) -> None:
    follower.ledger.add_repositories([DID])
    dues = []
    for _ in range(3):
        follower.ledger.postpone(DID)
        (row,) = follower.database.read("SELECT due, tries FROM repos")
        dues.append(row["due"])
    assert dues == sorted(dues)
    assert row["tries"] == 3
    assert follower.next_due is None


def test_too_many_waiting_events_are_given_up_for_another_reading(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.ingest.pending._MOST_BYTES", 3 * 1000)
    follower.receive(*(made(n, f"k{n}", f"name {n}") for n in range(1, 9)))
    follower.read_history(at=1)
    assert follower.next_due == DID
    follower.read_history(*(write(f"k{n}", dataset(f"name {n}")) for n in range(1, 9)), at=8)
    assert len(follower.names()) == 8
    assert follower.next_due is None


@pytest.mark.parametrize("url", ["", "ftp://host", "https://", "https://host/path"])
def test_a_source_is_the_base_url_of_a_server(url: str) -> None:
    with pytest.raises(UrlError):
        Source("relay", url)


def test_a_source_reports_where_its_stream_is() -> None:
    assert PDS.stream_url(0) == "wss://pds.example/xrpc/com.atproto.sync.subscribeRepos?"
    assert RELAY.stream_url(7).endswith("subscribeRepos?cursor=7")
    jetstream = Source("jetstream", "http://localhost:6008/")
    assert jetstream.stream_url(9) == (
        "ws://localhost:6008/subscribe?wantedCollections=ac.foundation.dataset.record"
        "&wantedCollections=ac.foundation.dataset.sampleSchema"
        "&wantedCollections=science.alt.dataset.entry"
        "&wantedCollections=science.alt.dataset.schema"
        "&wantedCollections=ac.foundation.dataset.schema&cursor=9"
    )
