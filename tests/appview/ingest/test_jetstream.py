from __future__ import annotations

import json
from typing import Any

import pytest

from atdata.appview.events import AccountChange, Commit, IdentityChange, Write
from atdata.appview.ingest.frames import FrameError
from atdata.appview.ingest.jetstream import read_message
from atdata_records.ac.foundation.dataset.record import Record

from ..content import DID, dataset, rev


def message(kind: str, **body: Any) -> str:
    return json.dumps({"did": DID, "time_us": 5, "kind": kind, **body})


def commit(operation: str, **more: Any) -> str:
    body = {"rev": rev(1), "operation": operation, "collection": Record.NSID, "rkey": "a", **more}
    return message("commit", commit=body)


def test_commits_bring_records_as_json() -> None:
    value = dataset("one")
    name = Record.from_dict(value).cid()
    event = read_message(commit("create", cid=name, record=value))
    assert event.position == 5
    assert event.change == Commit(DID, rev(1), (Write(Record.NSID, "a", name, value),))
    assert read_message(commit("delete")).change == Commit(DID, rev(1), (Write(Record.NSID, "a"),))
    assert read_message(commit("create", collection="app.other")).change is None


def test_accounts_and_identities() -> None:
    inactive = message("account", account={"active": False, "status": "suspended"})
    assert read_message(inactive).change == AccountChange(DID, "suspended")
    active = message("account", account={"active": True})
    assert read_message(active).change == AccountChange(DID, "active")
    assert read_message(message("identity", identity={})).change == IdentityChange(DID)
    assert read_message(message("something new")).change is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"did": "x", "time_us": 1}',
        message("commit"),
        commit("create", rev="no"),
        commit("create"),
    ],
)
def test_what_can_not_be_read_is_an_error(text: str) -> None:
    with pytest.raises(FrameError):
        read_message(text)
