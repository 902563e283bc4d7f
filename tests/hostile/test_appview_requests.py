"""Requests that are made to hold the AppView, and what an operator asks of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from appview.conftest import database, postgres_url
from appview.content import DID, OTHER, dataset, rev, schema, write
from appview.running import AppView, as_process, in_thread, wait_until
from atdata.appview.database.protocol import Database, Parameters, QueryTooLong, Row
from atdata.appview.database.reading import Reading, Search, SearchError
from atdata.appview.database.writing import put_records
from atdata.appview.rate_limit import RateLimit
from atdata.cli import main

__all__ = ["database", "postgres_url"]  # fixtures


@pytest.fixture
def appview(tmp_path: Path) -> Iterator[AppView]:
    with in_thread(tmp_path / "appview") as service:
        service.follow(DID, "https://pds.example", "lab.test")
        service.put(DID, "good", dataset("good", description="words to find"))
        service.put(DID, "Sample:1.0.0", schema("Sample", "1.0.0"))
        yield service


def deep_cursor(depth: int = 100_000) -> str:
    return base64.urlsafe_b64encode(b"[" * depth).decode()


# -- requests that are answered, whatever they are


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/", {"cursor": deep_cursor(20_000)}),
        ("/", {"cursor": "x" * 10_000}),
        ("/", {"tag": " ".join(map(str, range(3000)))}),
        ("/xrpc/ac.foundation.dataset.listDatasets", {"cursor": deep_cursor(20_000)}),
        ("/xrpc/ac.foundation.dataset.searchDatasets", {"tags": [str(n) for n in range(3000)]}),
        ("/xrpc/ac.foundation.dataset.listSchemas", {"cursor": deep_cursor(2000)}),
    ],
)
def test_queries_that_are_too_much_are_refused(
    appview: AppView, path: str, params: dict[str, Any]
) -> None:
    assert appview.get(path, params=params).status_code == 400


def test_queries_up_to_the_limits_are_answered(appview: AppView) -> None:
    tags = [str(n) for n in range(16)]
    assert appview.get("/", params={"tag": " ".join(tags)}).status_code == 200
    answer = appview.query("searchDatasets", tags=tags)
    assert answer.json()["datasets"] == []
    assert len(appview.query("searchDatasets", q="fi find words w").json()["datasets"]) == 1


@pytest.mark.parametrize("target", ["127.0.0.1:80", "*", "//", "http://a.example/", "/%00/%ff"])
@pytest.mark.parametrize("method", ["CONNECT", "OPTIONS", "GET", "TRACE"])
def test_targets_that_are_no_paths_are_no_errors_of_the_service(
    appview: AppView, method: str, target: str
) -> None:
    with connected(appview) as connection:
        connection.sendall(f"{method} {target} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        status = connection.recv(100).split()[1]
    assert 200 <= int(status) < 500


@pytest.mark.parametrize("text", ["\0", "a\0b", "_", "___ a_", "\ud7ff", "é" * 400, "' & | ! :*"])
def test_any_text_can_be_searched_for(database: Database, text: str) -> None:
    with database.write() as tx:
        put_records(tx, DID, rev(1), [write("a", dataset("one"))])
    reading = Reading(database)
    assert len(reading.datasets(Search(words=f"one {text.replace('a', '')}"), 5).rows) <= 1
    for search in (Search(author=text), Search(license=text), Search(tags=[text])):
        assert reading.datasets(search, 5).rows == []
    assert reading.dataset(text, text) is None
    assert reading.did_of(text) is None
    assert len(reading.datasets(Search(words="one"), 5).rows) == 1


# -- what a search costs


def test_words_that_begin_alike_are_asked_for_once(database: Database) -> None:
    with database.write() as tx:
        for number, name in enumerate(("names", "name", "nation")):
            put_records(tx, DID, rev(1), [write(f"r{number}", dataset(name))])
    reading = Reading(database)
    for words in ("name", "n na nam name", "name name NAME", "na name"):
        found = reading.datasets(Search(words=words if words[1] != " " else words[2:]), 5).rows
        assert {row["name"] for row in found} == {"names", "name"}
    assert reading.datasets(Search(words="a " * 1000), 5).rows == []
    with pytest.raises(SearchError):
        reading.datasets(Search(tags=[str(n) for n in range(17)]), 5)


def test_a_question_that_takes_too_long_is_ended(database: Database) -> None:
    count = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " SELECT max(i) AS most FROM n"
    )
    with pytest.raises(QueryTooLong):
        database.read(count, (10**9,), seconds=0.2)
    assert database.read(count, (1000,), seconds=5)[0]["most"] == 1000
    assert database.read(count, (1000,))[0]["most"] == 1000


def test_a_search_that_takes_too_long_is_refused(
    appview: AppView, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object, **__: object) -> None:
        raise QueryTooLong("the search takes too long")

    monkeypatch.setattr("atdata.appview.database.sqlite.SqliteDatabase.read", read)
    answer = appview.query("searchDatasets", q="words")
    assert (answer.status_code, answer.json()["error"]) == (503, "Busy")
    assert appview.get("/?q=words").status_code == 503
    assert appview.get(f"/wds/{DID}/good/000000.tar").status_code == 503


def test_slow_searches_delay_neither_shards_nor_monitoring(
    appview: AppView, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, released = threading.Semaphore(0), threading.Event()
    search = Reading.datasets

    def slow(*arguments: Any) -> Any:
        begun.release()
        released.wait()
        return search(*arguments)

    monkeypatch.setattr(Reading, "datasets", slow)
    with ThreadPoolExecutor(40) as clients:
        try:
            paths = ["/?q=words", "/xrpc/ac.foundation.dataset.searchDatasets?q=words"] * 20
            answers = [clients.submit(appview.get, path) for path in paths]
            assert begun.acquire(timeout=30)
            for path in ("/health", "/metrics", "/static/page.js"):
                assert appview.get(path).status_code == 200
            assert appview.get(f"/wds/{DID}/good/000009.tar").status_code == 404
            assert not any(answer.done() for answer in answers)
        finally:
            released.set()
        assert {answer.result().status_code for answer in answers} == {200}


class Counted:
    """A database that counts its questions."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.asked: Counter[str] = Counter()

    def read(self, sql: str, parameters: Parameters = (), **settings: Any) -> list[Row]:
        self.asked[sql[:60]] += 1
        return self.inner.read(sql, parameters, **settings)


