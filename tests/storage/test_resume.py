"""Broken connections, against a real server that breaks them."""

from __future__ import annotations

import random
import time
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atdata.errors import NetworkError
from atdata.sources import open_url
from atdata.storage import http
from atdata.storage.objects import StoredObject
from atdata.storage.resume import open_patiently
from atdata.storage.retry import ATTEMPTS
from servers.web import Answer, Web, web_server

BODY = random.Random(1).randbytes(3_000_000)
TAG = {"ETag": '"one"'}

pytestmark = pytest.mark.usefixtures("no_waits")


def part(cut: int | None = None, tag: dict[str, str] = TAG, body: bytes = BODY) -> Answer:
    return Answer(body, headers=tag, cut=cut, ranges=True)


def read(url: str) -> bytes:
    with open_url(url) as stream:
        return stream.read()


def test_reading_goes_on_where_the_connection_broke(web: Web) -> None:
    url = web.serve_in_turn("/a", part(cut=1_000_000), part(cut=500_000), part())
    assert read(url) == BODY
    starts = [int((part or "bytes=0-")[6:].partition("-")[0]) for part in web.ranges]
    assert starts[0] == 0 < starts[1] < starts[2]
    assert [headers.get("if-match") for _, headers in web.seen] == [None, '"one"', '"one"']


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 200_000), max_size=ATTEMPTS - 1), st.booleans())
def test_wherever_it_breaks_the_bytes_are_the_same(cuts: list[int], ranges: bool) -> None:
    """Also from a server that knows no ranges and begins anew each time."""
    body = BODY[:200_000]
    answers = [Answer(body, headers=TAG, cut=cut, ranges=ranges) for cut in cuts]
    with web_server() as web:
        url = web.serve_in_turn("/a", *answers, Answer(body, headers=TAG, ranges=ranges))
        assert read(url) == body


def test_a_server_that_never_gets_on_is_given_up(web: Web) -> None:
    url = web.serve_in_turn("/a", part(cut=100_000), part(cut=0))
    with pytest.raises(NetworkError, match="broke"):
        read(url)
    assert len(web.seen) == 1 + ATTEMPTS


def test_a_file_of_unchanging_date_is_resumed_too(web: Web) -> None:
    old = {"Last-Modified": formatdate(time.time() - 3600, usegmt=True)}
    url = web.serve_in_turn("/a", part(cut=1_000_000, tag=old), part(tag=old))
    assert read(url) == BODY
    assert web.seen[1][1]["if-unmodified-since"] == old["Last-Modified"]


@pytest.mark.parametrize(
    "headers", [{}, {"ETag": 'W/"weak"'}, {"Last-Modified": "just now"}], ids=str
)
def test_two_indistinguishable_states_are_never_joined(web: Web, headers: dict[str, str]) -> None:
    if "Last-Modified" in headers:
        headers = {"Last-Modified": formatdate(usegmt=True)}
    url = web.serve_in_turn("/a", part(cut=1_000_000, tag=headers), part(tag=headers))
    with pytest.raises(NetworkError, match="broke"):
        read(url)
    assert len(web.seen) == 1


@pytest.mark.parametrize("heeds_conditions", [True, False])
def test_a_file_that_was_replaced_meanwhile_is_an_error(web: Web, heeds_conditions: bool) -> None:
    other = Answer(BODY[::-1], headers={"ETag": '"two"'}, ranges=heeds_conditions)
    url = web.serve_in_turn("/a", part(cut=1_000_000), other)
    with pytest.raises(NetworkError, match=r"412|has changed"):
        read(url)


def test_errors_on_the_way_are_waited_out(web: Web) -> None:
    busy = [Answer(status=503), Answer(status=429, headers={"Retry-After": "1"})]
    url = web.serve_in_turn("/a", *busy, part(cut=1_000_000), *busy, part())
    assert read(url) == BODY


def test_500s_then_success(web: Web) -> None:
    url = web.serve_in_turn("/a", *[Answer(status=500)] * (ATTEMPTS - 1), part())
    assert read(url) == BODY


def test_500s_for_good(web: Web) -> None:
    with pytest.raises(NetworkError, match="500"):
        read(web.serve("/a", status=500))
    assert len(web.seen) == ATTEMPTS


def test_what_is_not_there_is_not_asked_for_twice(web: Web) -> None:
    with pytest.raises(NetworkError, match="404"):
        read(web.url("/none"))
    assert len(web.seen) == 1


def test_parts_are_had_patiently(web: Web) -> None:
    url = web.serve_in_turn("/a", Answer(status=500), part())
    ask = StoredObject(http.Web(), url).ask
    opened = open_patiently(ask, url, start=10, stop=20, tag='"one"')
    with opened.stream as stream:
        assert (stream.read(), opened.start, opened.size) == (BODY[10:20], 10, len(BODY))
