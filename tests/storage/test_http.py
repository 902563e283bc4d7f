from __future__ import annotations

import gzip
import socket
import time
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atdata.errors import NetworkError
from atdata.storage.http import Web as WebFiles
from atdata.storage.http import http_client
from servers.web import Answer, Web, open_stream, web_server


def test_bytes_come_as_the_server_has_them(web: Web) -> None:
    content = gzip.compress(b"content")
    url = web.serve("/a.tar.gz", content, headers={"Content-Encoding": "gzip"})
    with open_stream(url) as stream:
        assert stream.read() == content
    assert web.seen[0][1]["accept-encoding"] == "identity"


def test_redirects_are_followed_but_not_for_ever(web: Web) -> None:
    web.serve("/b", b"there")
    with open_stream(web.serve("/a", status=307, headers={"Location": "/b"})) as stream:
        assert stream.read() == b"there"
    with pytest.raises(NetworkError, match="more than 5 redirects"):
        open_stream(web.serve("/loop", status=302, headers={"Location": "/loop"}))


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "asks for credentials"),
        (403, "expired"),
        (404, "Check the URL"),
        (410, "was removed"),
        (429, "too many"),
        (500, ""),
    ],
)
def test_refusals_are_distinguished_and_show_no_secret(web: Web, status: int, hint: str) -> None:
    web.serve("/a?sig=secret", status=status)
    with pytest.raises(NetworkError, match=f"answered {status}") as caught:
        open_stream(web.url("/a?sig=secret"))
    assert hint in (caught.value.hint or "")
    assert "secret" not in str(caught.value)


def test_a_connection_cut_short_raises(web: Web) -> None:
    url = web.serve("/a?sig=secret", b"x" * 1000, announced=2000)
    with open_stream(url) as stream, pytest.raises(NetworkError, match="broke") as caught:
        stream.read()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://", "http://[", "http://a b/", "http://\x00/"])
def test_urls_without_form_are_network_errors(url: str) -> None:
    with pytest.raises(NetworkError):
        open_stream(url)


def test_a_part_of_a_file(web: Web) -> None:
    url = web.serve("/a", b"0123456789", headers={"ETag": '"x"'}, ranges=True)
    opened = WebFiles().open_range(url, start=3, stop=7)
    with opened.stream as stream:
        assert stream.read() == b"3456"
    assert (opened.start, opened.size, opened.tag) == (3, 10, '"x"')
    with WebFiles().open_range(url, start=8).stream as stream:
        assert stream.read() == b"89"
    assert web.ranges == ["bytes=3-6", "bytes=8-"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 300), st.integers(1, 400))
def test_parts_are_what_slices_are(start: int, length: int) -> None:
    body = bytes(range(256)) + b"more"
    with web_server() as web:
        url = web.serve("/a", body, ranges=True)
        if start >= len(body):
            with pytest.raises(NetworkError, match="416") as caught:
                WebFiles().open_range(url, start=start, stop=start + length)
            assert not caught.value.transient
            return
        with WebFiles().open_range(url, start=start, stop=start + length).stream as stream:
            assert stream.read() == body[start : start + length]


def test_a_server_without_ranges_sends_all_of_it(web: Web) -> None:
    opened = WebFiles().open_range(web.serve("/a", b"0123456789"), start=3, stop=7)
    with opened.stream as stream:
        assert (opened.start, stream.read()) == (0, b"0123456789")


def test_the_start_of_an_empty_file_is_nothing(web: Web) -> None:
    opened = WebFiles().open_range(web.serve("/a", b"", ranges=True), stop=100)
    with opened.stream as stream:
        assert (opened.start, opened.size, stream.read()) == (0, 0, b"")


def test_a_server_that_refuses_to_give_less_than_asked(web: Web) -> None:
    url = web.serve_in_turn("/a", Answer(status=416), Answer(b"0123"))
    with WebFiles().open_range(url, stop=100).stream as stream:
        assert stream.read() == b"0123"


@pytest.mark.parametrize(
    "extent",
    ["", "bytes", "bytes 0-3/10", "bytes 3-9/10", "bytes 4-6/10", "items 3-6/10", "bytes */9"],
)
def test_another_part_than_was_asked_for(web: Web, extent: str) -> None:
    url = web.serve("/a", b"3456", status=206, headers={"Content-Range": extent})
    with pytest.raises(NetworkError, match="another part"):
        WebFiles().open_range(url, start=3, stop=7)


def test_a_part_of_a_file_of_unknown_size(web: Web) -> None:
    url = web.serve("/a", b"3456", status=206, headers={"Content-Range": "bytes 3-6/*"})
    opened = WebFiles().open_range(url, start=3, stop=7)
    with opened.stream as stream:
        assert (opened.size, stream.read()) == (None, b"3456")


def test_transient_errors_are_distinguished(web: Web) -> None:
    for status in (400, 401, 403, 404, 408, 410, 416, 425, 429, 500, 501, 502, 503, 504):
        with pytest.raises(NetworkError) as caught:
            open_stream(web.serve(f"/{status}", status=status))
        assert caught.value.status == status
        assert caught.value.transient is (status in (408, 425, 429, 500, 502, 503, 504))


@pytest.mark.parametrize("said", ["7", "date", "", "soon", "-1", "1e3"])
def test_when_to_come_back(web: Web, said: str) -> None:
    header = formatdate(time.time() + 7, usegmt=True) if said == "date" else said
    with pytest.raises(NetworkError) as caught:
        open_stream(web.serve("/a", status=429, headers={"Retry-After": header}))
    if said in ("7", "date"):
        assert caught.value.retry_after == pytest.approx(7, abs=2)
    else:
        assert caught.value.retry_after is None


def test_a_date_that_is_past_means_now(web: Web) -> None:
    past = formatdate(0, usegmt=True)
    with pytest.raises(NetworkError) as caught:
        open_stream(web.serve("/a", status=503, headers={"Retry-After": past}))
    assert caught.value.retry_after == 0


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("atdata.storage.http._SILENCE_SECONDS", 0.2)
    monkeypatch.setattr("atdata.storage.http._shared_client", lambda *_: http_client())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(NetworkError, match="in time") as caught:
            open_stream(f"http://127.0.0.1:{silent.getsockname()[1]}/a")
        assert caught.value.transient
