"""Following the reference PDS, for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from atdata.appview.database.opening import open_database
from atdata.appview.database.protocol import Database
from atdata.appview.database.reading import Reading
from atdata.appview.ingest.sources import Source
from atdata.atmosphere import AtmosphereClient
from atdata_records.ac.foundation.dataset.record import Record
from servers.atproto_pds import Account, Pds

from ..content import dataset, rev_in
from ..following import database, following, names
from ..running import wait_until

__all__ = ["database"]  # a fixture

FOLLOW = """
import sys
from pathlib import Path
from atdata.appview.database.opening import open_database
from atdata.appview.ingest.follow import Ingest
from atdata.appview.ingest.network import Network
from atdata.appview.ingest.sources import Source
path, pds = sys.argv[1:]
Ingest(open_database(Path(path)), Network([pds]), [Source("pds", pds)]).start()
sys.stdin.read()
"""


@pytest.fixture
def lab(pds_env: Pds) -> AtmosphereClient:
    return log_in(pds_env, pds_env.new_account("ingest"))


def log_in(pds: Pds, account: Account) -> AtmosphereClient:
    client = AtmosphereClient(pds.url)
    client.login(account.handle, account.app_password)
    return client


def publish(client: AtmosphereClient, rkey: str, name: str) -> None:
    client.put_record(Record.NSID, rkey, dataset(name, did=client.did))


def admin(pds: Pds, client: AtmosphereClient, method: str, body: dict[str, Any] | None) -> None:
    """A request of the account itself, which only its main password may make."""
    (account,) = (one for one in pds.accounts if one.did == client.did)
    made = post(
        pds, "server.createSession", {"identifier": account.did, "password": account.password}
    )
    post(pds, method, body, made["accessJwt"])


def post(pds: Pds, method: str, body: dict[str, Any] | None, token: str | None = None) -> Any:
    request = urllib.request.Request(
        f"{pds.url}/xrpc/com.atproto.{method}",
        data=b"" if body is None else json.dumps(body).encode(),
        headers=({} if body is None else {"Content-Type": "application/json"})
        | ({"Authorization": f"Bearer {token}"} if token else {}),
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def test_what_was_there_and_what_happens_next(
    pds_env: Pds, lab: AtmosphereClient, database: Database
) -> None:
    publish(lab, "before", "before")
    with following(database, Source("pds", pds_env.url)):
        wait_until(lambda: names(database, lab.did) == {"before"})
        repo = Reading(database).repo(lab.did)
        assert repo is not None
        assert repo["handle"] == lab.handle
        publish(lab, "live", "live")
        assert wait_until(lambda: names(database, lab.did) == {"before", "live"}) < 2
        publish(lab, "before", "after")
        wait_until(lambda: names(database, lab.did) == {"after", "live"})
        lab.delete_record(f"at://{lab.did}/{Record.NSID}/live")
        wait_until(lambda: names(database, lab.did) == {"after"})


def test_invalid_records_are_kept_with_issues_and_not_listed(
    pds_env: Pds, lab: AtmosphereClient, database: Database
) -> None:
    def put(rkey: str, value: dict[str, Any]) -> None:
        body = {"repo": lab.did, "collection": Record.NSID, "rkey": rkey, "record": value}
        lab._call("putRecord", body)

    put("listed", dataset("", did=lab.did))
    with following(database, Source("pds", pds_env.url)):
        refused = lambda: database.read(  # noqa: E731
            "SELECT rkey, issues FROM refused WHERE did = ? ORDER BY rkey", (lab.did,)
        )
        wait_until(refused)
        put("live", {**dataset("x", did=lab.did), "storage": "nowhere"})
        wait_until(lambda: len(refused()) == 2)
        assert [json.loads(row["issues"])[0]["path"] for row in refused()] == [
            "$.name",
            "$.storage",
        ]
        assert names(database, lab.did) == set()
        publish(lab, "live", "good now")
        wait_until(lambda: names(database, lab.did) == {"good now"})
        assert len(refused()) == 1


def test_accounts_that_go_and_come_back(
    pds_env: Pds, lab: AtmosphereClient, database: Database
) -> None:
    publish(lab, "a", "one")
    with following(database, Source("pds", pds_env.url)):
        wait_until(lambda: names(database, lab.did) == {"one"})
        admin(pds_env, lab, "server.deactivateAccount", {})
        wait_until(lambda: names(database, lab.did) == set())
        admin(pds_env, lab, "server.activateAccount", None)
        wait_until(lambda: names(database, lab.did) == {"one"})


def test_an_account_that_is_inactive_at_first_is_read_when_it_is_back(
    pds_env: Pds, lab: AtmosphereClient, database: Database
) -> None:
    publish(lab, "a", "one")
    admin(pds_env, lab, "server.deactivateAccount", {})
    with following(database, Source("pds", pds_env.url)):
        wait_until(
            lambda: database.read(
                "SELECT 1 FROM repos WHERE did = ? AND status = 'deactivated'", (lab.did,)
            )
        )
        admin(pds_env, lab, "server.activateAccount", None)
        wait_until(lambda: names(database, lab.did) == {"one"})


def test_a_handle_that_changes(pds_env: Pds, lab: AtmosphereClient, database: Database) -> None:
    publish(lab, "a", "one")
    with following(database, Source("pds", pds_env.url)):
        wait_until(lambda: Reading(database).did_of(lab.handle) == lab.did)
        handle = f"renamed-{lab.handle}"
        admin(pds_env, lab, "identity.updateHandle", {"handle": handle})
        wait_until(lambda: Reading(database).did_of(handle) == lab.did)
        assert Reading(database).did_of(lab.handle) is None


def test_going_on_where_it_was_left(
    pds_env: Pds, lab: AtmosphereClient, database: Database
) -> None:
    source = Source("pds", pds_env.url)
    publish(lab, "a", "one")
    with following(database, source) as ingest:
        wait_until(lambda: names(database, lab.did) == {"one"})
        publish(lab, "b", "two")
        wait_until(lambda: ingest.ledger.position(source)[1])
    publish(lab, "a", "uno")
    lab.delete_record(f"at://{lab.did}/{Record.NSID}/b")
    with following(database, source):
        wait_until(lambda: names(database, lab.did) == {"uno"})


def test_a_position_that_the_server_does_not_know_starts_anew(
    pds_env: Pds, lab: AtmosphereClient, database: Database
) -> None:
    source = Source("pds", pds_env.url)
    with database.write() as tx:
        tx.run("INSERT INTO sources VALUES (?, ?, 1)", (source.url, 10**9))
    publish(lab, "a", "one")
    with following(database, source):
        wait_until(lambda: names(database, lab.did) == {"one"})


def test_killed_at_any_moment_it_loses_and_doubles_nothing(
    pds_env: Pds, lab: AtmosphereClient, tmp_path: Path
) -> None:
    path, wanted = tmp_path / "killed.db", set()
    writing = threading.Event()

    def write() -> None:
        for number in range(60):
            publish(lab, f"r{number % 40}", f"name {number}")
            if number % 7 == 3:
                lab.delete_record(f"at://{lab.did}/{Record.NSID}/r{number % 40}")
        writing.set()

    writer = threading.Thread(target=write)
    writer.start()
    kills = 0
    while not writing.is_set():
        process = follow(path, pds_env)
        time.sleep(0.7 + 0.13 * kills)
        os.kill(process.pid, signal.SIGKILL)
        reap(process)
        kills += 1
    writer.join()
    assert kills >= 2
    values, _ = lab.list_records(Record.NSID)
    wanted = {value["name"] for value in values}
    process = follow(path, pds_env)
    database = open_database(path)
    try:
        wait_until(lambda: names(database, lab.did) == wanted)
    finally:
        process.terminate()
        reap(process)
        database.close()
    rows = database_rows(path, lab.did)
    assert len(rows) == len(set(rows)) == len(wanted)


def database_rows(path: Path, did: str) -> list[str]:
    database = open_database(path)
    rows = database.read("SELECT rkey FROM datasets WHERE did = ?", (did,))
    texts = database.read("SELECT count(*) AS n FROM words")
    datasets = database.read("SELECT count(*) AS n FROM datasets")
    assert texts[0]["n"] == datasets[0]["n"]
    database.close()
    return [row["rkey"] for row in rows]


def follow(path: Path, pds: Pds) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", FOLLOW, str(path), pds.url],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def reap(process: subprocess.Popen[bytes]) -> None:
    process.wait()
    assert process.stdin
    process.stdin.close()


def test_jetstream(pds_env: Pds, lab: AtmosphereClient, database: Database) -> None:
    value = dataset("over jetstream", did=lab.did)
    publish(lab, "history", "history")

    def send(stream: ServerConnection) -> None:
        commit = {
            "rev": rev_in(60),
            "operation": "create",
            "collection": Record.NSID,
            "rkey": "new",
            "cid": Record.from_dict(value).cid(),
            "record": value,
        }
        event = {"did": lab.did, "time_us": 77, "kind": "commit", "commit": commit}
        stream.send(json.dumps(event))
        stream.recv()

    with serve(send, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        source = Source("jetstream", f"http://127.0.0.1:{server.socket.getsockname()[1]}")
        with following(database, source) as ingest:
            wait_until(lambda: names(database, lab.did) == {"history", "over jetstream"})
            wait_until(lambda: ingest.ledger.position(source) == (77, True))
        server.shutdown()
        thread.join()


def test_a_server_that_is_not_there_is_tried_again(database: Database) -> None:
    source = Source("pds", "http://127.0.0.1:1")
    with following(database, source) as ingest:
        time.sleep(0.3)
        assert ingest.received == {}