def test_totals_are_counted_every_few_seconds_only(database: Database) -> None:
    counted: Any = Counted(database)
    reading = Reading(counted)
    assert [reading.counts()["datasets"] for _ in range(60)] == [0] * 60
    assert set(counted.asked.values()) == {1}
    reading.counts._until = 0.0
    with database.write() as tx:
        put_records(tx, DID, rev(1), [write("a", dataset("one"))])
    assert reading.counts()["datasets"] == 1


# -- who asks how often


def test_what_watches_the_service_is_limited_too_and_by_itself(tmp_path: Path) -> None:
    with in_thread(tmp_path / "limited", rate=3) as appview:
        answers = [appview.get(path).status_code for path in ("/health", "/metrics") * 3]
        assert answers == [200, 200, 200, 429, 429, 429]
        assert appview.query("listDatasets").status_code == 200


@pytest.mark.parametrize(
    ("addresses", "passed"),
    [
        ([f"2001:db8::{n:x}" for n in range(200)], 3),
        ([f"2001:db8:{n:x}::1" for n in range(200)], 200),
        ([f"192.0.2.{n}" for n in range(200)], 200),
    ],
)
def test_a_network_of_ipv6_is_one_client(addresses: list[str], passed: int) -> None:
    statuses: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive() -> Any:
        return {"type": "http.request"}

    requests = RateLimit(app, rate=3, counts=Counter())
    for address in addresses:
        scope = {"type": "http", "path": "/", "client": (address, 1), "headers": []}
        asyncio.run(requests(scope, receive, send))  # type: ignore[arg-type]
    assert statuses.count(200) == passed


# -- connections


def connected(appview: AppView) -> socket.socket:
    host, port = appview.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def test_unfinished_requests_hold_nothing_up(tmp_path: Path) -> None:
    with as_process(tmp_path / "appview") as service, contextlib.ExitStack() as held:
        connections = []
        for _ in range(1100):
            connection = held.enter_context(connected(service))
            connections.append(connection)
            connection.sendall(b"GET / HTTP/1.1\r\nhost: ")
            if not len(connections) % 100:
                assert httpx.get(f"{service.url}/health", timeout=10).status_code == 200
        # All but those that one client may have were closed at once.
        gone = [connection for connection in connections[:900] if is_closed(connection)]
        assert len(gone) == 900


