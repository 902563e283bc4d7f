"""Whole files in several parts, from a real server."""

from __future__ import annotations

import random
import tempfile
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atdata.cache import download as module
from atdata.cache.download import Cancelled, Download
from atdata.errors import DigestMismatch, NetworkError
from atdata.shards.expected import ExpectedShard
from atdata.storage import http
from atdata.storage.objects import StoredObject
from atdata_records import cid
from servers.web import Answer, Web, web_server

BODY = random.Random(2).randbytes(1_000_003)
CID = cid.of_bytes(BODY)
TAG = {"ETag": '"one"'}


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch, no_waits: None) -> None:
    monkeypatch.setattr(module, "CHUNK", 100_000)


def fetch(url: str, expected: ExpectedShard | None = None) -> bytes:
    download = Download(StoredObject(http.Web(), url), expected)
    first = download.begin()
    with tempfile.TemporaryFile() as file, first.stream:
        found, size = download.write(first, file)
        file.seek(0)
        data = file.read()
    assert (found, size) == (cid.of_bytes(data), len(data))
    return data


def test_parts_are_asked_for_side_by_side(web: Web) -> None:
    url = web.serve("/a", BODY, headers=TAG, ranges=True)
    assert fetch(url) == BODY
    assert len(web.seen) == 11
    assert {headers.get("if-match") for _, headers in web.seen} == {None, '"one"'}
    parts = sorted(int(part[6:].partition("-")[0]) for part in web.ranges if part)
    assert parts == list(range(0, len(BODY), 100_000))


def test_a_small_file_is_one_request(web: Web) -> None:
    assert fetch(web.serve("/a", BODY[:99_999], headers=TAG, ranges=True)) == BODY[:99_999]
    assert len(web.seen) == 1


def test_a_server_without_ranges_is_read_through_once(web: Web) -> None:
    assert fetch(web.serve("/a", BODY, headers=TAG)) == BODY
    assert len(web.seen) == 1


@settings(max_examples=15, deadline=None)
@given(
    size=st.integers(0, 450_000),
    cuts=st.lists(st.integers(0, 120_000), max_size=4),
    ranges=st.booleans(),
    tagged=st.booleans(),
)
def test_whatever_breaks_the_expected_bytes_arrive(
    size: int, cuts: list[int], ranges: bool, tagged: bool
) -> None:
    """Also without a tag: what is joined will be held to the digest."""
    body, headers = BODY[:size], TAG if tagged else {}
    answers = [Answer(body, headers=headers, cut=cut, ranges=ranges) for cut in cuts]
    with web_server() as web:
        url = web.serve_in_turn("/a", *answers, Answer(body, headers=headers, ranges=ranges))
        if body or not ranges:
            assert fetch(url, ExpectedShard(cid.of_bytes(body), size)) == body


def test_a_state_that_changes_on_the_way_is_an_error(web: Web) -> None:
    first = Answer(BODY, headers=TAG, ranges=True)
    url = web.serve_in_turn("/a", first, first, Answer(BODY[::-1], headers={"ETag": '"two"'}))
    with pytest.raises(NetworkError, match="changed"):
        fetch(url)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (ExpectedShard(cid.of_bytes(b"other"), len(BODY)), "not those expected"),
        (ExpectedShard(cid.of_bytes(b"other")), "not those expected"),
        (ExpectedShard(CID, len(BODY) - 1), "longer than"),
        (ExpectedShard(CID, 10), "longer than"),
        (ExpectedShard(CID, len(BODY) + 1), "ends after"),
    ],
)
def test_other_bytes_than_expected(web: Web, expected: ExpectedShard, message: str) -> None:
    url = web.serve("/a.tar", BODY, headers=TAG, ranges=True)
    with pytest.raises(DigestMismatch, match=message) as caught:
        fetch(url, expected)
    assert caught.value.shard == url


def test_no_more_is_fetched_than_was_expected(web: Web) -> None:
    url = web.serve("/a.tar", BODY, headers=TAG, ranges=True)
    with pytest.raises(DigestMismatch):
        fetch(url, ExpectedShard(CID, 150_000))
    assert len(web.seen) == 2


def test_it_can_be_given_up(web: Web) -> None:
    url = web.serve("/a.tar", BODY, headers=TAG, ranges=True)
    enough = threading.Event()
    download = Download(StoredObject(http.Web(), url), is_cancelled=enough.is_set)
    first = download.begin()
    enough.set()
    with tempfile.TemporaryFile() as file, first.stream, pytest.raises(Cancelled):
        download.write(first, file)


def test_the_state_of_a_file_is_read_from_one_byte(web: Web) -> None:
    url = web.serve("/a.tar", BODY, headers=TAG, ranges=True)
    assert Download(StoredObject(http.Web(), url)).tag() == '"one"'
    assert web.ranges == ["bytes=0-0"]
