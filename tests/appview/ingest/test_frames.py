from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.appview.events import AccountChange, Commit, Event, Gap, IdentityChange, Write
from atdata.appview.ingest.frames import FrameError, read_frame
from atdata_records import Link, cid, dag_cbor
from atdata_records.ac.foundation.dataset.record import Record

from ..content import DID, dataset, rev

DATA = Record.from_dict(dataset("one")).to_cbor()
CID = cid.of_cbor(DATA)


def car(*blocks: tuple[str, bytes]) -> bytes:
    head = dag_cbor.encode({"version": 1, "roots": [Link(CID)]})
    parts = [head, *(cid.to_bytes(name) + data for name, data in blocks)]
    return b"".join(varint(len(part)) + part for part in parts)


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def frame(kind: str, op: int = 1, **body: Any) -> bytes:
    head = {"op": op, "t": kind} if op == 1 else {"op": op}
    return dag_cbor.encode(head) + dag_cbor.encode(body)


def commit(ops: list[dict[str, Any]], blocks: bytes, **more: Any) -> bytes:
    body = {"seq": 7, "repo": DID, "rev": rev(5)} | more
    return frame("#commit", ops=ops, blocks=blocks, **body)


def op(action: str = "create", key: str = "a", name: str | None = CID) -> dict[str, Any]:
    return {"action": action, "path": f"{Record.NSID}/{key}", "cid": name and Link(name)}


def test_a_commit_brings_the_records_that_its_blocks_hold() -> None:
    ops = [op(), op("delete", "b", None), {"action": "create", "path": "app.other/x", "cid": None}]
    wanted = (Write(Record.NSID, "a", CID, DATA), Write(Record.NSID, "b"))
    assert read_frame(commit(ops, car((CID, DATA)))) == Event(7, Commit(DID, rev(5), wanted))


def test_a_commit_of_other_collections_only_moves_on() -> None:
    other = {"action": "create", "path": "app.bsky.feed.post/x", "cid": Link(CID)}
    assert read_frame(commit([other], b"not even a CAR file")) == Event(7, None)


@pytest.mark.parametrize(
    "blocks", [car(), car((CID, b"other bytes")), car((cid.of_cbor(b"x"), DATA))]
)
def test_a_block_that_is_missing_or_not_its_cid_makes_a_gap(blocks: bytes) -> None:
    assert read_frame(commit([op()], blocks)) == Event(7, Gap(DID, rev(5)))


def test_a_commit_that_was_too_big_makes_a_gap() -> None:
    assert read_frame(commit([], b"", tooBig=True)) == Event(7, Gap(DID, rev(5)))


@pytest.mark.parametrize(
    ("kind", "body", "what"),
    [
        ("#account", {"active": True}, AccountChange(DID, "active")),
        ("#account", {"active": False, "status": "takendown"}, AccountChange(DID, "takendown")),
        ("#account", {"active": False}, AccountChange(DID, "inactive")),
        ("#identity", {"handle": "x.test"}, IdentityChange(DID)),
        ("#sync", {"rev": rev(9)}, Gap(DID, rev(9))),
        ("#something-new", {}, None),
    ],
)
def test_other_events_are_distinguished(kind: str, body: dict[str, Any], what: Any) -> None:
    assert read_frame(frame(kind, seq=3, did=DID, **body)) == Event(3, what)


def test_information_is_passed_over_unless_the_cursor_is_outdated() -> None:
    assert read_frame(frame("#info", name="Hello")) is None
    with pytest.raises(FrameError) as caught:
        read_frame(frame("#info", name="OutdatedCursor"))
    assert caught.value.code == "OutdatedCursor"


def test_the_servers_error_raises() -> None:
    with pytest.raises(FrameError, match="FutureCursor") as caught:
        read_frame(frame("", op=-1, error="FutureCursor"))
    assert caught.value.code == "FutureCursor"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        dag_cbor.encode({"op": 1, "t": "#commit"}),
        commit([op()], b"\xff" * 20),
        commit([op()], car((CID, DATA))[:-3]),
        commit([{"action": "create"}], b""),
        frame("#account", seq="7", did=DID, active=True),
        frame("#account", seq=7, did="not a did", active=True),
        frame("#sync", seq=7, did=DID, rev="not a rev"),
        b"\x81" * 100_000,
    ],
)
def test_what_can_not_be_read_is_an_error(data: bytes) -> None:
    with pytest.raises(FrameError):
        read_frame(data)


@given(st.binary(max_size=200), st.integers(0, 400))
def test_damage_is_an_error_or_another_event_and_never_a_wrong_record(junk: bytes, at: int) -> None:
    good = commit([op()], car((CID, DATA)))
    try:
        event = read_frame(good[:at] + junk + good[at + len(junk) :])
    except FrameError:
        return
    if event and isinstance(event.change, Commit):
        for write in event.change.writes:
            if write.content is not None:
                assert isinstance(write.content, bytes)
                assert cid.of_cbor(write.content) == write.cid
