"""The AppView's log, metrics and answers: no forged lines, no passwords."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appview.running import as_process, in_thread, wait_until
from atdata.appview.database.opening import open_database
from atdata.appview.events import Commit, Event
from atdata.appview.ingest.ledger import Ledger
from atdata.appview.ingest.network import Network
from atdata.appview.ingest.sources import Source
from atdata.appview.logs import SafeFormatter
from atdata.appview.service import Settings

from .server import HostileServer, Reply

FORGED = "x\n2026-01-01 00:00:00,000 INFO atdata.appview forged \x1b[2J\x9b\u202e\r\x85\u2028"
SECRET = "hunter2"


def formatted(message: str, error: Exception | None = None) -> str:
    record = logging.LogRecord("a", logging.INFO, "p", 1, "%s", (message,), None)
    if error:
        try:
            raise error
        except type(error):
            record.exc_info = sys.exc_info()
    return SafeFormatter("%(levelname)s %(message)s").format(record)


@given(st.text(st.characters()))
def test_a_message_is_one_safe_line(text: str) -> None:
    line = formatted(text)
    assert line.startswith("INFO ")
    assert len(line.splitlines()) == 1
    assert line.encode()


def test_a_harmless_message_is_unchanged() -> None:
    assert formatted("Zoë followed https://relay.example/x") == (
        "INFO Zoë followed https://relay.example/x"
    )


def test_no_line_of_a_traceback_looks_like_a_message() -> None:
    first, *others = formatted("failed", ValueError(FORGED)).splitlines()
    assert first == "INFO failed"
    assert others
    assert all(line.startswith("  | ") for line in others)
    assert not any(character in "".join(others) for character in "\x1b\x9b\u202e")


def json_reply(status: int, value: Any) -> Reply:
    headers = {"content-type": "application/json"}
    return Reply(json.dumps(value).encode(), status, headers)


def test_the_log_of_the_service_holds_no_line_of_a_hostile_server(
    tmp_path: Path, hostile: HostileServer
) -> None:
    did, url = f"did:web:localhost%3A{hostile.port}", hostile.url("", "localhost")
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": url}
    document = {"id": did, "alsoKnownAs": [f"at://{FORGED}"], "service": [service]}
    refusal = {"error": FORGED, "message": FORGED}
    hostile.serve(
        {
            "/.well-known/did.json": json_reply(200, document),
            "/xrpc/com.atproto.sync.getRepoStatus": json_reply(400, refusal),
        }
    )
    data = tmp_path / "appview"
    data.mkdir()
    database = open_database(data / "appview.db")
    Ledger(database).receive(
        Source("relay", "https://relay.example"),
        [Event(1, Commit(did, "3222222222222", ()))],
    )
    relay = f"http://operator:{SECRET}@127.0.0.1:1"
    with as_process(data, "--relay", relay, ATDATA_PDS_URL=url) as appview:
        log = data / "log.txt"
        wait_until(lambda: did in log.read_text() and "127.0.0.1:1" in log.read_text())
        published = appview.query("describeService").text
        shown = published + appview.get("/metrics").text + appview.get("/health").text
    database.close()
    lines = log.read_text().splitlines()
    assert any("atdata.appview forged" in line for line in lines)
    assert not [line for line in lines if line.startswith("2026-01-01")]
    assert "\x1b" not in log.read_text()
    assert "127.0.0.1:1" in published
    assert SECRET not in shown + log.read_text()


def test_settings_and_sources_show_no_password() -> None:
    source = Source("pds", f"https://operator:{SECRET}@pds.example/")
    settings = Settings(
        data=Path("x"), database=f"postgresql://a:{SECRET}@db.example/x", sources=(source,)
    )
    assert SECRET not in repr(settings) + str(source)
    assert source.name == source.only_pds == "https://pds.example"
    assert SECRET in source.stream_url(0)
    assert Network([source.url]).is_chosen("https://pds.example")


def test_a_database_keeps_no_password_of_a_source(tmp_path: Path) -> None:
    database = open_database(tmp_path / "appview.db")
    source = Source("relay", f"https://operator:{SECRET}@relay.example")
    ledger = Ledger(database)
    ledger.receive(source, [Event(7, None)])
    assert ledger.position(source) == (7, False)
    assert SECRET not in str([dict(row) for row in database.read("SELECT * FROM sources")])
    database.close()


@pytest.mark.parametrize("url", ["https://relay.example", "http://127.0.0.1:1"])
def test_sources_without_a_password_are_shown_as_they_are(tmp_path: Path, url: str) -> None:
    with in_thread(tmp_path / "a", sources=(Source("jetstream", "http://127.0.0.1:1"),)) as appview:
        assert appview.query("describeService").json()["sources"] == ["http://127.0.0.1:1"]
    assert Source("relay", url).name == url