def is_closed(connection: socket.socket) -> bool:
    connection.settimeout(5)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nx: ",
        b"GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\n\r\n",
    ],
    ids=["nothing", "half a head", "no body"],
)
def test_a_request_that_does_not_arrive_is_given_up(
    appview: AppView, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr("atdata.appview.web.connections._REQUEST_SECONDS", 1.0)
    with connected(appview) as connection:
        connection.sendall(begun)
        connection.settimeout(0.2)
        for _ in range(40):
            with contextlib.suppress(TimeoutError):
                try:
                    if not connection.recv(1000):
                        break
                    connection.sendall(b"x")  # a drip does not help
                except ConnectionError:
                    break
        else:
            pytest.fail("the connection is still open")


def test_a_client_that_takes_nothing_is_given_up(
    appview: AppView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.web.connections._STALLED_SECONDS", 0.5)
    for number in range(60):
        appview.put(DID, f"r{number}", dataset(f"r{number}", description="x" * 2900))
    path = "/xrpc/ac.foundation.dataset.listDatasets?limit=50"
    request = f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode() * 60
    with connected(appview) as connection:
        connection.sendall(request)
        wait_until(lambda: is_broken(connection), 15)


def is_broken(connection: socket.socket) -> bool:
    try:
        connection.sendall(b" ")
    except ConnectionError:
        return True
    return False


def test_a_patient_client_keeps_its_connection(
    appview: AppView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.web.connections._MOST_OF_CLIENT", 3)
    with contextlib.ExitStack() as held, httpx.Client(base_url=appview.url) as client:
        for _ in range(5):
            held.enter_context(connected(appview))
        for _ in range(5):
            assert client.get("/health").json()["status"] == "ok"


# -- takedowns


def run(appview: AppView, *arguments: str) -> Any:
    return CliRunner().invoke(main, ["appview", *arguments, "--data", str(appview.data)])


RECORD = "ac.foundation.dataset.record"


@pytest.mark.parametrize(
    "subject",
    [
        "nonsense",
        "at://nonsense/x",
        "@nobody.test",
        "nobody.test",
        f"at://nobody.test/{RECORD}/good",
        f"at://{DID}/{RECORD}/god",
        f"at://{DID}/app.bsky.feed.post/good",
        f"at://{DID}/{RECORD}",
        OTHER,
        "did:plc:typo",
        "",
    ],
)
@pytest.mark.parametrize("command", ["takedown", "restore"])
def test_what_can_not_be_resolved_is_not_called_done(
    appview: AppView, command: str, subject: str
) -> None:
    reason = ["--reason", "asked for"] if command == "takedown" else []
    answer = run(appview, command, subject, *reason)
    assert answer.exit_code not in (0, 1), answer.output
    assert "shown again" not in answer.output
    assert appview.database.read("SELECT * FROM takedowns") == []
    assert appview.get(f"/dataset/{DID}/good").status_code == 200


@pytest.mark.parametrize(
    "subject",
    [
        "lab.test",
        "@lab.test",
        "@LAB.test",
        "at://lab.test",
        DID,
        f"at://{DID}",
        f"at://lab.test/{RECORD}/good",
        f"at://{DID}/{RECORD}/good",
    ],
)
def test_what_is_taken_down_is_not_shown_until_it_is_restored(
    appview: AppView, subject: str
) -> None:
    answer = run(appview, "takedown", subject, "--reason", "asked for", "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output)["subject"].removeprefix("at://").startswith(DID)
    assert appview.get(f"/dataset/{DID}/good").status_code == 404
    assert run(appview, "restore", subject).exit_code == 0
    assert appview.get(f"/dataset/{DID}/good").status_code == 200
    assert run(appview, "restore", subject).exit_code != 0


def test_an_account_can_be_taken_down_ahead(appview: AppView) -> None:
    assert run(appview, "takedown", OTHER, "--reason", "x", "--ahead").exit_code == 0
    appview.follow(OTHER, "https://pds.example")
    appview.put(OTHER, "evil", dataset("evil"))
    assert appview.get(f"/dataset/{OTHER}/evil").status_code == 404
